import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type ErrorCode, SluiceError } from '#shared/error.ts';
import { Hash } from '#shared/ids.ts';
import { parse } from '#shared/parse.ts';
import { flatHash } from '#shared/workflow/hash.ts';

/** What is read of `runtime.lock.json` (formats.md 9); the rest of it is covered by its hash. */
const Manifest = z.looseObject({ node: z.string(), files: z.record(z.string(), Hash), hash: Hash });

/** A built runtime: its folder, its name (the hash over its manifest), the Node it is made for, its files. */
export type BuiltRuntime = { dir: string; hash: Hash; node: string; files: string[] };

/** Whether a runtime was built into a folder. */
export function hasRuntimePackage(dir: string): boolean {
  return existsSync(join(dir, 'runtime.lock.json'));
}

/**
 * Reads the runtime package in a folder and checks its files against its manifest.
 *
 * @param code the error of whoever needs it, where it is missing, incomplete or altered
 * @throws SluiceError with that code
 */
export function readRuntimePackage(dir: string, code: ErrorCode): BuiltRuntime {
  const advice = 'Run "npm run build", which makes the runtime package anew, or install Sluice again.';
  if (!hasRuntimePackage(dir)) throw new SluiceError(code, `There is no runtime package in ${dir}.`, { advice });
  const { hash, ...rest } = parse(Manifest, readManifest(dir, code, advice), 'runtime.lock.json', code);
  const damaged = Object.entries(rest.files).find(([file, wanted]) => hashOf(join(dir, file)) !== wanted);
  if (damaged || flatHash(rest) !== hash) {
    const file = join(dir, damaged?.[0] ?? 'runtime.lock.json');
    throw new SluiceError(code, `${file} is not the file that was built.`, { advice });
  }
  return { dir, hash, node: rest.node, files: Object.keys(rest.files) };
}

function readManifest(dir: string, code: ErrorCode, advice: string): unknown {
  try {
    return JSON.parse(readFileSync(join(dir, 'runtime.lock.json'), 'utf8'));
  } catch (cause) {
    throw new SluiceError(code, `${join(dir, 'runtime.lock.json')} cannot be read.`, { advice, cause });
  }
}

function hashOf(file: string): string | undefined {
  return existsSync(file) ? createHash('sha256').update(readFileSync(file)).digest('hex') : undefined;
}
