import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SluiceError } from '#shared/error.ts';
import { tenantKey } from './tenantKey.ts';

/** Bytes by their SHA-256, kept per workspace: the same bytes of two workspaces are two files, and nobody can ask for another's. */
export type Blobs = {
  /** Stores the bytes durably; again is harmless. @returns their hash. @throws SluiceError blob.corrupt where they do not match `expected` */
  put(workspaceId: string, bytes: Uint8Array, expected?: string): Promise<string>;
  /** @throws SluiceError blob.not_found, blob.corrupt where the file was damaged */
  get(workspaceId: string, sha256: string): Promise<Buffer>;
  has(workspaceId: string, sha256: string): Promise<boolean>;
  /** Deletes every blob of a workspace. */
  removeAll(workspaceId: string): Promise<void>;
};

const HASH = /^[0-9a-f]{64}$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** @param folder `<SLUICE_DATA>/blobs`, made if need be */
export function createBlobs(folder: string): Blobs {
  /** The only place where a blob's path is made: the workspace comes first. */
  function pathOf(workspaceId: string, sha256: string): { dir: string; file: string } {
    if (!UUID.test(workspaceId) || !HASH.test(sha256))
      throw new SluiceError('blob.not_found', 'There is no such blob.');
    const file = join(folder, tenantKey(workspaceId, sha256.slice(0, 2), sha256));
    return { dir: dirname(file), file };
  }
  const exists = (file: string) =>
    stat(file).then(
      () => true,
      () => false,
    );

  return {
    async put(workspaceId, bytes, expected) {
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      if (expected !== undefined && expected !== sha256) {
        throw new SluiceError('blob.corrupt', `The bytes have the hash ${sha256}, not ${expected}.`, {
          advice: 'Send them again.',
        });
      }
      const { dir, file } = pathOf(workspaceId, sha256);
      if (await exists(file)) return sha256;
      await mkdir(dir, { recursive: true, mode: 0o700 });
      const temporary = join(dir, `.${randomBytes(8).toString('hex')}`);
      const handle = await open(temporary, 'wx', 0o600);
      try {
        await handle.writeFile(bytes);
        await handle.sync();
      } catch (cause) {
        await rm(temporary, { force: true });
        throw new SluiceError('disk.failed', 'A blob could not be written.', {
          advice: 'Make sure that the disk has room.',
          cause,
        });
      } finally {
        await handle.close();
      }
      await rename(temporary, file);
      const parent = await open(dir, 'r');
      await parent.sync().finally(() => parent.close());
      return sha256;
    },

    async get(workspaceId, sha256) {
      const { file } = pathOf(workspaceId, sha256);
      const bytes = await readFile(file).catch(() => {
        throw new SluiceError('blob.not_found', 'There is no such blob.');
      });
      if (createHash('sha256').update(bytes).digest('hex') !== sha256) {
        throw new SluiceError('blob.corrupt', `The blob ${sha256} is damaged on disk.`, {
          advice: 'Restore it from a backup.',
        });
      }
      return bytes;
    },

    async has(workspaceId, sha256) {
      return HASH.test(sha256) && UUID.test(workspaceId) && exists(pathOf(workspaceId, sha256).file);
    },

    async removeAll(workspaceId) {
      if (UUID.test(workspaceId)) await rm(join(folder, tenantKey(workspaceId)), { recursive: true, force: true });
    },
  };
}
