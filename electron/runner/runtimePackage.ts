import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { hasRuntimePackage, readRuntimePackage } from '#runtime/runtimePackage.ts';
import { SluiceError } from '#shared/error.ts';
import type { Hash } from '#shared/ids.ts';
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

/**
 * Finds the runtime package beside the bundled host (so it is in an installed program as well), else in the checkout's
 * `build/out`, and checks its files against its manifest. A checkout that was never built runs from its sources.
 *
 * @throws SluiceError config.invalid where there is none, or where one of its files is not the one that was built
 */
export function findRuntime(from = import.meta.dirname, checkout = findPlaces({}).checkout): RuntimePackage {
  const built = [join(from, '..', 'runtime'), ...(checkout ? [join(checkout, 'build', 'out', 'runtime')] : [])];
  const dir = built.find(hasRuntimePackage);
  if (dir) {
    const { hash } = readRuntimePackage(dir, 'config.invalid');
    return { hash, args: [...NODE_FLAGS, join(dir, 'main.js')] };
  }
  const source = checkout && join(checkout, 'runtime', 'main.ts');
  if (source && existsSync(source)) return { hash: SOURCE_HASH, args: [...NODE_FLAGS, source] };
  throw new SluiceError('config.invalid', 'The runtime that executes workflows is not there.', {
    advice: checkout ? 'Run "npm run build".' : 'Install Sluice again.',
  });
}
