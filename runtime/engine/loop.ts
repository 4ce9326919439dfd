import type { Item } from '#shared/workflow/tree.ts';
import type { Execution } from './attempt.ts';
import { createAttemptSignal } from './attemptSignal.ts';
import { CallSite } from './call.ts';
import type { PlannedStep } from './plan.ts';
import type { StepRun } from './runState.ts';

/**
 * Makes a step run a loop: one that hands out its items batch by batch. A config that cannot be read is kept as `failed`,
 * since a journal may go on past it.
 */
export function openLoop(planned: PlannedStep, run: StepRun, execution: Execution): void {
  run.loop = { batchSize: 1, batch: -1, scope: undefined, batches: [], gathered: [], failed: undefined };
  try {
    const site = new CallSite({ planned, run, attempt: 1 }, execution, createAttemptSignal(execution.signal));
    const config = site.configAt(loopItems(run)[0] ?? { json: {} }, 0);
    if (typeof config.batch === 'number') run.loop.batchSize = config.batch;
  } catch (thrown) {
    run.loop.failed = thrown;
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

/** What leaves a loop in the end: everything that came back to it. */
export function loopOutput(run: StepRun): Item[] {
  return (run.loop?.gathered ?? []).map(({ item }, index): Item => ({ ...item, from: [['next', index]] }));
}

function loopItems(run: StepRun): Item[] {
  return run.inputs.get('main')?.items ?? [];
}
