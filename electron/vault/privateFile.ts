import { chmod, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeFileAtomic } from '../store/atomicFile.ts';

/** Writes a file that only its owner may read, whole or not at all. @throws SluiceError disk.failed */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  // A new file takes over the mode of the one it replaces, so there is never a moment in which others could read it.
  const existing = await open(path, 'a', 0o600);
  await existing.close();
  await chmod(path, 0o600);
  await writeFileAtomic(path, text);
}
