import { createHash } from 'node:crypto';
import { SluiceError } from '#shared/error.ts';
import type { Blobs } from '../engine/ports/ports.ts';

/** Blobs for as long as the process lives: saved cases and tests leave nothing behind. */
export function memoryBlobs(): Blobs {
  const kept = new Map<string, Uint8Array>();
  return {
    async put(bytes) {
      const hash = createHash('sha256').update(bytes).digest('hex');
      kept.set(hash, bytes);
      return hash;
    },
    async get(hash) {
      const found = kept.get(hash);
      if (!found) throw new SluiceError('blob.not_found', `There is no blob ${hash.slice(0, 12)}….`);
      return found;
    },
  };
}
