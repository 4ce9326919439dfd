import { SluiceError } from '#shared/error.ts';
import type { Delivery, EventOf, Payload, RunEvent, StepError } from '#shared/run/events.ts';
import { fromTime, toTime } from '#shared/time.ts';
import type { Item } from '#shared/workflow/tree.ts';
import type { Execution, Outputs } from './attempt.ts';
import { executeStep, type StepResult, stepFields } from './executeStep.ts';
import { createJoins } from './joins.ts';
import { loopBatches, startLoop } from './loop.ts';
import { toPayload } from './payload.ts';
import type { PlannedStep } from './plan.ts';
import { newStepRun, type Pending, type RunState, type StepRun, type WorkScope } from './runState.ts';

export type GraphResult =
  | { status: 'succeeded'; output: Record<string, Item[]> }
  | { status: 'failed'; error: StepError }
  | { status: 'waiting' };

type Wait = Extract<StepResult, { status: 'waiting' }>;

function waitOf(event: EventOf<'run.waiting'>): Wait {
  const untilMs = event.until === undefined ? undefined : fromTime(event.until);
  return { status: 'waiting', reason: event.reason, untilMs, error: event.error, recorded: false };
}

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
 * Runs a workflow's graph to its end, or until all that is left waits. Deliveries move it: each one that is not empty is
 * one step run; a step of several inputs waits for what can still come; a loop is one step run whose batches follow each
 * other. The rules stand in formats.md 5 and in docs/concepts.md.
 *
 * @throws whatever aborts the execution's signal
 */
