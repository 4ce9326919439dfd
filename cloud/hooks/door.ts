import { SluiceError } from '#shared/error.ts';

/** Requests that are being stored at once; above it senders come again. */
const MOST_AT_ONCE = 300;

export type Door = ReturnType<typeof createDoor>;

/** Lets in only so many at once, and nobody while the server is about to stop. */
export function createDoor(isDraining: () => boolean) {
  let inside = 0;
  return {
    /** @throws SluiceError hook.unavailable, with when to come again */
    check(): void {
      if (!isDraining() && inside < MOST_AT_ONCE) return;
      throw new SluiceError('hook.unavailable', 'This cannot be taken right now.', {
        details: { retryAfterSeconds: isDraining() ? 5 : 1 },
        advice: 'Send it again in a moment.',
      });
    },
    async through<T>(work: () => Promise<T>): Promise<T> {
      inside++;
      try {
        return await work();
      } finally {
        inside--;
      }
    },
  };
}
