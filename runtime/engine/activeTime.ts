import type { RunEvent } from '#shared/run/events.ts';
import { fromTime } from '#shared/time.ts';

/** Of the time between a process that died and the one that went on, this much at most counts as active. */
const MOST_GAP_MS = 10_000;

/** Milliseconds a run has been at work: between events, but for its waits and for the time when nobody held it. */
export function activeMs(events: readonly RunEvent[]): number {
  let total = 0;
  events.forEach((event, index) => {
    const before = events[index - 1];
    if (!before || before.type === 'run.waiting' || event.source !== undefined || before.source !== undefined) return;
    const passed = Math.max(0, fromTime(event.at) - fromTime(before.at));
    total += before.fence === event.fence ? passed : Math.min(passed, MOST_GAP_MS);
  });
  return total;
}
