import { createHash } from 'node:crypto';
import { existsSync, realpathSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { packageName } from '#runtime/sandbox/imports.ts';
import { isPackedPath, PACKED_PATH, type Packed, packTexts, readPacked } from '#runtime/sandbox/packages.ts';
import { SluiceError } from '#shared/error.ts';
import type { Edit } from '#shared/workflow/edit.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { bundlePackages } from './bundle.ts';
import { packageImports, type Wanted } from './importsOf.ts';
import { checkInstalled, INSTALL, type LockFile, readLock } from './lockFile.ts';
import { replacePacked } from './replacePacked.ts';

/** Changes with what is packed and how; then all is packed anew. */
const FORMAT = 1;
const PATH = PACKED_PATH.replace(/^scripts\//, '');
/** What all packages of a project may be together. Each call compiles what its script imports. */
export const MAX_PACKED = 4_000_000;

/**
 * Packs what a project's scripts import from npm packages into a script, `scripts/packages/npm.js`. Only where it is not
 * packed already from the same lock file for the same imports, so that whoever has the project without
 * `node_modules` runs the same bytes. Installs, fetches and executes nothing.
 *
 * @returns what to change in the project; nothing where all is as it should be
 * @throws SluiceError package.not_installed, package.not_locked, package.not_supported, code.syntax
 */
export async function packNpm(dir: string, tree: Tree): Promise<Edit[]> {
  const scriptsDir = join(dir, 'scripts');
  const lock = existsSync(scriptsDir) ? await readLock(scriptsDir) : undefined;
  const wanted = forPackages(packageImports(tree), lock);
  const before = Object.hasOwn(tree.scripts, PATH) ? tree.scripts[PATH] : undefined;
  const specifiers = Object.keys(wanted);
  if (specifiers.length === 0) return replacePacked(tree, {}, isPackedPath);

  const packed = before === undefined ? undefined : stillGood(tree);
  const imports = Object.fromEntries(specifiers.map((one) => [one, (wanted[one] as Wanted).names]));
  if (!lock) {
    // The folder came without it, by the cloud for example; then what it brought along is what there is.
    if (packed && covers(packed, imports)) return [];
    throw noLock(specifiers[0] as string, wanted);
  }
  const inputs = hashOf({ format: FORMAT, imports, lock: lock.text });
  if (packed?.inputs === inputs) return [];

  for (const specifier of specifiers) {
    const name = packageName(specifier) as string;
    if (lock.direct.has(name)) continue;
    throw new SluiceError(
      'package.not_locked',
      `${wanted[specifier]?.by} imports ${specifier}, and scripts/package.json does not list ${name}.`,
      { advice: `In scripts/, run "npm install --ignore-scripts ${name}".`, details: { package: name } },
    );
  }
  refusePlatforms(specifiers, lock);
  if (!existsSync(join(scriptsDir, 'node_modules'))) {
    const [first] = specifiers as [string];
    const why = `${wanted[first]?.by} imports ${first}, and there is no scripts/node_modules.`;
    throw new SluiceError('package.not_installed', why, { advice: INSTALL, details: { package: first } });
  }
  const real = realpathSync(scriptsDir);
  const { modules, uses, places, bytesOf } = await bundlePackages(real, wanted);
  const packages = await checkInstalled(real, places, lock);
  const texts = packTexts({ inputs, packages, imports, modules, uses });
  const length = Object.values(texts).reduce((sum, text) => sum + text.length, 0);
  if (length > MAX_PACKED) throw tooLarge(length, bytesOf);
  return replacePacked(tree, texts, isPackedPath);
}

/** Node's own modules are left to the sandbox, which refuses them by name; a package may have such a name. */
function forPackages(wanted: Record<string, Wanted>, lock: LockFile | undefined): Record<string, Wanted> {
  const isPackage = (specifier: string) => !isBuiltin(specifier) || lock?.direct.has(packageName(specifier) ?? '');
  return Object.fromEntries(Object.entries(wanted).filter(([specifier]) => isPackage(specifier)));
}

function stillGood({ scripts }: Tree): Packed | undefined {
  try {
    return readPacked((path) => scripts[path.slice('scripts/'.length)]);
  } catch (thrown) {
    if (thrown instanceof SluiceError) return undefined;
    throw thrown;
  }
}

function covers({ imports }: Packed, wanted: Record<string, string[]>): boolean {
  return Object.entries(wanted).every(([specifier, names]) => {
    const there = Object.hasOwn(imports, specifier) ? (imports[specifier] as string[]) : undefined;
    return there !== undefined && names.every((name) => there.includes(name));
  });
}

function refusePlatforms(specifiers: readonly string[], lock: LockFile): void {
  for (const specifier of specifiers) {
    const entry = lock.packages[`node_modules/${packageName(specifier)}`];
    if (!entry?.os && !entry?.cpu) continue;
    const name = packageName(specifier) as string;
    throw new SluiceError(
      'package.not_supported',
      `The package ${name} is made for one system (${[...(entry.os ?? []), ...(entry.cpu ?? [])].join(', ')}).`,
      {
        advice: 'Scripts run the same everywhere: look for a package in pure JavaScript.',
        details: { package: name },
      },
    );
  }
}

function noLock(specifier: string, wanted: Record<string, Wanted>): SluiceError {
  const name = packageName(specifier) as string;
  const message = `${wanted[specifier]?.by} imports ${specifier}, and the project has no scripts/package.json with a scripts/package-lock.json.`;
  return new SluiceError('package.not_installed', message, {
    advice: `In scripts/, run "npm install --ignore-scripts ${name}": Sluice itself installs and fetches nothing.`,
    details: { package: name },
  });
}

function tooLarge(length: number, bytesOf: Record<string, number>): SluiceError {
  const largest = Object.entries(bytesOf)
    .sort(([, a], [, b]) => b - a)
    .slice(0, 3)
    .map(([place, bytes]) => `${place.slice('node_modules/'.length)} ${bytes}`);
  return new SluiceError(
    'package.not_supported',
    `The packages that scripts import have ${length} characters together; ${MAX_PACKED} is the most. The largest: ${largest.join(', ')}.`,
    { advice: 'Import by name in place of `* as`, or a part of the package, or a smaller one.' },
  );
}

function hashOf(value: object): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
