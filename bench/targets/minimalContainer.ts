import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type Docker from 'dockerode';
import { ensureImage } from '../../cloud/containers/docker/engine.ts';
import { localImage } from '../../cloud/containers/image/runtimeImage.ts';
import type { BenchContainer } from './tenantContainer.ts';

const SERVER = `import { createServer } from 'node:http';
createServer((request, response) => response.end('right')).listen(8080);
`;
const PORT = '8080/tcp';

/** The least that a container with Node can do: an image with nothing but it, and a server of two lines. */
export async function minimalContainers(
  docker: Docker,
  { installation, scratch, labels }: { installation: string; scratch: string; labels: Record<string, string> },
) {
  const appDir = join(scratch, 'minimal');
  mkdirSync(appDir, { recursive: true });
  writeFileSync(join(appDir, 'server.mjs'), SERVER);
  const appHash = createHash('sha256').update(SERVER).digest('hex');
  const image = await localImage({
    name: `${installation}-minimal`,
    appDir,
    appHash,
    nodeFile: process.execPath,
    labels,
  });
  await ensureImage(docker, image);

  return {
    /** Resolves with a container that has given its first answer. */
    async start(): Promise<BenchContainer> {
      const container = await docker.createContainer({
        Image: image.tag,
        Cmd: ['/app/server.mjs'],
        Labels: labels,
        ExposedPorts: { [PORT]: {} },
        HostConfig: { PortBindings: { [PORT]: [{ HostIp: '127.0.0.1', HostPort: '' }] } },
      });
      await container.start();
      const { NetworkSettings } = await container.inspect();
      const url = `http://127.0.0.1:${NetworkSettings.Ports[PORT]?.[0]?.HostPort}`;
      await answers(url);
      return {
        ref: container.id,
        pause: () => container.pause(),
        async wake() {
          const began = performance.now();
          await container.unpause();
          await answers(url);
          return performance.now() - began;
        },
        remove: () => container.remove({ force: true }),
      };
    },
  };
}

async function answers(url: string): Promise<void> {
  for (let left = 2_000; left > 0; left--) {
    const text = await fetch(url).then(
      (response) => response.text(),
      () => undefined,
    );
    if (text === 'right') return;
    await pause(2);
  }
  throw new Error('The minimal container never answered.');
}
