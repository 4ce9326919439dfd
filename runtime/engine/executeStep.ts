import { SluiceError } from '#shared/error.ts';
import type { Delivery, StepError, WaitReason } from '#shared/run/events.ts';
import { fromTime, toTime } from '#shared/time.ts';
import { attemptOnce, type Execution, failAll, type Outputs, type StepJob, Suspension } from './attempt.ts';
import { NeedsAttention } from './effects.ts';
import type { PlannedStep } from './plan.ts';
import type { StepRun } from './runState.ts';

export type StepResult =
  | { status: 'succeeded'; outputs: Outputs }
  | { status: 'failed'; error: StepError }
  | { status: 'waiting'; reason: WaitReason; untilMs?: number; error?: StepError; recorded: boolean };

/** Tries after the first, and the pauses between, where a step says nothing (domain.md 10). */
const DEFAULT_DELAYS_MS = [1_000, 5_000, 15_000];
const LONGEST_DELAY_MS = 3_600_000;

/** Runs one step until it succeeds, fails for good, needs a person, or the run is cancelled. */
export function executeStep(
  planned: PlannedStep,
  run: StepRun,
  execution: Execution,
): StepResult | Promise<StepResult> {
  return tryAttempt({ planned, run, attempt: run.attempts + 1 }, execution);
}

function tryAttempt(job: StepJob, execution: Execution): StepResult | Promise<StepResult> {
  const { run, attempt } = job;
  const event = execution.journal.append({
    ...stepFields(run, attempt, execution),
    type: 'step.attempted',
    from: [...run.inputs.values()].map((input): Delivery => input.ref),
  });
  run.startedAt ??= fromTime(event.at);
  run.attempts = attempt;
  try {
    const outputs = limitTime(job, execution);
    if (!(outputs instanceof Promise)) return { status: 'succeeded', outputs };
    return outputs.then(
      (value): StepResult => ({ status: 'succeeded', outputs: value }),
      (thrown: unknown) => afterFailure(thrown, job, execution),
    );
  } catch (thrown) {
    return afterFailure(thrown, job, execution);
  }
}

/** The attempt, ended at its time limit. A step that never waits has no timer. */
function limitTime(job: StepJob, execution: Execution): Outputs | Promise<Outputs> {
  const controller = new AbortController();
  const signal = AbortSignal.any([execution.signal, controller.signal]);
  const outputs = attemptOnce(job, execution, signal);
  const ms = job.planned.timeoutMs === undefined ? execution.limits.stepTimeoutMs : job.planned.timeoutMs;
  if (!(outputs instanceof Promise) || ms === null) return outputs;
  const expired = new AbortController();
  const timer = execution.ports.clock.limit(ms, AbortSignal.any([execution.signal, expired.signal])).then(() => {
    const error = new SluiceError('step.timed_out', `Step ${job.run.stepId} took longer than ${ms} ms.`, {
      advice: 'Raise its time limit, or let it do less at once.',
      details: { timeoutMs: ms, stepId: job.run.stepId },
    });
    controller.abort(error);
    throw error;
  });
  // Whichever loses has nobody left to tell.
  outputs.catch(() => undefined);
  timer.catch(() => undefined);
  return Promise.race([outputs, timer]).finally(() => expired.abort(new Error('The step ended.')));
}

function afterFailure(thrown: unknown, job: StepJob, execution: Execution): StepResult | Promise<StepResult> {
  const { run, planned, attempt } = job;
  if (thrown instanceof Suspension) {
    return { status: 'waiting', reason: 'delay', untilMs: thrown.untilMs, recorded: thrown.recorded };
  }
  if (thrown instanceof NeedsAttention) {
    return { status: 'waiting', reason: 'needs_attention', error: thrown.error, recorded: false };
  }
  if (execution.signal.aborted) throw execution.signal.reason;
  const error = SluiceError.from(thrown);
  if (error.code === 'internal')
    execution.journal.log({ level: 'error', message: String(error.cause ?? error), stepId: run.stepId });
  const wire: StepError = { ...error.toWire(), stepId: run.stepId };
  // It may have happened, and twice would be wrong: a person decides.
  if (error.retry === 'ifSafe' && isUnsafe(job) && planned.type.onAmbiguous !== 'retry') {
    if (planned.type.onAmbiguous !== 'fail')
      return { status: 'waiting', reason: 'needs_attention', error: wire, recorded: false };
  } else {
    const delay = error.retry === 'no' ? undefined : nextDelay(planned, run.failures, error.retry === 'yes');
    if (delay !== undefined) {
      run.failures++;
      const retryAt = toTime(execution.ports.clock.now() + delay);
      execution.journal.append({ ...stepFields(run, attempt, execution), type: 'step.failed', error: wire, retryAt });
      return execution.ports.clock
        .sleep(delay, execution.signal)
        .then(() => tryAttempt({ ...job, attempt: attempt + 1 }, execution));
    }
  }
  if (planned.step.onError !== 'stop') return { status: 'succeeded', outputs: failAll(job, error) };
  execution.journal.append({ ...stepFields(run, attempt, execution), type: 'step.failed', error: wire });
  return { status: 'failed', error: wire };
}

/** Whether the effect that failed must not be repeated; a config decides it for some step types. */
function isUnsafe({ planned }: StepJob): boolean {
  const { effect } = planned.type;
  return (typeof effect === 'function' ? effect(planned.constant ?? planned.step.config) : effect) === 'unsafe';
}

/** Milliseconds until the next try; undefined when none is left. */
function nextDelay({ step }: PlannedStep, failures: number, surelyNot: boolean): number | undefined {
  if (!step.retry) return surelyNot ? DEFAULT_DELAYS_MS[failures] : undefined;
  const { count, delayMs, backoff } = step.retry;
  if (failures >= count) return undefined;
  return Math.min(backoff === 'exponential' ? delayMs * 2 ** failures : delayMs, LONGEST_DELAY_MS);
}

/** The fields every event of a step run begins with. */
export function stepFields(run: StepRun, attempt: number, execution: Execution) {
  const path = execution.path.length > 0 ? { path: [...execution.path] } : {};
  return { stepId: run.stepId, iteration: run.iteration, attempt, ...path };
}
