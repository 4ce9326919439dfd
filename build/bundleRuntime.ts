import { createHash } from 'node:crypto';
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BuildOptions, build } from 'esbuild';
import { stepTypes } from '#runtime/connectors/registry.ts';
import { flatHash } from '#shared/workflow/hash.ts';
import { out, root } from './paths.ts';

type Lock = { packages: Record<string, { version?: string; integrity?: string }> };

/** How the runtime becomes one program. Small syntax leaves out what does nothing, the failpoints among it. */
export const runtimeBundle = {
  entryPoints: { main: join(root, 'runtime/main.ts') },
  absWorkingDir: root,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  external: ['isolated-vm'],
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  logLevel: 'error',
  // Bundled CommonJS packages ask for Node's own modules with require.
  banner: {
    js: "import { createRequire as nodeRequire } from 'node:module';\nconst require = nodeRequire(import.meta.url);",
  },
} as const satisfies BuildOptions;

/**
 * Makes the runtime package: one folder that the desktop's runner and every container execute, and its manifest with the
 * hash that names it. The same sources give the same hash: no times, no absolute paths.
 */
export async function bundleRuntime(): Promise<string> {
  const dir = join(out, 'runtime');
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  await build({ ...runtimeBundle, outdir: dir });
  writeFileSync(join(dir, 'package.json'), '{ "type": "module" }\n');
  copyNative(dir, 'isolated-vm', ['package.json', 'isolated-vm.js', 'LICENSE', 'prebuilds/**']);
  copyNative(dir, 'node-gyp-build', ['package.json', '*.js', 'LICENSE']);
  // Scripts get their dates from it, inside the isolate, as text.
  cpSync(join(root, 'node_modules/luxon/build/global/luxon.min.js'), join(dir, 'luxon.min.js'));

  copyPython(join(dir, 'pyodide'));

  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock;
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const locked = (name: string) => lock.packages[`node_modules/${name}`];
  const manifest = {
    version,
    node: locked('node')?.version ?? process.versions.node,
    files: filesOf(dir),
    native: { 'isolated-vm': `${locked('isolated-vm')?.version} ${locked('isolated-vm')?.integrity}` },
    python: `pyodide ${locked('pyodide')?.version} ${locked('pyodide')?.integrity}`,
    stepTypes: Object.fromEntries(stepTypes.map((type) => [type.type, [type.version]])),
  };
  const hash = flatHash(manifest);
  writeFileSync(join(dir, 'runtime.lock.json'), `${JSON.stringify({ ...manifest, hash }, null, 2)}\n`);
  return hash;
}

/** Only what runs: a package's sources and headers are ten times its program. */
function copyNative(dir: string, name: string, patterns: string[]): void {
  const from = join(root, 'node_modules', name);
  for (const file of globSync(patterns, { cwd: from })) {
    if (/\.[a-z0-9]+$|LICENSE$/i.test(file)) cpSync(join(from, file), join(dir, 'node_modules', name, file));
  }
}

/** Python and its standard library, without maps, types, consoles and the list of packages it could fetch. */
function copyPython(to: string): void {
  const from = join(root, 'node_modules/pyodide');
  mkdirSync(to, { recursive: true });
  for (const file of ['package.json', 'pyodide.mjs', 'pyodide.asm.mjs', 'pyodide.asm.wasm', 'python_stdlib.zip'])
    cpSync(join(from, file), join(to, file));
  const { info } = JSON.parse(readFileSync(join(from, 'pyodide-lock.json'), 'utf8')) as { info: unknown };
  writeFileSync(join(to, 'pyodide-lock.json'), JSON.stringify({ info, packages: {} }));
}

function filesOf(dir: string): Record<string, string> {
  const files = globSync('**/*', { cwd: dir, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(dir.length + 1)
        .replaceAll('\\', '/'),
    )
    .sort();
  return Object.fromEntries(
    files.map((file) => [
      file,
      createHash('sha256')
        .update(readFileSync(join(dir, file)))
        .digest('hex'),
    ]),
  );
}
