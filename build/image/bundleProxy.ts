import { rm } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import { out, root } from '../paths.ts';

/** Bundles the egress proxy into one file, `proxyMain.js`, which alone goes into the proxy's image. */
export async function bundleProxy(outDir = path.join(out, 'proxy')): Promise<void> {
  await rm(outDir, { recursive: true, force: true });
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
