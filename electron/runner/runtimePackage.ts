import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { Hash } from '#shared/ids.ts';
import { parse } from '#shared/parse.ts';
import { flatHash } from '#shared/workflow/hash.ts';
import { findPlaces } from '../store/dataDir.ts';

/** The runtime that runs here, the same as in every container that reports this hash. */
export type RuntimePackage = {
  hash: Hash;
  /** What our Node starts: flags, then the program. A mode follows. */
  args: string[];
};

/** Nothing that runs people's workflows may make code out of text. */
export const NODE_FLAGS = ['--disallow-code-generation-from-strings', '--disable-proto=delete'];

/** What the runtime says of itself when it runs from its sources. */
const SOURCE_HASH = createHash('sha256').update('from source').digest('hex');

const Manifest = z.looseObject({ files: z.record(z.string(), Hash), hash: Hash });

/**
 * Finds the runtime package beside the bundled host (so it is in an installed program as well), else in the checkout's
 * `build/out`, and checks its files against its manifest. A checkout that was never built runs from its sources.
 *
 * @throws SluiceError config.invalid where there is none, or where one of its files is not the one that was built
 */
export function findRuntime(from = import.meta.dirname, checkout = findPlaces({}).checkout): RuntimePackage {
  const built = [join(from, '..', 'runtime'), ...(checkout ? [join(checkout, 'build', 'out', 'runtime')] : [])];
  const dir = built.find((candidate) => existsSync(join(candidate, 'runtime.lock.json')));
  if (dir) return { hash: checkedHash(dir), args: [...NODE_FLAGS, join(dir, 'main.js')] };
  const source = checkout && join(checkout, 'runtime', 'main.ts');
  if (source && existsSync(source)) return { hash: SOURCE_HASH, args: [...NODE_FLAGS, source] };
  throw new SluiceError('config.invalid', 'The runtime that executes workflows is not there.', {
    advice: checkout ? 'Run "npm run build".' : 'Install Sluice again.',
  });
}

function checkedHash(dir: string): Hash {
  const text = readFileSync(join(dir, 'runtime.lock.json'), 'utf8');
  const manifest = parse(Manifest, JSON.parse(text), 'runtime.lock.json', 'config.invalid');
  const { hash, ...rest } = manifest;
  const damaged = Object.entries(rest.files).find(([path, wanted]) => {
    const file = join(dir, path);
    return !existsSync(file) || createHash('sha256').update(readFileSync(file)).digest('hex') !== wanted;
  });
  if (damaged || flatHash(rest) !== hash) {
    throw new SluiceError(
      'config.invalid',
      `${join(dir, damaged?.[0] ?? 'runtime.lock.json')} is not the file that was built.`,
      {
        advice: 'Build again with "npm run build", or install Sluice again.',
      },
    );
  }
  return hash;
}
