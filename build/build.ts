import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { out, root } from './paths.ts';
import { forget, hashOf, isFresh, remember } from './stamp.ts';

type Target = {
  name: string;
  inputs: string[];
  needs: string;
  /** Where it lies when it is built, if not in a folder of its name in `build/out`. */
  output?: string;
  make(): Promise<unknown>;
};

const shared = ['shared/**/*.ts', 'package-lock.json', 'build/*.ts'];

/** What there is to build, in the order in which one needs another. `needs` says whether the sources are there. */
const TARGETS: Target[] = [
  {
    name: 'runtime',
    inputs: [...shared, 'runtime/**/*.ts'],
    needs: 'runtime/main.ts',
    make: async () => (await import('./bundleRuntime.ts')).bundleRuntime(),
  },
  {
    name: 'prisma',
    inputs: ['prisma/schema.prisma', 'prisma.config.ts', 'package-lock.json'],
    needs: 'build/generate.ts',
    output: 'cloud/platform/generated',
    make: async () => (await import('./generate.ts')).generateClient(),
  },
  {
    name: 'cloud',
    inputs: [...shared, 'runtime/**/*.ts', 'cloud/**/*', 'prisma/**/*', 'electron/host/templates/**/*'],
    needs: 'cloud/main.ts',
    make: async () => (await import('./bundlePrograms.ts')).bundleCloud(),
  },
  {
    name: 'proxy',
    inputs: [...shared, 'cloud/containers/*.ts', 'build/image/*.ts'],
    needs: 'cloud/containers/proxyMain.ts',
    make: async () => (await import('./image/bundleProxy.ts')).bundleProxy(),
  },
  {
    name: 'host',
    inputs: [...shared, 'runtime/**/*.ts', 'electron/**/*'],
    needs: 'electron/cli/main.ts',
    make: async () => (await import('./bundlePrograms.ts')).bundleHost(),
  },
  {
    name: 'client',
    inputs: [...shared, 'electron/account/cloudClient.ts', 'build/client/*'],
    needs: 'build/client/main.ts',
    make: async () => (await import('./bundleClient.ts')).bundleClient(),
  },
  {
    name: 'shell',
    inputs: [...shared, 'electron/shell/**/*'],
    needs: 'electron/shell/main.ts',
    make: async () => (await import('./bundlePrograms.ts')).bundleShell(),
  },
  {
    name: 'renderer',
    inputs: [...shared, 'renderer/**/*'],
    needs: 'renderer/app/main.tsx',
    make: async () => {
      const { build } = await import('vite');
      await build({
        configFile: join(root, 'renderer/vite.config.ts'),
        root: join(root, 'renderer'),
        logLevel: 'error',
      });
    },
  },
];

/**
 * Builds what changed since it was last built, and says so as it goes.
 *
 * @param only names of targets; all without it
 */
export async function buildAll(only?: string[]): Promise<void> {
  for (const target of TARGETS) {
    if (only && !only.includes(target.name)) continue;
    if (!existsSync(join(root, target.needs))) continue;
    const inputs = hashOf(target.inputs);
    if (isFresh(target.name, inputs, target.output ? join(root, target.output) : join(out, target.name))) continue;
    const started = performance.now();
    process.stderr.write(`Building ${target.name} … `);
    forget(target.name);
    await target.make();
    remember(target.name, inputs);
    process.stderr.write(`${((performance.now() - started) / 1000).toFixed(1)} s\n`);
  }
}

if (import.meta.main) await buildAll(process.argv.length > 2 ? process.argv.slice(2) : undefined);
