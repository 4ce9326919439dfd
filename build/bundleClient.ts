import { execFileSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { build } from 'esbuild';
import { out, root } from './paths.ts';

const dir = join(out, 'client');
const source = join(root, 'build/client');

/** Makes the package that other programs install to ask the control plane: one file of code, its types, what it needs. */
export async function bundleClient(): Promise<void> {
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  const needs = await bundleCode();
  writeTypes();
  const about = JSON.parse(readFileSync(join(source, 'manifest.json'), 'utf8')) as object;
  const ours = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
  const dependencies = Object.fromEntries(needs.map((name) => [name, ours.dependencies[name]]));
  const unknown = needs.filter((name) => dependencies[name] === undefined);
  if (unknown.length > 0) throw new Error(`The client needs ${unknown.join(', ')}, which is no dependency of ours.`);
  writeFileSync(join(dir, 'package.json'), `${JSON.stringify({ ...about, dependencies }, null, 2)}\n`);
  for (const [from, to] of [
    [join(source, 'README.md'), 'README.md'],
    [join(root, 'LICENSE'), 'LICENSE'],
  ] as const) {
    cpSync(from, join(dir, to));
  }
}

/** @returns the packages it imports, sorted */
async function bundleCode(): Promise<string[]> {
  const needs = new Set<string>();
  await build({
    absWorkingDir: root,
    entryPoints: { index: join(source, 'main.ts') },
    outdir: dir,
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    logLevel: 'error',
    plugins: [
      {
        name: 'packages-stay-outside',
        setup(plugins) {
          plugins.onResolve({ filter: /^[^.#/]/ }, ({ path, kind }) => {
            if (kind === 'entry-point') return undefined;
            if (path.startsWith('node:')) throw new Error(`The client has to run without ${path}.`);
            needs.add(path.split('/', path.startsWith('@') ? 2 : 1).join('/'));
            return { path, external: true };
          });
        },
      },
    ],
  });
  return [...needs].sort();
}

/** Declarations of everything that the client's types are made of, with paths that mean something in the package. */
function writeTypes(): void {
  const types = join(dir, 'types');
  const config = join(dir, 'tsconfig.json');
  const settings = {
    extends: join(root, 'tsconfig.base.json'),
    compilerOptions: {
      composite: false,
      declaration: true,
      noCheck: true,
      rootDir: root,
      outDir: types,
      types: ['node'],
    },
    files: [join(source, 'main.ts')],
  };
  writeFileSync(config, JSON.stringify(settings));
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
  execFileSync(process.execPath, [tsc, '-p', config], { cwd: root, stdio: 'pipe' });
  rmSync(config);
  for (const file of globSync('**/*.d.ts', { cwd: types })) {
    const place = join(types, file);
    const text = readFileSync(place, 'utf8').replace(
      /(["'])(#shared\/|\.\.?\/)([^"']+)\.ts\1/g,
      (_all, quote, start, rest) => {
        const target = start === '#shared/' ? relative(dirname(place), join(types, 'shared', rest)) : `${start}${rest}`;
        return `${quote}${target.startsWith('.') ? target : `./${target}`}.js${quote}`;
      },
    );
    writeFileSync(place, text);
  }
}
