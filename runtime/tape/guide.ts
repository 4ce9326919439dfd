import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import type { EventOf, RunEvent } from '#shared/run/events.ts';
import { fromTime } from '#shared/time.ts';
import { nodeHashing } from '../agent/runPorts.ts';
import { Suspension } from '../engine/attempt.ts';
import { canonicalText } from '../engine/canonicalText.ts';
import { NeedsAttention } from '../engine/effects.ts';
import type { Guide, GuidedPlace } from '../engine/ports/guide.ts';

type Effect = EventOf<'effect.recorded'>;
type End = EventOf<'step.succeeded' | 'step.failed'>;

/** A tape has no more: it was cut, or its run was ended from outside. */
export class TapeEnded extends Error {
  readonly stepId: string;

  constructor(stepId: string) {
    super(`The tape has no answer for step ${stepId}.`);
    this.stepId = stepId;
  }
}

/**
 * Leads a run along a tape. What was learnt from outside is given back in the order in which it came, also between branches
 * that were at work at once: whoever is ahead of the tape waits until those before him have come as far.
 */
export function createGuide(events: readonly RunEvent[], stop: (reason: Error) => void): Guide {
  const stopWith = (reason: Error): Error => {
    stop(reason);
    return reason;
  };
  const began = new Map<string, number>();
  const effects = new Map<string, Effect[]>();
  const ends = new Map<string, End[]>();
  /** Sequence numbers of what a step run still has before it. */
  const ahead = new Map<string, number[]>();
  const intended = new Map<string, string>();
  for (const event of events) {
    switch (event.type) {
      case 'step.attempted':
        if (!began.has(keyOf(event))) began.set(keyOf(event), fromTime(event.at));
        break;
      case 'effect.intended':
        intended.set(`${keyOf(event)}|${event.no}`, nodeHashing.sha256(canonicalText(event.request)));
        break;
      case 'effect.recorded':
        push(effects, `${keyOf(event)}|${event.no}`, event);
        push(ahead, keyOf(event), event.seq);
        break;
      case 'step.succeeded':
      case 'step.failed':
        push(ends, keyOf(event), event);
        push(ahead, keyOf(event), event.seq);
        break;
    }
  }
  const turns = createTurns(ahead);

  return {
    events,
    startedAt: (place) => began.get(keyOf(place)),

    async effect(place, no, requestHash) {
      const key = keyOf(place);
      const event = effects.get(`${key}|${no}`)?.shift();
      const asked = event?.requestHash ?? intended.get(`${key}|${no}`);
      if (asked !== undefined && asked !== requestHash) {
        throw stopWith(differs(place.stepId, 'it asks for something else than what is on the tape', { effect: no }));
      }
      if (!event) throw stopWith(new TapeEnded(place.stepId));
      await turns.come(key, event.seq);
      if (event.error) throw SluiceError.fromWire(event.error);
      return event.result ?? null;
    },

    async batch(place, no) {
      const key = keyOf(place);
      const event = effects.get(`${key}|${no}`)?.shift();
      if (event) {
        await turns.come(key, event.seq);
        return event.result ?? null;
      }
      const end = ends.get(key)?.[0];
      if (!end) throw stopWith(new TapeEnded(place.stepId));
      await turns.come(key, end.seq);
      if (end.type === 'step.failed') throw SluiceError.fromWire(end.error);
      return undefined;
    },

    rest: (place) => turns.leave(keyOf(place)),

    async inTurn(place, attempt) {
      const key = keyOf(place);
      turns.begin(key);
      const settled = await attempt.then(
        (value) => ({ value }),
        (thrown: unknown) => ({ thrown }),
      );
      // One that gives its run back has not come to its end.
      const paused = 'thrown' in settled && isPause(settled.thrown);
      const end = paused ? undefined : ends.get(key)?.shift();
      if (!end) {
        turns.leave(key);
      } else {
        await turns.come(key, end.seq);
        // Time is what a replay does not repeat.
        if (end.type === 'step.failed' && end.error.code === 'step.timed_out') throw SluiceError.fromWire(end.error);
      }
      if ('thrown' in settled) throw settled.thrown;
      return settled.value;
    },
  };
}

function isPause(thrown: unknown): boolean {
  return thrown instanceof Suspension || thrown instanceof NeedsAttention || thrown instanceof TapeEnded;
}

/** Lets through, one after the other, what comes in another order than it is to go on in. */
function createTurns(ahead: ReadonlyMap<string, number[]>) {
  /** Step runs at work, and those of them that wait for their turn. */
  const atWork = new Set<string>();
  const arrived = new Map<string, { seq: number; go(): void }>();

  function next(key: string): number {
    return ahead.get(key)?.[0] ?? Number.POSITIVE_INFINITY;
  }

  /** Whoever is first of all that are at work may go on, once he has come. */
  function look(): void {
    let first: string | undefined;
    for (const key of atWork) if (first === undefined || next(key) < next(first)) first = key;
    const one = first === undefined ? undefined : arrived.get(first);
    if (!one || first === undefined) return;
    arrived.delete(first);
    ahead.get(first)?.shift();
    one.go();
  }

  return {
    begin(key: string): void {
      atWork.add(key);
    },
    /** A step run has come to an event of the tape. */
    come(key: string, seq: number): Promise<void> {
      atWork.add(key);
      const list = ahead.get(key);
      // What an earlier process of the run began and did not end is not done again.
      while (list && (list[0] ?? seq) < seq) list.shift();
      return new Promise<void>((resolve) => {
        arrived.set(key, { seq, go: resolve });
        // After what this turn of the loop has still to begin.
        setImmediate(look);
      }).then(() => {
        if (next(key) === Number.POSITIVE_INFINITY) atWork.delete(key);
        setImmediate(look);
      });
    },
    leave(key: string): void {
      atWork.delete(key);
      setImmediate(look);
    },
  };
}

/** The run does something else than the recorded one. */
export function differs(stepId: string, how: string, details: Record<string, Json> = {}): SluiceError {
  return new SluiceError('run.not_deterministic', `Not deterministic at step ${stepId}: ${how}.`, {
    advice: 'Use $now, random() and uuid() of the run in place of values that differ each time.',
    details: { stepId, ...details },
  });
}

/** Names a step run among all workflows of a run. */
export function keyOf({ path = [], stepId, iteration }: Partial<GuidedPlace> & { stepId: string; iteration: number }) {
  return [...path, stepId, iteration].join('/');
}

function push<T>(lists: Map<string, T[]>, key: string, value: T): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}
