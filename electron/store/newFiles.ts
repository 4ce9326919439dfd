import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { diskFailure } from './atomicFile.ts';

/**
 * Writes the files of a project into a folder that has none of them; what is there is never written over.
 *
 * @param texts by path below the folder, with `/`; null for a file that is not to be
 * @throws SluiceError disk.failed
 */
export async function writeNewFiles(dir: string, texts: Record<string, string | null>): Promise<void> {
  for (const [path, text] of Object.entries(texts)) {
    if (text === null) continue;
    const file = join(dir, path);
    try {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text, { flag: 'wx' });
    } catch (thrown) {
      throw diskFailure(file, thrown);
    }
  }
}
