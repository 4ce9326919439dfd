import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { basename, join } from 'node:path';
import { type BuildFailure, build, type Message, type Metafile, type Plugin } from 'esbuild';
import { packageName } from '#runtime/sandbox/imports.ts';
import type { Packed } from '#runtime/sandbox/packages.ts';
import { SluiceError } from '#shared/error.ts';
import type { Wanted } from './importsOf.ts';
import { notInstalled } from './lockFile.ts';

/** What was bundled, and the places (`node_modules/lodash`) of the packages that it came from. */
export type Bundle = Pick<Packed, 'modules' | 'uses'> & { places: string[]; bytesOf: Record<string, number> };

/** Names of packages that only exist to load machine code. */
const LOADERS = new Set(['bindings', 'node-gyp-build', 'node-addon-api', '@mapbox/node-pre-gyp', 'prebuild-install']);
const ENTRY = 'sluice-entry';

/**
 * Packages as JavaScript that needs nothing around it: no Node, no files, no machine code. Nothing of them is executed.
 * The same files give the same text, on every system.
 *
 * @param scriptsDir the folder that `node_modules` is in, without links in its path
 * @throws SluiceError package.not_supported, package.not_installed, code.syntax
 */
export async function bundlePackages(scriptsDir: string, wanted: Record<string, Wanted>): Promise<Bundle> {
  const specifiers = Object.keys(wanted).sort();
  const entries = specifiers.map((specifier) => entryFor(specifier, wanted[specifier] as Wanted));
  const outdir = join(scriptsDir, 'packed');
  const result = await build({
    absWorkingDir: scriptsDir,
    entryPoints: specifiers.map((_, index) => ({ in: `${ENTRY}:${index}`, out: `entry${index}` })),
    outdir,
    write: false,
    metafile: true,
    bundle: true,
    splitting: true,
    format: 'esm',
    // Packages that have a way without Node are taken that way.
    platform: 'browser',
    target: 'es2024',
    define: { global: 'globalThis', 'process.env.NODE_ENV': '"production"' },
    // Names stay as they are, so that an error's name and stack say something.
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'inline',
    charset: 'utf8',
    sourcemap: false,
    // A stray tsconfig.json beside the packages is not ours.
    tsconfigRaw: '{}',
    logLevel: 'silent',
    plugins: [entriesFrom(entries, scriptsDir)],
  }).catch(async (thrown: BuildFailure) => {
    if (!Array.isArray(thrown.errors) || !thrown.errors[0]) throw thrown;
    throw await explain(scriptsDir, thrown.errors, specifiers, wanted);
  });
  const nameOf = (path: string) => {
    const name = basename(path);
    const entry = /^entry(\d+)\.js$/.exec(name)?.[1];
    return entry === undefined ? `./${name}` : (specifiers[Number(entry)] as string);
  };
  const modules = Object.fromEntries(
    result.outputFiles.map(({ path, text }) => [nameOf(path), text.replaceAll('\r', '\n')]),
  );
  const uses: Record<string, string[]> = {};
  const bytesOf: Record<string, number> = {};
  for (const [path, { imports, inputs }] of Object.entries(result.metafile.outputs)) {
    uses[nameOf(path)] = imports
      .filter(({ external }) => !external)
      .map((one) => nameOf(one.path))
      .sort();
    for (const [file, { bytesInOutput }] of Object.entries(inputs)) {
      const place = placeOf(file);
      if (place !== undefined) bytesOf[place] = (bytesOf[place] ?? 0) + bytesInOutput;
    }
  }
  return { modules, uses, places: placesOf(result.metafile), bytesOf };
}

function entryFor(specifier: string, { names }: Wanted): string {
  const from = JSON.stringify(specifier);
  if (names.length === 0) return `import ${from};`;
  const named = names.filter((name) => name !== '*').map((name) => (isWord(name) ? name : JSON.stringify(name)));
  const all = names.includes('*') ? `export * from ${from};` : '';
  return `${all}export { ${named.join(', ')} } from ${from};`;
}

const isWord = (name: string) => /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u.test(name);

function entriesFrom(entries: string[], resolveDir: string): Plugin {
  return {
    name: ENTRY,
    setup({ onResolve, onLoad }) {
      onResolve({ filter: new RegExp(`^${ENTRY}:`) }, ({ path }) => ({ path: path.split(':')[1], namespace: ENTRY }));
      onLoad({ filter: /.*/, namespace: ENTRY }, ({ path }) => ({ contents: entries[Number(path)], resolveDir }));
    },
  };
}

