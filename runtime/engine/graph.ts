import type { Delivery, RunEvent } from '#shared/run/events.ts';
import type { Item } from '#shared/workflow/tree.ts';
import type { Batch } from '../connectors/stepType.ts';
import type { Execution, Outputs } from './attempt.ts';
import { createJoins } from './joins.ts';
import { putInOrder } from './loop.ts';
import type { PlannedStep } from './plan.ts';
import { createQueue } from './queue.ts';
import { createRetention } from './retention.ts';
import {
  batchScope,
  closeBatch,
  type Gathered,
  isInside as isInsideOf,
  newStepRun,
  type Pending,
  pathField,
  type RunState,
  type StepRun,
  type WorkScope,
} from './runState.ts';
import type { Wait } from './waits.ts';

export type GraphStart = {
  triggerStepId: string;
  input: Item[];
  /** What this execution recorded before, oldest first, with blobs read back. */
  history: readonly RecordedEvent[];
  /** Outputs taken as given in place of running a step. */
  given?: Readonly<Record<string, Record<string, Item[]>>>;
  stopAfter?: string;
};

/** Events that move the graph, with their items at hand. */
export type RecordedEvent =
  | (Extract<RunEvent, { type: 'step.attempted' | 'step.failed' | 'step.skipped' | 'run.waiting' | 'run.resumed' }> & {
      outputs?: undefined;
    })
  | (Extract<RunEvent, { type: 'effect.recorded' }> & { batch: Batch; outputs?: undefined })
  | (Omit<Extract<RunEvent, { type: 'step.succeeded' }>, 'outputs'> & { outputs: Outputs });

/** The port that batches leave by. */
const BATCH_PORTS = { loop: 'loop', map: 'item', try: 'try' } as const;
/** What step runs are stopped with whose group has ended; made once, because an error is dear. */
const GROUP_ENDED = new Error('The group ended.');

/**
 * Where the items of one execution are: on their way, in step runs at work or waiting, or out of it. It only moves them;
 * `executeGraph` decides what runs when, and `replay` brings it to where a journal ends.
 */
export type Graph = ReturnType<typeof createGraph>;