export function executeGraph(start: GraphStart, execution: Execution, state: RunState): Promise<GraphResult> {
  const { plan, limits, journal } = execution;
  const ready: Pending[] = [];
  const again: StepRun[] = [];
  const idleLoops: StepRun[] = [];
  const active = new Set<StepRun>();
  const waiting = new Map<StepRun, Wait>();
  const output: Record<string, Item[]> = {};
  const skipped = new Set<string>();
  let working = 0;
  let started = 0;
  let failure: StepError | undefined;
  let replaying = true;
  let lastWait: StepRun | undefined;

  return new Promise<GraphResult>((resolve, reject) => {
    const joins = createJoins(plan);
    let ended = false;
    const end = (settle: () => void) => {
      if (ended) return;
      ended = true;
      execution.signal.removeEventListener('abort', onAbort);
      settle();
    };
    const onAbort = () => end(() => reject(execution.signal.reason));
    execution.signal.addEventListener('abort', onAbort);

    /** Puts what left a port on the way to those behind it. */
    function deliver(run: StepRun, outPort: string, items: Item[], scope: WorkScope, batch?: number): void {
      if (items.length === 0) return;
      const targets = plan.steps.get(run.stepId)?.next.get(outPort);
      if (!targets || targets.length === 0) {
        if (outPort !== 'loop') output[run.stepId] = [...(output[run.stepId] ?? []), ...items];
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

    /** What comes back to a loop belongs to the batch that started it. */
    function gather(loopId: string, scope: WorkScope, ref: Delivery, items: Item[]): void {
      for (let current: WorkScope | undefined = scope; current; current = current.parent) {
        if (current.loop?.stepId !== loopId) continue;
        items.forEach((item, index) => {
          current.loop?.loop?.gathered.push({ item, ref, index });
        });
        return;
      }
    }

    /** Something of a scope ended; an empty batch lets its loop go on. */
    function release(scope: WorkScope): void {
      scope.live--;
      if (scope.live === 0 && scope.loop && !replaying) idleLoops.push(scope.loop);
    }

    function advance(run: StepRun): void {
      const next = loopBatches(run);
      const loop = run.loop;
      if (!loop) return;
      if (next === undefined) {
        const done = loop.gathered.map(({ item }, index): Item => ({ ...item, from: [['next', index]] }));
        finish(run, { status: 'succeeded', outputs: { done } });
        return;
      }
      if (loop.batch + 1 >= limits.loopIterations) {
        finish(run, { status: 'failed', error: limitError(run.stepId, 'iterations of a loop', limits.loopIterations) });
        return;
      }
      beginBatch(run, next);
    }

    function beginBatch(run: StepRun, items: Item[]): void {
      const loop = run.loop;
      if (!loop) return;
      loop.batch++;
      loop.batches[loop.batch] = items;
      const scope: WorkScope = { parent: run.scope, depth: run.scope.depth + 1, loop: run, live: 1 };
      loop.scope = scope;
      deliver(run, 'loop', items, scope, loop.batch);
      release(scope);
    }

    function begin(pendings: Pending[]): void {
      const first = pendings[0] as Pending;
      const planned = plan.steps.get(first.to) as PlannedStep;
      let scope = first.scope;
      const inputs = new Map<string, Pending>();
      for (const pending of pendings) {
        inputs.set(pending.ref.port, pending);
        if (pending.scope.depth > scope.depth) scope = pending.scope;
      }
      const run = newStepRun(first.to, state.nextIteration(first.to), inputs, scope);
      state.add(run);
      scope.live++;
      for (const pending of pendings) pending.scope.live--;
      started++;
      if (run.iteration >= limits.loopIterations || started > limits.stepRuns) {
        const over = run.iteration >= limits.loopIterations;
        end(() =>
          resolve({
            status: 'failed',
            error: limitError(
              run.stepId,
              over ? 'runs of one step' : 'step runs',
              over ? limits.loopIterations : limits.stepRuns,
            ),
          }),
        );
        return;
      }
      if (planned.step.disabled) passThrough(run);
      else if (start.given?.[run.stepId]) takeGiven(run, start.given[run.stepId] as Outputs);
      else launch(planned, run);
    }

    function launch(planned: PlannedStep, run: StepRun): void {
      active.add(run);
      if (planned.type.control === 'loop') {
        const failed = startLoop(planned, run, execution);
        if (failed) finish(run, failed);
        else idleLoops.push(run);
        return;
      }
      const result = executeStep(planned, run, execution);
      if (!(result instanceof Promise)) {
        finish(run, result);
        return;
      }
      working++;
      result.then(
        (value) => {
          working--;
          finish(run, value);
          step();
        },
        (thrown: unknown) => end(() => reject(thrown)),
      );
    }

    /** A step that is switched off lets its items through. */
    function passThrough(run: StepRun): void {
      if (!replaying && !skipped.has(run.stepId)) {
        skipped.add(run.stepId);
        const path = execution.path.length > 0 ? { path: [...execution.path] } : {};
        journal.append({ type: 'step.skipped', stepId: run.stepId, reason: 'disabled', ...path });
      }
      const items = [...run.inputs.values()].flatMap((input) =>
        input.items.map((item, index): Item => ({ ...item, from: [[input.ref.port, index]] })),
      );
      takeOutputs(run, { main: items });
    }

    /** Recorded or pinned outputs stand in for running a step, and are written down as its own. */
    function takeGiven(run: StepRun, outputs: Outputs): void {
      active.add(run);
      journal.append({
        ...stepFields(run, 1, execution),
        type: 'step.attempted',
        from: [...run.inputs.values()].map((input) => input.ref),
      });
      finish(run, { status: 'succeeded', outputs });
    }

    function finish(run: StepRun, result: StepResult): void {
      if (ended) return;
      if (result.status === 'waiting') {
        active.delete(run);
        waiting.set(run, result);
        if (!result.recorded) recordWait(run, result);
        return;
      }
      if (result.status === 'failed') {
        failure ??= result.error;
        const error = failure;
        end(() => resolve({ status: 'failed', error }));
        return;
      }
      const payloads = record(result.outputs);
      if (payloads instanceof Promise) {
        working++;
        payloads.then(
          (outputs) => {
            working--;
            succeed(run, result.outputs, outputs);
            step();
          },
          (thrown: unknown) => refuseOutput(run, thrown),
        );
        return;
      }
      succeed(run, result.outputs, payloads);
    }

    function succeed(run: StepRun, outputs: Outputs, payloads: Record<string, Payload>): void {
      journal.append({
        ...stepFields(run, Math.max(run.attempts, 1), execution),
        type: 'step.succeeded',
        outputs: payloads,
      });
      active.delete(run);
      takeOutputs(run, outputs);
    }

    function takeOutputs(run: StepRun, outputs: Outputs): void {
      run.outputs = new Map(Object.entries(outputs));
      if (start.stopAfter === run.stepId) {
        output[run.stepId] = Object.values(outputs).flat();
      } else {
        for (const [port, items] of run.outputs) deliver(run, port, items, run.scope);
      }
      release(run.scope);
    }

    function record(outputs: Outputs): Record<string, Payload> | Promise<Record<string, Payload>> {
      const payloads: Record<string, Payload> = {};
      const late: Promise<void>[] = [];
      for (const [port, items] of Object.entries(outputs)) {
        const payload = toPayload(items, limits, execution.ports.blobs);
        if (payload instanceof Promise) {
          late.push(
            payload.then((value) => {
              payloads[port] = value;
            }),
          );
        } else payloads[port] = payload;
      }
      return late.length > 0 ? Promise.all(late).then(() => payloads) : payloads;
    }

    function refuseOutput(run: StepRun, thrown: unknown): void {
      if (!(thrown instanceof SluiceError)) {
        end(() => reject(thrown));
        return;
      }
      const error: StepError = { ...thrown.toWire(), stepId: run.stepId };
      journal.append({ ...stepFields(run, Math.max(run.attempts, 1), execution), type: 'step.failed', error });
      end(() => resolve({ status: 'failed', error }));
    }

    /** The last wait on record is the first to end: that is when the run is due. */
    function recordEarliest(): void {
      const timed = [...waiting].filter(([, wait]) => wait.untilMs !== undefined && !wait.recorded);
      const [first] = timed.sort(([, a], [, b]) => (a.untilMs ?? 0) - (b.untilMs ?? 0));
      if (first && first[0] !== lastWait) recordWait(...first);
    }

    function recordWait(run: StepRun, wait: Wait): void {
      lastWait = run;
      const path = execution.path.length > 0 ? { path: [...execution.path] } : {};
      journal.append({
        type: 'run.waiting',
        stepId: run.stepId,
        iteration: run.iteration,
        reason: wait.reason,
        ...(wait.untilMs === undefined ? {} : { until: toTime(wait.untilMs) }),
        ...(wait.error ? { error: wait.error } : {}),
        ...path,
      });
    }

    /** Starts what can start; ends the run when nothing is left. */
    function step(): void {
      try {
        while (!ended) {
          const retry = again.shift();
          if (retry) {
            launch(plan.steps.get(retry.stepId) as PlannedStep, retry);
            continue;
          }
          const loop = idleLoops.shift();
          if (loop) {
            advance(loop);
            continue;
          }
          if (working >= limits.branches) return;
          const pending = ready.shift();
          if (pending) {
            begin([pending]);
            continue;
          }
          const joined = joins.take([...active, ...waiting.keys()], working === 0 && waiting.size === 0);
          if (joined) {
            begin(joined);
            continue;
          }
          break;
        }
        if (ended || working > 0) return;
        if (waiting.size > 0) {
          recordEarliest();
          end(() => resolve({ status: 'waiting' }));
        } else end(() => resolve({ status: 'succeeded', output }));
      } catch (thrown) {
        if (thrown instanceof SluiceError && thrown.code === 'step.output_too_large') {
          end(() => resolve({ status: 'failed', error: thrown.toWire() }));
        } else end(() => reject(thrown));
      }
    }

    /** Brings the graph to where its journal left it. */
    function resume(): void {
      for (const event of start.history) {
        if (event.type === 'step.skipped') {
          skipped.add(event.stepId);
          continue;
        }
        if (event.type === 'run.waiting' || event.type === 'run.resumed') {
          const parked = state.runs.get(event.stepId)?.[event.iteration];
          if (!parked) continue;
          if (event.type === 'run.resumed') waiting.delete(parked);
          else waiting.set(parked, waitOf(event));
          continue;
        }
        if (event.type === 'step.attempted') {
          if (event.attempt === 1) consume(event);
          const run = state.runs.get(event.stepId)?.[event.iteration];
          if (!run) continue;
          run.attempts = Math.max(run.attempts, event.attempt);
          run.startedAt ??= fromTime(event.at);
          continue;
        }
        const run = state.runs.get(event.stepId)?.[event.iteration];
        if (!run) continue;
        if (event.type === 'step.failed') {
          run.failures++;
          if (!event.retryAt) failure = event.error;
          continue;
        }
        active.delete(run);
        takeOutputs(run, event.outputs);
        settleDisabled();
      }
      for (const run of [...active]) {
        const wait = waiting.get(run);
        if (wait && !isDue(wait)) active.delete(run);
        else if (!run.loop) {
          if (wait) recordResumed(run);
          active.delete(run);
          again.push(run);
        } else if (run.loop.scope === undefined || run.loop.scope.live === 0) idleLoops.push(run);
      }
    }

    function isDue(wait: Wait): boolean {
      return wait.untilMs !== undefined && wait.untilMs <= execution.ports.clock.now();
    }

    function recordResumed(run: StepRun): void {
      waiting.delete(run);
      const path = execution.path.length > 0 ? { path: [...execution.path] } : {};
      journal.append({ type: 'run.resumed', stepId: run.stepId, iteration: run.iteration, by: 'timer', ...path });
    }

    /** The deliveries that a recorded step run took. */
    function consume(event: Extract<RecordedEvent, { type: 'step.attempted' }>): void {
      for (const ref of event.from) if (ref.batch !== undefined) openBatch(ref, ref.batch);
      settleDisabled();
      const taken = event.from.map((ref) => takePending(event.stepId, ref)).filter((pending) => pending !== undefined);
      if (taken.length === 0) return;
      const planned = plan.steps.get(event.stepId);
      if (!planned) return;
      let scope = (taken[0] as Pending).scope;
      const inputs = new Map<string, Pending>();
      for (const pending of taken) {
        inputs.set(pending.ref.port, pending);
        if (pending.scope.depth > scope.depth) scope = pending.scope;
      }
      const run = newStepRun(event.stepId, event.iteration, inputs, scope);
      state.add(run);
      scope.live++;
      for (const pending of taken) pending.scope.live--;
      started++;
      active.add(run);
      if (planned.type.control === 'loop') startLoop(planned, run, execution, true);
    }

    /** Steps that are switched off leave no event; their items went straight on. */
    function settleDisabled(): void {
      for (let index = 0; index < ready.length; index++) {
        const pending = ready[index] as Pending;
        if (!plan.steps.get(pending.to)?.step.disabled) continue;
        ready.splice(index, 1);
        index = -1;
        begin([pending]);
      }
    }

    function openBatch(ref: Delivery, batch: number): void {
      const run = state.runs.get(ref.stepId)?.[ref.iteration];
      while (run?.loop && run.loop.batch < batch) {
        const items = loopBatches(run);
        if (!items) return;
        run.loop.batch++;
        run.loop.batches[run.loop.batch] = items;
        run.loop.scope = { parent: run.scope, depth: run.scope.depth + 1, loop: run, live: 1 };
        deliver(run, 'loop', items, run.loop.scope, run.loop.batch);
        run.loop.scope.live--;
      }
    }

    function takePending(to: string, ref: Delivery): Pending | undefined {
      const matches = (pending: Pending) =>
        pending.to === to &&
        pending.ref.port === ref.port &&
        pending.ref.stepId === ref.stepId &&
        pending.ref.iteration === ref.iteration &&
        pending.ref.outPort === ref.outPort &&
        pending.ref.batch === ref.batch;
      const index = ready.findIndex(matches);
      return index >= 0 ? ready.splice(index, 1)[0] : joins.remove(matches);
    }

    const trigger = newStepRun(start.triggerStepId, 0, new Map(), state.root);
    trigger.outputs.set('main', start.input);
    state.add(trigger);
    try {
      if (start.stopAfter === start.triggerStepId) output[start.triggerStepId] = start.input;
      else deliver(trigger, 'main', start.input, state.root);
      resume();
      replaying = false;
    } catch (thrown) {
      end(() => reject(thrown));
      return;
    }
    if (failure) {
      const error = failure;
      end(() => resolve({ status: 'failed', error }));
      return;
    }
    step();
  });
}

function limitError(stepId: string, what: string, limit: number): StepError {
  return {
    code: 'limit.exceeded',
    message: `Step ${stepId} reached the limit of ${limit} ${what}.`,
    detail: 'Look for a cycle without an end, or split the work into batches.',
    stepId,
    details: { limit, what },
  };
}
