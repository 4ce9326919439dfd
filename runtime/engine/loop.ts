import type { Json } from '#shared/json.ts';
import type { Item } from '#shared/workflow/tree.ts';
import type { Execution, Outputs } from './attempt.ts';
import { createAttemptSignal } from './attemptSignal.ts';
import { CallSite } from './call.ts';
import type { PlannedStep } from './plan.ts';
import { inputOn, type LoopState, type StepRun } from './runState.ts';

/**
 * Makes a step run one that hands out its items in batches: a loop, a map or a group. A config that cannot be read is kept
 * as `failed`, since a journal may go on past it.
 */
export function openLoop(planned: PlannedStep, run: StepRun, execution: Execution): void {
  const kind = planned.type.control ?? 'loop';
  const loop: LoopState = {
    kind,
    batchSize: kind === 'try' ? Number.POSITIVE_INFINITY : 1,
    concurrency: 1,
    batches: [],
    open: [],
    failed: undefined,
    caught: undefined,
    gathered: [],
    source: undefined,
  };
  run.loop = loop;
  try {
    const site = new CallSite({ planned, run, attempt: 1 }, execution, createAttemptSignal(execution.signal));
    const config = site.configAt(loopItems(run)[0] ?? { json: {} }, 0);
    const { batch, concurrency } = config;
    if (typeof batch === 'number') loop.batchSize = batch;
    if (typeof concurrency === 'number') loop.concurrency = concurrency;
    if (planned.type.nextBatch) loop.source = { config, cursor: undefined, state: 'open', read: [] };
  } catch (thrown) {
    loop.failed = thrown;
  }
}

/** The items of the batch after those that are out; undefined when all are, or the next has still to be read. */
export function nextBatch(run: StepRun): Item[] | undefined {
  if (!run.loop) return undefined;
  const { batches, batchSize, kind, source } = run.loop;
  if (source) return source.read.shift();
  const items = loopItems(run);
  if (kind === 'try') return batches.length > 0 ? undefined : items.map((item, from): Item => ({ ...item, from }));
  const start = batches.length * batchSize;
  if (start >= items.length) return undefined;
  const batch: Item[] = [];
  for (let from = start; from < items.length && from < start + batchSize; from++)
    batch.push({ ...(items[from] as Item), from });
  return batch;
}

/** What leaves when nothing is left to hand out. */
export function loopOutputs(planned: PlannedStep, run: StepRun): Outputs {
  const { loop } = run;
  if (!loop) return {};
  if (loop.caught) {
    const json = loop.caught as unknown as Json;
    return {
      catch: loopItems(run).map((item, from): Item => ({ ...item, json: { ...item.json, error: json }, from })),
    };
  }
  // A group that nothing comes back to passes on what it was given.
  if (loop.kind === 'try' && !planned.connected.includes('next')) {
    return { done: loopItems(run).map((item, from): Item => ({ ...item, from })) };
  }
  putInOrder(loop);
  return {
    done: loop.gathered.map(({ item }, index) => {
      item.from = [['next', index]];
      return item;
    }),
  };
}

function loopItems(run: StepRun): Item[] {
  return inputOn(run, 'main')?.items ?? [];
}

/** What came back to a map, in the order of what it handed out, whichever batch ended first; and in a batch by rank. */
export function putInOrder({ kind, gathered }: LoopState): void {
  if (kind !== 'map' && gathered[0]?.rank === undefined) return;
  gathered.sort((a, b) => a.batch - b.batch || compare(a.rank, b.rank));
}

const compare = (a = '', b = '') => (a < b ? -1 : a > b ? 1 : 0);
