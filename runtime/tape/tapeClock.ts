import type { Clock } from '../engine/ports/ports.ts';

export type TapeClock = Clock & { advanceTo(ms: number): void };

/** Time as a tape has it: a sleep is over at once, and no work is too long. */
export function createTapeClock(start: number): TapeClock {
  let now = start;
  return {
    now: () => now,
    advanceTo(ms) {
      now = Math.max(now, ms);
    },
    async sleep(ms, signal) {
      signal?.throwIfAborted();
      now += ms;
    },
    // No work is too long.
    alarm: () => () => undefined,
    limit(ms, signal) {
      if (ms === 0) return new Promise((resolve) => setImmediate(resolve));
      return new Promise((_resolve, reject) => {
        if (signal?.aborted) reject(signal.reason);
        else signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    },
  };
}