export function createGraph(start: GraphStart, execution: Execution, state: RunState) {
  const { plan, journal, limits, causes, durability } = execution;
  const joins = createJoins(plan);
  /** Deliveries that start a step run each, in order. */
  const ready = createQueue<Pending>();
  /** Step runs that a process left unfinished. */
  const again: StepRun[] = [];
  /** Loops whose batch has ended. */
  const idleLoops: StepRun[] = [];
  const active = new Set<StepRun>();
  const waiting = new Map<StepRun, readonly Wait[]>();
  /** By step id, what left by ports without an edge. */
  const output: Record<string, Item[]> = {};
  /** Steps of which `output` has a list of its own. */
  const gathered = new Set<string>();
  const skipped = new Set<string>();
  /** `atOnce`: the step runs at work at once that an open map asks for. */
  const progress = { started: 0, replaying: true, atOnce: 0 };
  const retention = createRetention(state, limits.retainedItems);

  /** Puts what left a port on the way to those behind it. */
  function deliver(run: StepRun, outPort: string, items: Item[], scope: WorkScope, batch?: number): void {
    if (items.length === 0) return;
    const targets = plan.steps.get(run.stepId)?.next.get(outPort);
    if (!targets || targets.length === 0) {
      if (batch === undefined) keep(run.stepId, items);
      return;
    }
    for (const { to, inPort } of targets) {
      const ref: Delivery = { port: inPort, stepId: run.stepId, iteration: run.iteration, outPort };
      if (batch !== undefined) ref.batch = batch;
      const target = plan.steps.get(to) as PlannedStep;
      if (target.type.control && inPort === 'next') {
        gather(to, run, ref, items, scope);
        continue;
      }
      scope.live++;
      const pending: Pending = { to, ref, items, scope };
      if (target.connected.length > 1 && !target.step.disabled) {
        const meeting = causes?.meetingOf(pending);
        if (meeting) pending.meeting = meeting;
        joins.add(pending);
      } else ready.push(pending);
    }
  }

  function keep(stepId: string, items: Item[]): void {
    const kept = output[stepId];
    // The very list that left the step, until there is more.
    if (!kept) output[stepId] = items;
    else if (gathered.has(stepId)) for (const item of items) kept.push(item);
    else {
      gathered.add(stepId);
      output[stepId] = [...kept, ...items];
    }
  }

  /** What comes back to a loop belongs to the batch that started it. */
  function gather(loopId: string, run: StepRun, ref: Delivery, items: Item[], scope: WorkScope): void {
    // Done again, branches of a batch may come back the other way round.
    const rank = causes && durability === 'run' ? `${run.stepId}.${causes.of(run)}` : undefined;
    for (let current: WorkScope | undefined = scope; current; current = current.parent) {
      const loop = current.loop?.stepId === loopId ? current.loop.loop : undefined;
      if (!loop) continue;
      for (let index = 0; index < items.length; index++) {
        const { json, binary } = items[index] as Item;
        // Without where it came from in its batch: that may be more than the item itself.
        const item: Item = { json };
        if (binary) item.binary = binary;
        const back: Gathered = { item, ref, index, batch: current.batch };
        if (rank !== undefined) back.rank = rank;
        loop.gathered.push(back);
      }
      return;
    }
  }

  /** Something of a scope ended; an empty batch lets its loop go on. */
  function release(scope: WorkScope): void {
    scope.live--;
    if (scope.live > 0 || !closeBatch(scope)) return;
    // Whoever listens for its end hears no more of the run's.
    scope.controller?.abort(GROUP_ENDED);
    retention.end(scope);
    if (!progress.replaying && scope.loop) idleLoops.push(scope.loop);
  }

  /** A group has ended before its time: nothing that was started in it goes on. @returns the step runs that were at work */
  function endGroup(group: WorkScope): StepRun[] {
    const isInside = (scope: WorkScope) => isInsideOf(scope, group);
    const drop = <T>(list: T[], matches: (one: T) => boolean) => {
      for (let index = list.length - 1; index >= 0; index--) if (matches(list[index] as T)) list.splice(index, 1);
    };
    while (ready.take(({ scope }) => isInside(scope)));
    drop(again, ({ scope }) => isInside(scope));
    drop(idleLoops, ({ scope }) => isInside(scope));
    while (joins.remove(({ scope }) => isInside(scope)));
    for (const run of [...waiting.keys()]) if (isInside(run.scope)) waiting.delete(run);
    const cut = [...active].filter(({ scope }) => isInside(scope));
    for (const run of cut) active.delete(run);
    closeBatch(group);
    group.controller ??= new AbortController();
    group.controller.abort(GROUP_ENDED);
    retention.end(group);
    return cut;
  }

  function takeOutputs(run: StepRun, outputs: Outputs): void {
    if (run.loop) putInOrder(run.loop);
    run.outputs = outputs;
    if (run.scope.loop) retention.count(outputs);
    if (start.stopAfter === run.stepId) keep(run.stepId, Object.values(outputs).flat());
    else for (const port in outputs) deliver(run, port, outputs[port] ?? [], run.scope);
    release(run.scope);
  }

  return {
    start,
    joins,
    ready,
    again,
    idleLoops,
    active,
    waiting,
    output,
    skipped,
    progress,
    takeOutputs,
    /** What the run began with leaves its trigger. */
    open(): void {
      const trigger = newStepRun(start.triggerStepId, 0, [], state.root);
      state.add(trigger);
      state.root.live++;
      takeOutputs(trigger, { main: start.input });
    },
    /** Some deliveries become one step run, of the number that a journal says or the next. */
    openRun(pendings: readonly Pending[], iteration?: number): StepRun {
      const first = pendings[0] as Pending;
      let scope = first.scope;
      for (const pending of pendings) if (pending.scope.depth > scope.depth) scope = pending.scope;
      const run = newStepRun(first.to, iteration ?? state.nextIteration(first.to), pendings, scope);
      if (causes) {
        causes.begin(run);
        if (iteration === undefined) run.iteration = causes.numberOf(run);
      }
      state.add(run);
      scope.live++;
      if (scope.loop) {
        run.before = scope.last;
        scope.last = run;
      }
      for (const pending of pendings) pending.scope.live--;
      progress.started++;
      return run;
    },
    endGroup,
    /** A loop, map or group hands out its next batch. */
    openBatch(run: StepRun, items: Item[]): void {
      const { loop } = run;
      if (!loop) return;
      const batch = loop.batches.length;
      loop.batches.push(items);
      const scope = batchScope(run, batch);
      loop.open.push(scope);
      if (loop.concurrency > progress.atOnce) progress.atOnce = loop.concurrency;
      deliver(run, BATCH_PORTS[loop.kind], items, scope, batch);
      release(scope);
    },
    /** A step that is switched off lets its items through. */
    passThrough(run: StepRun): void {
      if (!progress.replaying && !skipped.has(run.stepId)) {
        skipped.add(run.stepId);
        journal.append({
          type: 'step.skipped',
          stepId: run.stepId,
          reason: 'disabled',
          ...pathField(execution.path),
        });
      }
      const items = run.inputs.flatMap((input) =>
        input.items.map((item, index): Item => ({ ...item, from: [[input.ref.port, index]] })),
      );
      takeOutputs(run, { [plan.steps.get(run.stepId)?.through ?? 'main']: items });
    },
    /** The execution has ended. Whatever of it outlives it for a while holds none of its step runs (docs/decisions/0010). */
    letGo(): void {
      state.runs.clear();
      retention.letGo();
    },
  };
}
