import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { Hash } from '#shared/ids.ts';
import { parse } from '#shared/parse.ts';

/** What we read of `runtime.lock.json` (formats.md 9); the rest of it is covered by its hash. */
const Lock = z.object({ node: z.string(), files: z.record(z.string(), Hash), hash: Hash });

export type RuntimePackage = { dir: string; hash: string; node: string; files: string[] };

/**
 * The runtime package in a folder, its files checked against its manifest.
 *
 * @throws SluiceError container.not_available if it is missing, incomplete or altered
 */
export async function readRuntimePackage(dir: string): Promise<RuntimePackage> {
  const advice = 'Run `npm run build`, which makes the runtime package anew.';
  const text = await readFile(path.join(dir, 'runtime.lock.json'), 'utf8').catch((cause: unknown) => {
    throw new SluiceError('container.not_available', 'The runtime package is not built.', { advice, cause });
  });
  const lock = parse(Lock, JSON.parse(text), 'runtime.lock.json', 'container.not_available');
  for (const [file, expected] of Object.entries(lock.files)) {
    const bytes = await readFile(path.join(dir, file)).catch(() => undefined);
    if (bytes && createHash('sha256').update(bytes).digest('hex') === expected) continue;
    const problem = bytes ? 'was altered after it was built' : 'is missing';
    throw new SluiceError('container.not_available', `The file ${file} of the runtime package ${problem}.`, { advice });
  }
  return { dir, hash: lock.hash, node: lock.node, files: Object.keys(lock.files) };
}
