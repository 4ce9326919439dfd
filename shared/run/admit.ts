import { SluiceError } from '../error.ts';
import { type Admission, type RateOf, withoutRefusals } from './admission.ts';

/** What is known, in the moment a run comes, of those that came before it. Times are milliseconds since 1970. */
export type AdmissionFacts = {
  nowMs: number;
  /** The run begins no sooner by what started it. */
  startsAtMs?: number | undefined;
  /** The run that had the same idempotency key within its window. */
  passedBefore?: string | undefined;
  /** Runs of its singleton that have not ended, oldest first, but for the one that is held back for more to come. */
  openSingles?: readonly string[] | undefined;
  /** When the run passed that is the rate's `count` back from the newest. */
  rateFilledAtMs?: number | undefined;
  /** The run that is held back for more to come, which this one takes the place of. */
  debounced?: { runId: string; sinceMs: number } | undefined;
  /** When the run passed that is the throttle's `count` back from the newest, without the one that is superseded. */
  throttleFilledAtMs?: number | undefined;
  /** How many runs are held back already, and how many may be. */
  held: number;
  mostHeld: number;
};

/** What a run passed, to be counted for `forMs`. */
export type Passing = { gate: 'idempotency' | 'rate' | 'throttle'; atMs: number; forMs: number };

export type Admitted = {
  /** Runs of the singleton that end for this one. */
  displaces: readonly string[];
  /** The run that ends because this one takes its place. */
  supersedes?: string;
  /** It begins no sooner. */
  startsAtMs?: number | undefined;
  heldBy?: 'throttle' | 'debounce';
  /** When the first of those came that were put together. */
  heldSinceMs?: number;
  passings: Passing[];
};

/** No run is held back for longer. */
const LONGEST_HELD_MS = 7 * 86_400_000;

/** What a run must meet of its workflow's demands: one that is done again is not refused; one that tells of a failure is not even kept waiting. */
export function demandsOn(run: { trigger: string; retryOf?: string | undefined }, all: Admission): Admission {
  if (run.trigger !== 'error') return run.retryOf === undefined ? all : withoutRefusals(all);
  const { throttle: _, ...rest } = withoutRefusals(all);
  return rest;
}

/**
 * Holds a run against the demands on it. How many execute at once, and in which order, is settled where runs are handed out.
 *
 * @returns the earlier run that stands for this one, or how it is let in
 * @throws SluiceError run.singleton, run.rate_exceeded, queue.full
 */
export function admit(
  { rate, throttle, debounce, singleton, idempotency }: Admission,
  facts: AdmissionFacts,
): Admitted | { repeatOf: string } {
  const { nowMs, openSingles = [], debounced } = facts;
  const passings: Passing[] = [];
  if (idempotency) {
    if (facts.passedBefore !== undefined) return { repeatOf: facts.passedBefore };
    passings.push({ gate: 'idempotency', atMs: nowMs, forMs: idempotency.windowMs });
  }
  const [first] = openSingles;
  if (singleton?.mode === 'skip' && first !== undefined) {
    throw new SluiceError('run.singleton', 'A run of this workflow is at work already, and it takes one at a time.', {
      details: { runId: first },
      advice: 'Try again when it has ended.',
    });
  }
  if (rate) {
    const earliest = facts.rateFilledAtMs === undefined ? nowMs : facts.rateFilledAtMs + rate.perMs;
    if (earliest > nowMs) throw rateExceeded(rate, earliest - nowMs);
    passings.push({ gate: 'rate', atMs: nowMs, forMs: rate.perMs });
  }
  const admitted: Admitted = { displaces: singleton ? openSingles : [], passings };
  let startMs = Math.max(nowMs, facts.startsAtMs ?? nowMs);
  if (debounce) {
    const sinceMs = debounced?.sinceMs ?? nowMs;
    if (debounced) admitted.supersedes = debounced.runId;
    startMs = Math.max(startMs, Math.min(nowMs + debounce.waitMs, sinceMs + (debounce.maxMs ?? Infinity)));
    Object.assign(admitted, { heldBy: 'debounce', heldSinceMs: sinceMs });
  }
  if (throttle) {
    const earliest = facts.throttleFilledAtMs === undefined ? startMs : facts.throttleFilledAtMs + throttle.perMs;
    if (earliest > startMs) {
      startMs = earliest;
      admitted.heldBy ??= 'throttle';
    }
    if (startMs - nowMs > LONGEST_HELD_MS) throw tooManyHeld(facts.mostHeld);
    passings.push({ gate: 'throttle', atMs: startMs, forMs: throttle.perMs });
  }
  if (startMs > nowMs) admitted.startsAtMs = startMs;
  if (admitted.heldBy !== undefined && facts.held >= facts.mostHeld) throw tooManyHeld(facts.mostHeld);
  return admitted;
}

/** Why a run ended that was held back until nothing more came. */
export const supersededBy = (runId: string) => ({
  code: 'run.superseded',
  message: 'A newer run took the place of this one, which was being held.',
  details: { runId },
});

function rateExceeded({ count, perMs }: RateOf, retryAfterMs: number): SluiceError {
  return new SluiceError('run.rate_exceeded', `This workflow takes ${count} runs in ${perMs} ms, and had them.`, {
    details: { limit: count, perMs, retryAfterMs, retryAfterSeconds: Math.ceil(retryAfterMs / 1_000) },
    advice: `Try again in ${Math.ceil(retryAfterMs / 1_000)} s.`,
  });
}

function tooManyHeld(limit: number): SluiceError {
  return new SluiceError('queue.full', 'Too many runs are being held back already by what their workflows demand.', {
    details: { limit, retryAfterSeconds: 30 },
    advice: 'Send more slowly, or let the workflow’s throttle pass more.',
  });
}
