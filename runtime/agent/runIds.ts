import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

const ID_BYTES = 16;
/** Asked for at once: asking is what costs, 256 ids at a time as little as one. */
const pool = new Uint8Array(256 * ID_BYTES);
let used = pool.length;
let msecs = 0;
let seq = 0;

/** A run's id, UUID v7: of the ids of one process each is greater than the one before. */
export function newRunId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const random = pool.subarray(used, used + ID_BYTES);
  used += ID_BYTES;
  const now = Date.now();
  if (now > msecs) {
    msecs = now;
    // Of 24 bits, so that there is room to count up from.
    seq = ((random[6] as number) << 16) | ((random[7] as number) << 8) | (random[8] as number);
  } else seq += 1;
  return v7({ random, msecs, seq });
}
