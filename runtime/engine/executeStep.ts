import { SluiceError } from '#shared/error.ts';
import type { Delivery, StepError } from '#shared/run/events.ts';
import { toTime } from '#shared/time.ts';
import { failpoint } from '../failpoint.ts';
import { attemptOnce, type Execution, failAll, type Outputs, type StepJob, Suspension } from './attempt.ts';
import { type AttemptSignal, createAttemptSignal } from './attemptSignal.ts';
import { NeedsAttention } from './effects.ts';
import { signalOf } from './groupSignal.ts';
import type { PlannedStep } from './plan.ts';
import { afterError } from './retries.ts';
import { type StepRun, stepFields } from './runState.ts';
import type { Wait } from './waits.ts';

export type StepResult =
  | { status: 'succeeded'; outputs: Outputs }
  | { status: 'failed'; error: StepError }
  | { status: 'waiting'; waits: readonly Wait[] };

/** Runs one step until it succeeds, fails for good, needs a person, or the run is cancelled. */
export function executeStep(
  planned: PlannedStep,
  run: StepRun,
  execution: Execution,
): StepResult | Promise<StepResult> {
  const job = { planned, run, attempt: run.attempts + 1 };
  if (run.retryAtMs === undefined) return tryAttempt(job, execution);
  // The pause before this try was begun by a process that died.
  const left = run.retryAtMs - execution.ports.clock.now();
  if (left <= 0) return tryAttempt(job, execution);
  return execution.ports.clock.sleep(left, signalOf(run, execution)).then(() => tryAttempt(job, execution));
}

function tryAttempt(job: StepJob, execution: Execution): StepResult | Promise<StepResult> {
  recordAttempt(job.run, job.attempt, execution);
  try {
    const outputs = limitTime(job, execution);
    if (!(outputs instanceof Promise)) return { status: 'succeeded', outputs };
    const settled = execution.guide?.inTurn(placeOf(job.run, execution), outputs) ?? outputs;
    return settled.then(
      (value): StepResult => ({ status: 'succeeded', outputs: value }),
      (thrown: unknown) => afterFailure(thrown, job, execution),
    );
  } catch (thrown) {
    return afterFailure(thrown, job, execution);
  }
}

const placeOf = (run: StepRun, { path }: Execution) => ({ path, stepId: run.stepId, iteration: run.iteration });

/** Writes down that a step run is tried. The first time is its `$now`. */
export function recordAttempt(run: StepRun, attempt: number, execution: Execution): void {
  const at = execution.ports.clock.now();
  run.startedAt ??= execution.guide?.startedAt(placeOf(run, execution)) ?? at;
  run.attempts = attempt;
  if (!execution.journal.keeps('step.attempted')) return;
  const from: Delivery[] = [];
  for (const input of run.inputs) from.push(input.ref);
  const fields = stepFields(run, attempt, execution.path);
  failpoint('attempt.before');
  execution.journal.append({ ...fields, type: 'step.attempted', from }, at);
  failpoint('attempt.after');
}

/** The attempt, ended at its time limit. A step that never waits has no timer and no signal. */
function limitTime(job: StepJob, execution: Execution): Outputs | Promise<Outputs> {
  const signal = signalOf(job.run, execution);
  const attempt = createAttemptSignal(signal);
  let outputs: Outputs | Promise<Outputs>;
  try {
    outputs = attemptOnce(job, execution, attempt);
  } catch (thrown) {
    attempt.release();
    throw thrown;
  }
  if (!(outputs instanceof Promise)) {
    attempt.release();
    return outputs;
  }
  const ms = job.planned.timeoutMs === undefined ? execution.limits.stepTimeoutMs : job.planned.timeoutMs;
  if (ms === null) return outputs.finally(() => attempt.release());
  return limitTo(ms, outputs, attempt, job.run, execution);
}

/** What an attempt comes to, unless its time is over before. */
export function limitTo<T>(
  ms: number,
  outputs: Promise<T>,
  attempt: AttemptSignal,
  { stepId }: StepRun,
  execution: Execution,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const putOff = execution.ports.clock.alarm(ms, () => {
      const error = new SluiceError('step.timed_out', `Step ${stepId} took longer than ${ms} ms.`, {
        advice: 'Raise its time limit, or let it do less at once.',
        details: { timeoutMs: ms, stepId },
      });
      // Before whatever the attempt itself says to its end.
      reject(error);
      attempt.abort(error);
      attempt.release();
    });
    outputs
      .finally(() => {
        putOff();
        attempt.release();
      })
      .then(resolve, reject);
  });
}

/** What becomes of a step run whose attempt failed: a wait, another try, or what `onError` says. */
export function afterFailure(thrown: unknown, job: StepJob, execution: Execution): StepResult | Promise<StepResult> {
  const { run, attempt } = job;
  if (thrown instanceof Suspension) return { status: 'waiting', waits: thrown.waits };
  if (thrown instanceof NeedsAttention) return needsAttention(thrown.error, job, execution);
  const signal = signalOf(run, execution);
  if (signal.aborted) throw signal.reason;
  const error = SluiceError.from(thrown);
  if (error.code === 'internal')
    execution.journal.log({ level: 'error', message: String(error.cause ?? error), stepId: run.stepId });
  const wire: StepError = { ...error.toWire(), stepId: run.stepId };
  const verdict = afterError(job, error);
  // Where nothing was sent there is nothing to ask about.
  const asks = verdict.next === 'ask' && execution.memory.unclear(placeOf(run, execution)) !== undefined;
  if (asks) return needsAttention(wire, job, execution);
  if (verdict.next !== 'again') return giveUp(error, job, execution);
  run.failures++;
  const retryAt = toTime(execution.ports.clock.now() + verdict.delayMs);
  failpoint('retry.before');
  execution.journal.append({ ...stepFields(run, attempt, execution.path), type: 'step.failed', error: wire, retryAt });
  failpoint('retry.after');
  return execution.ports.clock
    .sleep(verdict.delayMs, signal)
    .then(() => tryAttempt({ ...job, attempt: attempt + 1 }, execution));
}

/** The run waits for a person. One of which nothing is kept cannot wait: the step has failed. */
function needsAttention(error: StepError, job: StepJob, execution: Execution): StepResult {
  if (execution.durability === 'none') return giveUp(SluiceError.fromWire(error), job, execution);
  const place = placeOf(job.run, execution);
  const details = execution.memory.unclear(place);
  return {
    status: 'waiting',
    waits: [{ ...place, cause: execution.causes?.of(job.run), reason: 'needs_attention', error, details }],
  };
}

function giveUp(error: SluiceError, job: StepJob, execution: Execution): StepResult {
  const { run, attempt, planned } = job;
  if (planned.step.onError !== 'stop') return { status: 'succeeded', outputs: failAll(job, error) };
  return failRun(run, attempt, { ...error.toWire(), stepId: run.stepId }, execution);
}

/** Ends a step run, and with it the run, whatever its `onError` says. */
export function failRun(run: StepRun, attempt: number, error: StepError, execution: Execution): StepResult {
  execution.journal.append({ ...stepFields(run, attempt, execution.path), type: 'step.failed', error });
  return { status: 'failed', error };
}
