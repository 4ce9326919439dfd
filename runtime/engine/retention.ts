import type { Item } from '#shared/workflow/tree.ts';
import type { Outputs } from './attempt.ts';
import { createQueue } from './queue.ts';
import type { Pending, RunState, StepRun, WorkScope } from './runState.ts';

/** Of what was let go. A step run that gave nothing more has still ended. */
const GONE: StepRun['outputs'] = Object.freeze({ main: [] });
const NO_INPUTS: readonly Pending[] = Object.freeze([]);
const NO_ITEMS: Item[] = [];

/**
 * Keeps memory flat however many batches there are: above a number of items, those of batches that have ended are let go,
 * the batch that ended first at first. What the latest run of each step gave stays. A trail that leads through what is gone
 * ends there.
 *
 * It counts in the order of the journal, so that a run that is resumed has let go the same.
 *
 * @param limit items of step runs in batches
 */
export function createRetention(state: RunState, limit: number) {
  let kept = 0;
  let ended = createQueue<WorkScope>();
  /** Of batches that were let go, the step runs that `$('step').all()` speaks of. */
  const latest = new Map<string, StepRun>();

  function count(outputs: Outputs | StepRun['outputs']): void {
    for (const port in outputs) kept += outputs[port]?.length ?? 0;
  }

  function letGo(run: StepRun): void {
    for (const port in run.outputs) kept -= run.outputs[port]?.length ?? 0;
    run.outputs = GONE;
    run.inputs = NO_INPUTS;
    if (!run.loop) return;
    run.loop.gathered = [];
    // Batches that a group's end cut off have not ended of themselves.
    for (const scope of run.loop.open) empty(scope);
    run.loop.open = [];
  }

  function empty(scope: WorkScope): void {
    for (let run = scope.last; run; run = run.before) {
      if (state.latest(run.stepId) !== run) letGo(run);
      else latest.set(run.stepId, run);
    }
    scope.last = undefined;
    const batches = scope.loop?.loop?.batches;
    const items = batches?.[scope.batch];
    if (!batches || !items) return;
    kept -= items.length;
    batches[scope.batch] = NO_ITEMS;
  }

  return {
    /** A step run of a batch gave something. */
    count,
    /** A batch has ended. */
    end(scope: WorkScope): void {
      kept += scope.loop?.loop?.batches[scope.batch]?.length ?? 0;
      ended.push(scope);
      if (kept <= limit) return;
      for (const [stepId, run] of latest) {
        if (state.latest(stepId) === run) continue;
        letGo(run);
        latest.delete(stepId);
      }
      for (let oldest = ended.shift(); oldest; oldest = kept > limit ? ended.shift() : undefined) empty(oldest);
    },
    /** Nothing of it is asked for any more. */
    letGo(): void {
      ended = createQueue();
      latest.clear();
    },
    /** Items of batches that are there, for tests. */
    kept: () => kept,
  };
}
