import path from 'node:path';
import { build } from 'esbuild';

/** Bundles the egress proxy into one file, `proxyMain.js`, which alone goes into the proxy's image. */
export async function bundleProxy(outDir: string): Promise<void> {
  const root = path.join(import.meta.dirname, '..', '..');
  await build({
    entryPoints: [path.join(root, 'cloud/containers/proxyMain.ts')],
    outfile: path.join(outDir, 'proxyMain.js'),
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    legalComments: 'none',
    logLevel: 'warning',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
}
