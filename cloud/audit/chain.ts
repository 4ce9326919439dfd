import { createHash, createHmac, randomBytes } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { JsonObject } from '#shared/json.ts';
import type { MasterKey } from '../platform/secrets.ts';

/** What the first entry of a chain follows. */
export const CHAIN_START = '0'.repeat(64);

/** The hash of an entry: over the one before it and over all it says, so that nothing can be changed, left out or put between. */
export function chainHash(prevHash: string, entry: JsonObject): string {
  return createHash('sha256')
    .update(`${prevHash}\n${canonicalize(entry)}`)
    .digest('hex');
}

/**
 * What stands in the chain for what names a person. With the salt gone nobody can find out what was hashed, not even by
 * trying every address, so the person can be taken out and the chain still fits.
 */
export function personHash(salt: string, person: JsonObject): string {
  return createHash('sha256')
    .update(`${salt}\n${canonicalize(person)}`)
    .digest('hex');
}

export function newSalt(): string {
  return randomBytes(16).toString('hex');
}

/** The chain's hash at an entry, and when that was signed. */
export type Seal = { seq: number; hash: string; at: Date };

/** Signs with a key that the database does not know: who can write there can still not make an end of a chain that fits. */
export function sealMac(master: MasterKey, workspaceId: string, { seq, hash, at }: Seal): string {
  return createHmac('sha256', Buffer.from(master.derive('audit seal'), 'hex'))
    .update(JSON.stringify([workspaceId, seq, hash, at.toISOString()]))
    .digest('hex');
}
