import type { SluiceError } from '#shared/error.ts';
import type { OnAmbiguous } from '../connectors/stepType.ts';
import type { StepJob } from './attempt.ts';

/** Tries after the first, and the pauses between, where a step says nothing (domain.md 10). */
const DEFAULT_DELAYS_MS = [1_000, 5_000, 15_000];
const LONGEST_DELAY_MS = 3_600_000;

/** What follows a failed attempt: another one, a person's decision, or nothing. */
export type Verdict = { next: 'again'; delayMs: number } | { next: 'ask' } | { next: 'give_up' };

export function afterError(job: StepJob, error: SluiceError): Verdict {
  const { planned, run } = job;
  // It may have happened, and twice would be wrong: a person decides.
  if (error.retry === 'ifSafe' && isUnsafe(job)) {
    const wish = onAmbiguousOf(planned) ?? 'ask';
    if (wish !== 'retry') return { next: wish === 'fail' ? 'give_up' : 'ask' };
  }
  const delayMs = error.retry === 'no' ? undefined : nextDelay(job, run.failures, error.retry === 'yes');
  return delayMs === undefined ? { next: 'give_up' } : { next: 'again', delayMs };
}

/** Whether the step is not done with this failure. */
export function willTryAgain(job: StepJob, error: SluiceError): boolean {
  return afterError(job, error).next !== 'give_up';
}

/** What a step type wants done where it may have happened; a literal field of the config decides it for some. */
export function onAmbiguousOf({ type, constant, step }: StepJob['planned']): OnAmbiguous | undefined {
  const { onAmbiguous } = type;
  return typeof onAmbiguous === 'function' ? onAmbiguous(constant ?? step.config) : onAmbiguous;
}

/** Whether the effect that failed must not be repeated; a config decides it for some step types. */
function isUnsafe({ planned }: StepJob): boolean {
  const { effect } = planned.type;
  return (typeof effect === 'function' ? effect(planned.constant ?? planned.step.config) : effect) === 'unsafe';
}

/** Milliseconds until the next try; undefined when none is left. */
function nextDelay({ planned: { step } }: StepJob, failures: number, surelyNot: boolean): number | undefined {
  if (!step.retry) return surelyNot ? DEFAULT_DELAYS_MS[failures] : undefined;
  const { count, delayMs, backoff } = step.retry;
  if (failures >= count) return undefined;
  return Math.min(backoff === 'exponential' ? delayMs * 2 ** failures : delayMs, LONGEST_DELAY_MS);
}
