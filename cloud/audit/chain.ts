import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { JsonObject } from '#shared/json.ts';

/** What the first entry of a chain follows. */
export const CHAIN_START = '0'.repeat(64);

/** The hash of an entry: over the one before it and over all it says, so that nothing can be changed, left out or put between. */
export function chainHash(prevHash: string, entry: JsonObject): string {
  return createHash('sha256')
    .update(`${prevHash}\n${canonicalize(entry)}`)
    .digest('hex');
}
