import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type BuildOptions, build } from 'esbuild';
import { out, root } from './paths.ts';

const common: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node24',
  // Packages stay in node_modules; our own sources, by relative path or #alias, are bundled.
  plugins: [
    {
      name: 'packages-stay-outside',
      setup(plugins) {
        plugins.onResolve({ filter: /^[^.#/]/ }, ({ path, kind }) =>
          kind === 'entry-point' ? undefined : { path, external: true },
        );
      },
    },
  ],
  sourcemap: true,
  logLevel: 'error',
};

/** The control plane as one program. */
export async function bundleCloud(): Promise<void> {
  const dir = join(out, 'cloud');
  rmSync(dir, { recursive: true, force: true });
  await build({
    ...common,
    entryPoints: { main: join(root, 'cloud/main.ts') },
    outdir: dir,
    format: 'esm',
    splitting: true,
  });
  copyBeside('cloud/accounts/pages', dir, 'pages');
  copyBeside('cloud/server/apiPage', dir, 'apiPage');
  copyBeside('prisma/migrations', dir, 'migrations');
  copyBeside('electron/host/templates', dir, 'templates');
}

/**
 * The desktop's host: for the browser, for Electron's shell, and from a terminal.
 *
 * @param dir a folder in `build/out`: the runtime and the control plane are looked for beside it
 */
export async function bundleHost(dir = join(out, 'host')): Promise<void> {
  rmSync(dir, { recursive: true, force: true });
  const entries = { cli: 'electron/cli/main.ts', browser: 'electron/browser/main.ts', host: 'electron/host/main.ts' };
  const found = Object.entries(entries).filter(([, file]) => existsSync(join(root, file)));
  await build({
    ...common,
    entryPoints: Object.fromEntries(found.map(([name, file]) => [name, join(root, file)])),
    outdir: dir,
    format: 'esm',
    splitting: true,
  });
  copyBeside('electron/host/templates', dir, 'templates');
}

/** Electron's main process and its preload; a sandboxed preload has to be CommonJS. */
export async function bundleShell(): Promise<void> {
  const dir = join(out, 'shell');
  rmSync(dir, { recursive: true, force: true });
  await build({ ...common, entryPoints: { main: join(root, 'electron/shell/main.ts') }, outdir: dir, format: 'esm' });
  await build({
    ...common,
    plugins: [],
    external: ['electron'],
    entryPoints: { preload: join(root, 'electron/shell/preload.ts') },
    outdir: dir,
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
  });
}

function copyBeside(from: string, dir: string, to: string): void {
  if (existsSync(join(root, from)))
    cpSync(join(root, from), join(dir, to), {
      recursive: true,
      filter: (file) => !/\.ts$/.test(file) || from.includes('templates'),
    });
}
