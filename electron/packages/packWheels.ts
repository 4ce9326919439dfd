import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { WHEELS_PATH, wheelTexts } from '#runtime/sandbox/wheels.ts';
import { SluiceError } from '#shared/error.ts';
import type { Edit } from '#shared/workflow/edit.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { MAX_WHEEL_BYTES, type NamedWheel, readWheel } from './readWheel.ts';
import { replacePacked } from './replacePacked.ts';

/** What a project may carry, since all of it goes with every version. */
export const MAX_WHEELS = 20;
export const MAX_TOTAL_BYTES = 4 * 1_048_576;

const isCarried = (path: string) =>
  `scripts/${path}` === WHEELS_PATH || /^packages\/wheel-[0-9a-f]{16}-\d+\.py$/.test(path);

/**
 * Puts the wheels in a project's `scripts/wheels` among its scripts, as texts, so that they travel and are frozen as
 * scripts are. Where the folder is not there, what the project carries already stays.
 *
 * @returns what to change in the project; nothing where all is as it should be
 * @throws SluiceError package.not_supported
 */
export async function packWheels(dir: string, tree: Tree): Promise<Edit[]> {
  const wheels = await readWheels(join(dir, 'scripts/wheels'));
  if (!wheels) return [];
  return replacePacked(tree, wheels.length === 0 ? {} : wheelTexts(wheels), isCarried);
}

/** @returns undefined where there is no such folder */
async function readWheels(folder: string): Promise<NamedWheel[] | undefined> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT' || thrown.code === 'ENOTDIR') return undefined;
    throw thrown;
  });
  if (!entries) return undefined;
  const files = entries.flatMap(({ name }) => (name.endsWith('.whl') ? [name] : [])).sort();
  if (files.length > MAX_WHEELS) throw tooMuch(`${files.length} wheels; ${MAX_WHEELS} is the most`);
  const wheels: NamedWheel[] = [];
  for (const file of files) wheels.push(readWheel(file, await readBytes(join(folder, file), file)));
  const bytes = wheels.reduce((sum, wheel) => sum + wheel.bytes.length, 0);
  if (bytes > MAX_TOTAL_BYTES) throw tooMuch(`${bytes} bytes of wheels; ${MAX_TOTAL_BYTES} is the most`);
  const seen = new Map<string, string>();
  for (const { name, file } of wheels) {
    const before = seen.get(name);
    if (before === undefined) seen.set(name, file);
    else
      throw new SluiceError('package.not_supported', `scripts/wheels holds ${name} twice: ${before} and ${file}.`, {
        advice: 'Keep the one that the code is written for.',
        details: { package: name },
      });
  }
  return wheels;
}

async function readBytes(path: string, name: string): Promise<Uint8Array> {
  const notAFile = new SluiceError('package.not_supported', `scripts/wheels/${name} is not a file that can be read.`, {
    advice: 'Put the wheel itself there, not a link to it.',
    details: { package: name },
  });
  const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)).catch(
    () => {
      throw notAFile;
    },
  );
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw notAFile;
    // One byte more than may be, so that it is refused by its size with the others' words.
    const bytes = Buffer.alloc(Math.min(stats.size, MAX_WHEEL_BYTES + 1));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    return new Uint8Array(bytes.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}

const tooMuch = (what: string) =>
  new SluiceError('package.not_supported', `scripts/wheels holds ${what}.`, {
    advice: 'Keep the wheels that code imports, and what those need.',
  });
