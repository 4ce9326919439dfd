import type { Clock } from './ports.ts';
import { systemClock } from './systemClock.ts';

/**
 * A clock for tests and saved cases: it begins where it is told and a sleep moves it on at once, so a wait of thirty
 * days takes no time. Time limits count real time, since the work they limit is real.
 */
export function createVirtualClock(start: number): Clock {
  let now = start;
  return {
    now: () => now,
    async sleep(ms, signal) {
      signal?.throwIfAborted();
      now += ms;
    },
    limit: systemClock.limit,
    alarm: systemClock.alarm,
  };
}
