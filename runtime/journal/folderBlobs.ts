import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { SluiceError } from '#shared/error.ts';
import type { Blobs } from '../engine/ports/ports.ts';
import { failpoint } from '../failpoint.ts';

/** Blobs as files, `<first two of hash>/<hash>`; written whole or not at all. */
export function folderBlobs(dir: string): Blobs {
  const placeOf = (hash: string) => placeIn(dir, hash);
  return {
    async put(bytes) {
      const hash = createHash('sha256').update(bytes).digest('hex');
      const place = placeOf(hash);
      if (await exists(place)) return hash;
      await mkdir(join(dir, hash.slice(0, 2)), { recursive: true });
      const temporary = `${place}.${randomUUID()}`;
      const file = await open(temporary, 'w', 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      failpoint('blob.before_rename');
      await rename(temporary, place);
      failpoint('blob.after_rename');
      await syncFolder(join(dir, hash.slice(0, 2)));
      return hash;
    },
    async get(hash) {
      try {
        return await readFile(placeOf(hash));
      } catch (thrown) {
        throw missing(hash, thrown);
      }
    },
  };
}

/** A blob piece by piece, for what is too large to hold. @throws SluiceError blob.not_found */
export async function openBlob(dir: string, hash: string): Promise<{ stream: Readable; bytes: number }> {
  try {
    const file = await open(placeIn(dir, hash), 'r');
    const { size } = await file.stat();
    return { stream: file.createReadStream(), bytes: size };
  } catch (thrown) {
    throw missing(hash, thrown);
  }
}

function placeIn(dir: string, hash: string): string {
  if (!/^[0-9a-f]{64}$/.test(hash)) throw new SluiceError('blob.not_found', 'That is not the hash of a blob.');
  return join(dir, hash.slice(0, 2), hash);
}

function missing(hash: string, thrown: unknown): unknown {
  if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') return thrown;
  return new SluiceError('blob.not_found', `There is no blob ${hash.slice(0, 12)}….`, { cause: thrown });
}

/** A name is as safe as its bytes only once the folder has it. Windows opens no folder, and keeps names by itself. */
async function syncFolder(place: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(place, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function exists(place: string): Promise<boolean> {
  return stat(place).then(
    () => true,
    () => false,
  );
}
