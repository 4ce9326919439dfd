import { SluiceError } from '#shared/error.ts';
import { fromTime } from '#shared/time.ts';
import type { Item } from '#shared/workflow/tree.ts';
import type { Execution } from './attempt.ts';
import { createCall } from './call.ts';
import { type StepResult, stepFields } from './executeStep.ts';
import { checkConfig, type PlannedStep } from './plan.ts';
import type { StepRun } from './runState.ts';

/**
 * Begins a loop: one step run that hands out its items batch by batch.
 *
 * @param recorded its attempt stands in the journal already
 * @returns the failure, if its config cannot be read
 */
export function startLoop(
  planned: PlannedStep,
  run: StepRun,
  execution: Execution,
  recorded = false,
): StepResult | undefined {
  if (!recorded) {
    const event = execution.journal.append({
      ...stepFields(run, 1, execution),
      type: 'step.attempted',
      from: [...run.inputs.values()].map((input) => input.ref),
    });
    run.startedAt = fromTime(event.at);
    run.attempts = 1;
  }
  run.loop = { batchSize: 1, batch: -1, scope: undefined, batches: [], gathered: [] };
  try {
    const call = createCall({ planned, run, attempt: 1 }, execution, execution.signal);
    call.at(loopItems(run)[0] ?? { json: {} }, 0);
    const config = planned.constant ?? checkConfig(run.stepId, planned.type, planned.config.resolve(call.scope));
    if (typeof config.batch === 'number') run.loop.batchSize = config.batch;
    return undefined;
  } catch (thrown) {
    const error = { ...SluiceError.from(thrown).toWire(), stepId: run.stepId };
    execution.journal.append({ ...stepFields(run, 1, execution), type: 'step.failed', error });
    return { status: 'failed', error };
  }
}

/** The items of the batch after the current one; undefined when all are out. */
export function loopBatches(run: StepRun): Item[] | undefined {
  if (!run.loop) return undefined;
  const start = (run.loop.batch + 1) * run.loop.batchSize;
  const items = loopItems(run);
  if (start >= items.length) return undefined;
  return items.slice(start, start + run.loop.batchSize).map((item, index): Item => ({ ...item, from: start + index }));
}

function loopItems(run: StepRun): Item[] {
  return run.inputs.get('main')?.items ?? [];
}
