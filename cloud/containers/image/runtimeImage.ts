import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { SluiceError } from '#shared/error.ts';
import { type TarEntry, tarStream } from './tar.ts';

/** The user inside our images. It owns `/data` and nothing else. */
export const IMAGE_UID = 10001;
const IMAGE_NODE = '/usr/bin/node';

/** An image that can be built here and now, from files of this machine and no registry. */
export type LocalImage = { tag: string; context: () => Readable };

type ImageParts = {
  /** `sluice-runtime`, `sluice-egress` */
  name: string;
  /** Files that become `/app`. */
  appDir: string;
  /** Identifies what is in `appDir`: the runtime's hash, or the proxy's. */
  appHash: string;
  /** The Node binary that goes in; a Linux one. */
  nodeFile: string;
  labels: Record<string, string>;
};

const CA_FILES = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt'];
const run = promisify(execFile);

/**
 * Node, the libraries it is linked with, certificates, and one folder of ours: nothing else is in the image, no shell
 * and no package manager. The tag follows from the content, so an image that is there is the right one.
 *
 * @throws SluiceError container.not_available where Node is not a Linux binary
 */
export async function localImage({ name, appDir, appHash, nodeFile, labels }: ImageParts): Promise<LocalImage> {
  const node = await realpath(nodeFile);
  const app = await filesBelow(appDir);
  const natives = app.filter((file) => file.endsWith('.node') && fits(file));
  const libraries = new Set<string>();
  for (const binary of [node, ...natives.map((file) => path.join(appDir, file))]) {
    for (const library of await linkedLibraries(binary)) libraries.add(library);
  }

  const base: TarEntry[] = [
    folder('base'),
    { name: `base${IMAGE_NODE}`, mode: 0o755, from: node },
    ...[...libraries].sort().map((library): TarEntry => ({ name: `base${library}`, mode: 0o755, from: library })),
    text('base/etc/passwd', `sluice:x:${IMAGE_UID}:${IMAGE_UID}::/data:/sbin/nologin\n`),
    text('base/etc/group', `sluice:x:${IMAGE_UID}:\n`),
    text('base/etc/nsswitch.conf', 'hosts: files dns\n'),
    { name: 'base/tmp', mode: 0o1777, folder: true },
    ...(await certificates()),
  ];
  const entries: TarEntry[] = [
    ...base,
    folder('app'),
    ...app.map((file): TarEntry => ({ name: `app/${file}`, mode: 0o644, from: path.join(appDir, file) })),
    { name: 'data', mode: 0o700, folder: true },
    text('data/.volume', ''),
  ];
  const recipe = dockerfile(labels);
  const digest = createHash('sha256').update(recipe).update(appHash).update(process.arch);
  for (const entry of base) {
    digest.update(entry.name);
    if ('from' in entry) digest.update(String((await stat(entry.from)).size));
    if ('bytes' in entry) digest.update(entry.bytes);
  }
  return {
    tag: `${name}:${appHash.slice(0, 16)}-${digest.digest('hex').slice(0, 16)}`,
    context: () => tarStream([text('Dockerfile', recipe), ...entries]),
  };
}

function dockerfile(labels: Record<string, string>): string {
  return [
    'FROM scratch',
    'COPY base/ /',
    `COPY --chown=${IMAGE_UID}:${IMAGE_UID} data/ /data/`,
    'COPY app/ /app/',
    `USER ${IMAGE_UID}:${IMAGE_UID}`,
    'ENV HOME=/data TZ=UTC LANG=C.UTF-8 NODE_ENV=production',
    'WORKDIR /app',
    ...Object.entries(labels).map(([key, value]) => `LABEL ${key}=${JSON.stringify(value)}`),
    `ENTRYPOINT ${JSON.stringify([IMAGE_NODE])}`,
    '',
  ].join('\n');
}

/** What a binary is linked with, the loader included, at the places where it looks for them. */
async function linkedLibraries(binary: string): Promise<string[]> {
  const { stdout } = await run('ldd', [binary]).catch((cause: unknown) => {
    throw new SluiceError(
      'container.not_available',
      `${path.basename(binary)} is not a Linux binary of this machine.`,
      {
        advice: 'Build the image on Linux, or choose CONTAINER_DRIVER=process.',
        cause,
      },
    );
  });
  return stdout.split('\n').flatMap((line) => /(?:=> |^\s*)(\/\S+) \(0x/.exec(line)?.[1] ?? []);
}

/** Prebuilt add-ons come for many machines; only ours needs its libraries. */
function fits(file: string): boolean {
  return !file.includes('prebuilds/') || (file.includes(`linux-${process.arch}`) && !file.includes('musl'));
}

async function filesBelow(dir: string): Promise<string[]> {
  const found = await readdir(dir, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(dir, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, '/'))
    .sort();
}

async function certificates(): Promise<TarEntry[]> {
  for (const file of CA_FILES) {
    const bytes = await readFile(file).catch(() => undefined);
    if (bytes) return [{ name: 'base/etc/ssl/certs/ca-certificates.crt', mode: 0o644, bytes }];
  }
  return [];
}

function text(name: string, content: string): TarEntry {
  return { name, mode: 0o644, bytes: Buffer.from(content) };
}

function folder(name: string): TarEntry {
  return { name, mode: 0o755, folder: true };
}
