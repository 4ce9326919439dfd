import { SluiceError } from '#shared/error.ts';
import type { Json, JsonObject } from '#shared/json.ts';
import type { Payload } from '#shared/run/events.ts';
import type { Item } from '#shared/workflow/tree.ts';
import type { Batch } from '../connectors/stepType.ts';
import { type Execution, failAll } from './attempt.ts';
import { createAttemptSignal } from './attemptSignal.ts';
import { CallSite } from './call.ts';
import { canonicalText } from './canonicalText.ts';
import { NeedsAttention } from './effects.ts';
import { failRun, limitTo, type StepResult } from './executeStep.ts';
import { signalOf } from './groupSignal.ts';
import { readBack } from './history.ts';
import { withLineage } from './lineage.ts';
import { toPayload } from './payload.ts';
import type { PlannedStep } from './plan.ts';
import type { Guide } from './ports/guide.ts';
import { type BatchSource, inputOn, type StepRun, stepFields } from './runState.ts';

type Recorded = { items: Item[]; cursor: Json | undefined; payload: Payload | undefined };

/**
 * Asks a source for its next batch, as the journal keeps it. Its effects are numbered by batch, so that each is asked for
 * once. Undefined: there is none.
 *
 * @throws what the step type throws; SluiceError step.output_too_large
 */
export function readBatch(
  planned: PlannedStep,
  run: StepRun,
  execution: Execution,
): Recorded | undefined | Promise<Recorded | undefined> {
  const source = run.loop?.source as BatchSource;
  source.state = 'reading';
  const main = inputOn(run, 'main')?.items ?? [];
  const attempt = createAttemptSignal(signalOf(run, execution));
  const site = new CallSite({ planned, run, attempt: run.attempts }, execution, attempt);
  site.itemIndex = run.loop?.batches.length ?? 0;
  const call = site.callWith(source.config);
  call.inputs = { main };
  const record = (read: Batch | undefined) => read && recordable(read, main.length, execution);
  const read =
    execution.guide && site.effect !== 'pure'
      ? guidedBatch(execution.guide, run, site.itemIndex, execution)
      : planned.type.nextBatch?.(call, source.cursor);
  if (!(read instanceof Promise)) return record(read);
  const ms = planned.step.timeoutMs ?? execution.limits.stepTimeoutMs;
  const { stepId, iteration } = run;
  return limitTo(ms, read, attempt, run, execution)
    .then(record)
    .finally(() => execution.guide?.rest({ path: execution.path, stepId, iteration }));
}

/** What was read from outside comes from the recorded run. */
async function guidedBatch(
  guide: Guide,
  { stepId, iteration }: StepRun,
  index: number,
  { path, ports }: Execution,
): Promise<Batch | undefined> {
  const result = await guide.batch({ path, stepId, iteration }, `${index}.batch`);
  return result === undefined ? undefined : readBack(result, ports.blobs);
}

function recordable(
  { items, cursor }: Batch,
  inputs: number,
  { journal, limits, ports }: Execution,
): Recorded | Promise<Recorded> {
  const from = withLineage(items, inputs === 1 ? 1 : -1);
  if (!journal.keeps('step.attempted')) return { items: from, cursor, payload: undefined };
  const payload = toPayload(from, limits, ports.blobs);
  if (payload instanceof Promise) return payload.then((kept) => ({ items: from, cursor, payload: kept }));
  return { items: from, cursor, payload };
}

/** Keeps a batch that was read to be handed out next, and writes it down: a run that goes on reads none twice. */
export function takeBatch(run: StepRun, read: Recorded | undefined, execution: Execution): void {
  const source = run.loop?.source as BatchSource;
  if (read?.payload) {
    const result: JsonObject = { ...(read.payload as unknown as JsonObject) };
    if (read.cursor !== undefined) result.cursor = read.cursor;
    const asked = canonicalText(source.cursor);
    execution.journal.append({
      ...stepFields(run, run.attempts, execution.path),
      type: 'effect.recorded',
      no: `${run.loop?.batches.length ?? 0}.batch`,
      kind: 'batch',
      requestHash: execution.ports.hashing.sha256(asked),
      result,
    });
  }
  if (read) keepBatch(run, read);
  else source.state = 'ended';
}

/** What was read, here or by a process before, is handed out in its turn. */
export function keepBatch({ loop }: StepRun, { items, cursor }: Batch): void {
  if (!loop?.source) return;
  loop.source.read.push(items);
  loop.source.cursor = cursor;
  loop.source.state = cursor === undefined ? 'ended' : 'open';
}

/** What becomes of a source that failed: it is not asked again. */
export function readFailed(thrown: unknown, planned: PlannedStep, run: StepRun, execution: Execution): StepResult {
  const signal = signalOf(run, execution);
  if (signal.aborted) throw signal.reason;
  const error = thrown instanceof NeedsAttention ? SluiceError.fromWire(thrown.error) : SluiceError.from(thrown);
  const { stepId } = run;
  if (error.code === 'internal')
    execution.journal.log({ level: 'error', message: String(error.cause ?? error), stepId });
  const job = { planned, run, attempt: run.attempts };
  if (planned.step.onError !== 'stop') return { status: 'succeeded', outputs: failAll(job, error) };
  return failRun(run, run.attempts, { ...error.toWire(), stepId }, execution);
}
