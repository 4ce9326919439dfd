import { randomBytes } from 'node:crypto';
import * as nodeFs from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '#shared/error.ts';

/** What a save needs of a file system; tests hand in one that fails. */
export type SaveFs = Pick<typeof nodeFs, 'open' | 'rename' | 'unlink' | 'stat'>;

/** How our temporary files end, so that what a crash left behind can be told apart and removed. */
export const TEMP_SUFFIX = '.sluice-tmp';

const RENAME_TRIES = 10;

/**
 * Replaces a file's content so that a crash at any point leaves the old or the new content, never a part: temporary file
 * beside it, write, fsync, rename, fsync of the folder. Returns once the content is on the disk.
 *
 * @param newMode permissions of a file that was not there; one that was keeps its own
 * @param replace puts the finished temporary file in the place; by default a rename
 * @throws SluiceError disk.failed when the disk is full, read-only or broken; the original is then intact
 */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array,
  fs: SaveFs = nodeFs,
  newMode = 0o644,
  replace: (from: string, to: string) => void | Promise<void> = fs.rename,
): Promise<void> {
  const dir = dirname(path);
  const temporary = join(dir, `.${basename(path)}.${randomBytes(6).toString('hex')}${TEMP_SUFFIX}`);
  try {
    const mode = await fs.stat(path).then(
      (stats) => stats.mode & 0o777,
      () => newMode,
    );
    const file = await fs.open(temporary, 'wx', mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await insisting(() => replace(temporary, path));
    await syncFolder(dir, fs);
  } catch (thrown) {
    await fs.unlink(temporary).catch(() => undefined);
    throw diskFailure(path, thrown);
  }
}

/** Virus scanners and indexers hold a file open for moments on Windows; the rename works when they let go. */
async function insisting(replace: () => void | Promise<void>): Promise<void> {
  for (let tried = 1; ; tried++) {
    try {
      return await replace();
    } catch (thrown) {
      const code = (thrown as NodeJS.ErrnoException).code;
      if (tried >= RENAME_TRIES || (code !== 'EPERM' && code !== 'EBUSY')) throw thrown;
      await sleep(tried * 10);
    }
  }
}

/** Makes a rename or removal in a folder durable. Windows has no such call and needs none. */
export async function syncFolder(dir: string, fs: Pick<SaveFs, 'open'> = nodeFs): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await fs.open(dir, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** A failed write in words a person can act on. */
export function diskFailure(path: string, thrown: unknown): SluiceError {
  if (thrown instanceof SluiceError) return thrown;
  const code = (thrown as NodeJS.ErrnoException).code ?? 'unknown';
  const [why, advice] = REASONS[code] ?? [`the system answered ${code}`, 'Check the disk, then save again.'];
  return new SluiceError('disk.failed', `${path} could not be written: ${why}. What was there is intact.`, {
    advice,
    details: { path, code },
    cause: thrown,
  });
}

const REASONS: Record<string, [why: string, advice: string]> = {
  ENOSPC: ['the disk is full', 'Free some space; your change is kept and is written then.'],
  EDQUOT: ['your quota on this disk is used up', 'Free some space; your change is kept and is written then.'],
  EROFS: ['the disk is read-only', 'Move the project to a disk that can be written.'],
  EACCES: ['you may not write there', 'Change the permissions of the folder, or move the project.'],
  EPERM: ['the system does not allow it', 'Change the permissions of the folder, or move the project.'],
  ENOENT: ['its folder is gone', 'Put the folder back, or open the project where it is now.'],
  ENOTDIR: ['there is a file where its folder should be', 'Name a folder, or take the file away.'],
  EEXIST: ['there is a file where its folder should be', 'Name a folder, or take the file away.'],
};
