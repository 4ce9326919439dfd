import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { readRuntimePackage } from '#runtime/runtimePackage.ts';
import { ensureImage, findEngine } from '../../cloud/containers/docker/engine.ts';
import { localImage } from '../../cloud/containers/image/runtimeImage.ts';
import { out } from '../paths.ts';

/**
 * Makes the image that workspaces run in, ahead of the first start: `node build/image/buildImage.ts`. With a file name,
 * the build context goes there as a tar archive, for an engine elsewhere: `docker build - < file`.
 */
async function buildRuntimeImage(file: string | undefined): Promise<void> {
  const runtime = readRuntimePackage(path.join(out, 'runtime'), 'container.not_available');
  const image = await localImage({
    name: 'sluice-runtime',
    appDir: runtime.dir,
    appHash: runtime.hash,
    nodeFile: process.execPath,
    labels: { 'sluice.image': 'runtime' },
  });
  if (file) {
    await pipeline(image.context(), createWriteStream(file));
    console.log(`${image.tag} can be built from ${file}`);
    return;
  }
  const docker = await findEngine(2_000);
  if (!docker) {
    console.error('No Docker engine answers. Start one, or name a file that the build context is to be written to.');
    process.exitCode = 1;
    return;
  }
  await ensureImage(docker, image);
  console.log(image.tag);
}

if (import.meta.main) await buildRuntimeImage(process.argv[2]);
