import type { Delivery, RunEvent } from '#shared/run/events.ts';
import type { Item } from '#shared/workflow/tree.ts';
import type { Execution, Outputs } from './attempt.ts';
import { createJoins } from './joins.ts';
import type { PlannedStep } from './plan.ts';
import { newStepRun, type Pending, pathField, type RunState, type StepRun, type WorkScope } from './runState.ts';
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
  | (Omit<Extract<RunEvent, { type: 'step.succeeded' }>, 'outputs'> & { outputs: Outputs });

/**
 * Where the items of one execution are: on their way, in step runs at work or waiting, or out of it. It only moves them;
 * `executeGraph` decides what runs when, and `replay` brings it to where a journal ends.
 */
export type Graph = ReturnType<typeof createGraph>;

export function createGraph(start: GraphStart, execution: Execution, state: RunState) {
  const { plan, journal } = execution;
  const joins = createJoins(plan);
  /** Deliveries that start a step run each, in order. */
  const ready: Pending[] = [];
  /** Step runs that a process left unfinished. */
  const again: StepRun[] = [];
  /** Loops whose batch has ended. */
  const idleLoops: StepRun[] = [];
  const active = new Set<StepRun>();
  const waiting = new Map<StepRun, readonly Wait[]>();
  /** By step id, what left by ports without an edge. */
  const output: Record<string, Item[]> = {};
  const skipped = new Set<string>();
  const progress = { started: 0, replaying: true };

  /** Puts what left a port on the way to those behind it. */
  function deliver(run: StepRun, outPort: string, items: Item[], scope: WorkScope, batch?: number): void {
    if (items.length === 0) return;
    const targets = plan.steps.get(run.stepId)?.next.get(outPort);
    if (!targets || targets.length === 0) {
      if (outPort !== 'loop') keep(run.stepId, items);
      return;
    }
    for (const { to, inPort } of targets) {
      const ref: Delivery = { port: inPort, stepId: run.stepId, iteration: run.iteration, outPort };
      if (batch !== undefined) ref.batch = batch;
      const target = plan.steps.get(to) as PlannedStep;
      if (target.type.control === 'loop' && inPort === 'next') {
        gather(to, scope, ref, items);
        continue;
      }
      scope.live++;
      const pending: Pending = { to, ref, items, scope };
      if (target.connected.length > 1 && !target.step.disabled) joins.add(pending);
      else ready.push(pending);
    }
  }

  function keep(stepId: string, items: Item[]): void {
    const kept = output[stepId];
    if (!kept) output[stepId] = [...items];
    else for (const item of items) kept.push(item);
  }

  /** What comes back to a loop belongs to the batch that started it. */
  function gather(loopId: string, scope: WorkScope, ref: Delivery, items: Item[]): void {
    for (let current: WorkScope | undefined = scope; current; current = current.parent) {
      const loop = current.loop?.stepId === loopId ? current.loop.loop : undefined;
      if (!loop) continue;
      items.forEach((item, index) => {
        loop.gathered.push({ item, ref, index });
      });
      return;
    }
  }

  /** Something of a scope ended; an empty batch lets its loop go on. */
  function release(scope: WorkScope): void {
    scope.live--;
    if (scope.live === 0 && scope.loop && !progress.replaying) idleLoops.push(scope.loop);
  }

  function takeOutputs(run: StepRun, outputs: Outputs): void {
    run.outputs = new Map(Object.entries(outputs));
    if (start.stopAfter === run.stepId) keep(run.stepId, Object.values(outputs).flat());
    else for (const [port, items] of run.outputs) deliver(run, port, items, run.scope);
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
      const trigger = newStepRun(start.triggerStepId, 0, new Map(), state.root);
      state.add(trigger);
      state.root.live++;
      takeOutputs(trigger, { main: start.input });
    },
    /** Some deliveries become one step run. */
    openRun(pendings: readonly Pending[], iteration: number): StepRun {
      const first = pendings[0] as Pending;
      let scope = first.scope;
      const inputs = new Map<string, Pending>();
      for (const pending of pendings) {
        inputs.set(pending.ref.port, pending);
        if (pending.scope.depth > scope.depth) scope = pending.scope;
      }
      const run = newStepRun(first.to, iteration, inputs, scope);
      state.add(run);
      scope.live++;
      for (const pending of pendings) pending.scope.live--;
      progress.started++;
      return run;
    },
    /** A loop hands out its next batch. */
    openBatch(run: StepRun, items: Item[]): void {
      const { loop } = run;
      if (!loop) return;
      loop.batch++;
      loop.batches[loop.batch] = items;
      const scope: WorkScope = { parent: run.scope, depth: run.scope.depth + 1, loop: run, live: 1 };
      loop.scope = scope;
      deliver(run, 'loop', items, scope, loop.batch);
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
      const items = [...run.inputs.values()].flatMap((input) =>
        input.items.map((item, index): Item => ({ ...item, from: [[input.ref.port, index]] })),
      );
      takeOutputs(run, { [plan.steps.get(run.stepId)?.through ?? 'main']: items });
    },
  };
}