/** @throws SluiceError package.not_supported where something else than installed packages was read */
function placesOf({ inputs }: Metafile): string[] {
  const places = new Set<string>();
  for (const file of Object.keys(inputs)) {
    if (file.startsWith(`${ENTRY}:`)) continue;
    const place = placeOf(file);
    if (place === undefined) {
      throw new SluiceError('package.not_supported', `A package leads to ${file}, outside of scripts/node_modules.`, {
        advice: 'Links to folders are not packed: install the package itself, from a registry or a file.',
      });
    }
    places.add(place);
  }
  return [...places].sort();
}

/** `node_modules/a/node_modules/@s/b` of a file in it. */
function placeOf(file: string): string | undefined {
  const path = file.replace(/^\(disabled\):/, '');
  const place = /^node_modules\/(?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0];
  return place?.includes('/.') ? undefined : place;
}

/** What esbuild could not do, as what somebody can do about it. The first that is named is told. */
async function explain(
  scriptsDir: string,
  errors: readonly Message[],
  specifiers: readonly string[],
  wanted: Record<string, Wanted>,
): Promise<SluiceError> {
  const [first] = errors as [Message];
  const file = first.location?.file ?? '';
  const entry = file.startsWith(`${ENTRY}:`) ? specifiers[Number(file.split(':')[1])] : undefined;
  const missing = errors.flatMap(({ text }) => /^Could not resolve "(.*)"/.exec(text)?.[1] ?? []);
  const inside = errors.flatMap(({ location }) => placeOf(location?.file ?? '') ?? []);

  const places = [...inside, ...specifiers.map((one) => `node_modules/${packageName(one)}`)];
  const loads = [...missing, ...inside.map(nameOf)].some((one) => LOADERS.has(packageName(one) ?? ''));
  for (const place of places) {
    if (LOADERS.has(nameOf(place))) continue;
    if (!(await isNative(join(scriptsDir, place), loads))) continue;
    return new SluiceError(
      'package.not_supported',
      `The package ${nameOf(place)} holds machine code (a native addon).`,
      {
        advice: 'Scripts run without it, and the same everywhere: look for a package in pure JavaScript.',
        details: { package: nameOf(place) },
      },
    );
  }
  const builtin = missing.find(isBuiltin);
  if (builtin !== undefined) {
    const at = errors.find(({ text }) => text.includes(`"${builtin}"`))?.location;
    const place = placeOf(at?.file ?? '');
    const who = place === undefined ? `${wanted[entry ?? '']?.by}` : `The package ${nameOf(place)}`;
    return new SluiceError(
      'package.not_supported',
      `${who} wants Node’s own module ${builtin}, which scripts do not have (${at?.file}:${at?.line}).`,
      {
        advice:
          'Use a package that works in browsers as well, or let a step do it: HTTP request, file, database and crypto steps have what Node has.',
        details: { package: place === undefined ? (entry ?? '') : nameOf(place), builtin },
      },
    );
  }
  const [lost] = missing;
  if (lost !== undefined) {
    const name = packageName(lost);
    if (entry !== undefined) {
      const there = existsSync(join(scriptsDir, 'node_modules', packageName(entry) ?? ''));
      if (!there) return notInstalled(packageName(entry) ?? entry, wanted[entry]?.by);
      return new SluiceError(
        'code.syntax',
        `${wanted[entry]?.by} imports ${entry}, and its package has no such part.`,
        {
          advice: 'Look in the package’s own documentation what may be imported.',
          details: { package: packageName(entry) ?? entry },
        },
      );
    }
    if (name !== undefined) return notInstalled(name);
  }
  const noExport = /^No matching export in ".*" for import "(.*)"$/.exec(first.text)?.[1];
  if (noExport !== undefined && entry !== undefined) {
    return new SluiceError(
      'code.syntax',
      `${wanted[entry]?.by} imports ${noExport} from ${entry}, which has no such export.`,
      {
        advice: 'Correct the name; where it is only a type, write `import type`.',
        details: { package: packageName(entry) ?? entry },
      },
    );
  }
  const who = inside[0] === undefined ? (entry ?? 'A package') : nameOf(inside[0]);
  return new SluiceError(
    'package.not_supported',
    `${who} cannot be packed: ${first.text} (${file}:${first.location?.line ?? 1}).`,
    { advice: 'Scripts take packages of JavaScript and JSON alone.', details: { package: who } },
  );
}

const nameOf = (place: string) => place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);

/** @param loads whether something on the way to it loads machine code */
async function isNative(folder: string, loads: boolean): Promise<boolean> {
  const names: string[] = await readdir(folder).catch(() => []);
  if (names.includes('binding.gyp') || names.some((name) => name.endsWith('.node'))) return true;
  const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => '{}');
  return (
    /"gypfile"\s*:\s*true/.test(text) || (loads && (names.includes('prebuilds') || /"(?:binary|napi)"\s*:/.test(text)))
  );
}
