import type { Json, JsonObject } from '#shared/json.ts';
import type { RunEvent, StepError, WaitReason } from '#shared/run/events.ts';
import { fromTime, toTime } from '#shared/time.ts';
import type { Meetings } from './meetings.ts';
import type { Journal } from './ports/ports.ts';
import { pathField } from './runState.ts';

/** A step run, wherever it is among sub-workflows. */
export type WaitPlace = { path: readonly string[]; stepId: string; iteration: number };

/** A step run that has given its run back for a while. */
export type Wait = WaitPlace & {
  reason: WaitReason;
  untilMs?: number;
  error?: StepError;
  details?: JsonObject;
  cause?: string | undefined;
};

/** What ended a wait: the time, or somebody with what came along. */
export type WaitEnd = { by: string; at?: string; input?: Json };

/** The waits a run's journal knows of. */
export type WaitMemory = ReturnType<typeof createWaitMemory>;

export function createWaitMemory(events: readonly RunEvent[]) {
  const known = new Map<string, { reason: WaitReason; untilMs?: number; open: boolean; end?: WaitEnd }>();
  for (const event of events) {
    if (event.type === 'run.waiting') {
      const untilMs = event.until === undefined ? undefined : fromTime(event.until);
      known.set(keyOf(event), { reason: event.reason, untilMs, open: true });
    } else if (event.type === 'run.resumed') {
      const { by, at, input } = event;
      close(event, input === undefined ? { by, at } : { by, at, input });
    }
  }

  function close(place: Pick<WaitPlace, 'stepId' | 'iteration'> & { path?: readonly string[] }, end: WaitEnd): boolean {
    const wait = known.get(keyOf(place));
    if (!wait?.open) return false;
    wait.open = false;
    wait.end = end;
    return true;
  }

  return {
    /** Until when a step run was to wait: a resume asks no second time how long. */
    untilOf: (place: WaitPlace) => known.get(keyOf(place))?.untilMs,
    isOpen: (place: WaitPlace) => known.get(keyOf(place))?.open ?? false,
    /** What ended the wait of a step run; undefined while it goes on, or where it waited for something else. */
    endOf(place: WaitPlace, reason: WaitReason): WaitEnd | undefined {
      const wait = known.get(keyOf(place));
      return wait?.reason === reason ? wait.end : undefined;
    },
    /** Notes that a wait is over. False where it was not open. */
    close,
  };
}

/**
 * Writes down what a run waits for, once nothing of it is at work: the run may be taken up again at the time of the
 * last event, so the first wait to end comes last. What is on record already is not repeated, but for that one.
 */
export function recordWaits(
  waits: readonly Wait[],
  memory: WaitMemory,
  { journal, meetings }: { journal: Journal; meetings: Meetings },
): void {
  const inOrder = [...waits].sort((a, b) => (untilOf(a) === untilOf(b) ? 0 : untilOf(b) - untilOf(a)));
  inOrder.forEach((wait, index) => {
    if (index < inOrder.length - 1 && memory.isOpen(wait)) return;
    journal.append({
      type: 'run.waiting',
      stepId: wait.stepId,
      iteration: wait.iteration,
      reason: wait.reason,
      ...(wait.untilMs === undefined ? {} : { until: toTime(wait.untilMs) }),
      ...(wait.error ? { error: wait.error } : {}),
      ...(wait.details ? { details: wait.details } : {}),
      ...(wait.cause === undefined ? {} : { cause: wait.cause }),
      ...meetings.say(),
      ...pathField(wait.path),
    });
  });
}

const untilOf = (wait: Wait) => wait.untilMs ?? Number.POSITIVE_INFINITY;

function keyOf({ path = [], stepId, iteration }: { path?: readonly string[]; stepId: string; iteration: number }) {
  return [...path, stepId, iteration].join('/');
}
