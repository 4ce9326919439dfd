import * as fs from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeFileAtomic } from '../store/atomicFile.ts';

/** Writes a file that only its owner may read, whole or not at all. @throws SluiceError disk.failed */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  await fs.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileAtomic(path, text, fs, 0o600);
}
