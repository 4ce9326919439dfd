import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SluiceError } from '#shared/error.ts';
import type { Blobs } from '../engine/ports/ports.ts';

/** Blobs as files, `<first two of hash>/<hash>`; written whole or not at all. */
export function folderBlobs(dir: string): Blobs {
  const placeOf = (hash: string) => {
    if (!/^[0-9a-f]{64}$/.test(hash)) throw new SluiceError('blob.not_found', 'That is not the hash of a blob.');
    return join(dir, hash.slice(0, 2), hash);
  };
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
      await rename(temporary, place);
      await syncFolder(join(dir, hash.slice(0, 2)));
      return hash;
    },
    async get(hash) {
      try {
        return await readFile(placeOf(hash));
      } catch (thrown) {
        if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
        throw new SluiceError('blob.not_found', `There is no blob ${hash.slice(0, 12)}….`, { cause: thrown });
      }
    },
  };
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
