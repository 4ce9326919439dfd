import type { IncomingMessage } from 'node:http';
import { SluiceError } from '#shared/error.ts';

/** Requests that are being stored at once; above it senders come again. */
const MOST_AT_ONCE = 300;
/** Bytes of bodies that are being read at once, as they were announced. */
const MOST_BYTES = 268_435_456;

/** Lets in only so many at once and only so much, and nobody while the server is about to stop. */
export function createDoor(isDraining: () => boolean) {
  let inside = 0;
  let bytes = 0;

  function away(): SluiceError {
    return new SluiceError('hook.unavailable', 'This cannot be taken right now.', {
      details: { retryAfterSeconds: isDraining() ? 5 : 1 },
      advice: 'Send it again in a moment.',
    });
  }

  return {
    /** @throws SluiceError hook.unavailable, with when to come again */
    check(): void {
      if (isDraining() || inside >= MOST_AT_ONCE) throw away();
    },
    async through<T>(work: () => Promise<T>): Promise<T> {
      inside++;
      try {
        return await work();
      } finally {
        inside--;
      }
    },
    /**
     * Does the work that holds a body of at most so many bytes in memory.
     *
     * @throws SluiceError hook.unavailable where there is no room for it now
     */
    async withBody<T>({ headers }: IncomingMessage, most: number, work: () => Promise<T>): Promise<T> {
      const announced = Number(headers['content-length'] ?? Number.NaN);
      const taken = Math.min(Number.isNaN(announced) ? most : announced, most);
      if (bytes + taken > MOST_BYTES) throw away();
      bytes += taken;
      try {
        return await work();
      } finally {
        bytes -= taken;
      }
    },
  };
}
