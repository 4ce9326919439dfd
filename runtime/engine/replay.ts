import type { Delivery, StepError } from '#shared/run/events.ts';
import { fromTime } from '#shared/time.ts';
import { failpoint } from '../failpoint.ts';
import type { Execution } from './attempt.ts';
import type { Graph, RecordedEvent } from './graph.ts';
import { nextBatch, openLoop } from './loop.ts';
import { groupAround, type Pending, pathField, type RunState, type StepRun } from './runState.ts';
import { keepBatch } from './source.ts';

/**
 * Brings a graph to where its journal left it: what was recorded is taken as it is, what was begun and not ended is to be
 * tried again, and a wait whose time has come is over.
 *
 * @returns the failure that ended the graph, if one stands in the journal
 */
export function replay(graph: Graph, execution: Execution, state: RunState): StepError | undefined {
  const { active, waiting, again, idleLoops } = graph;
  const { plan, journal, waits } = execution;
  let failure: StepError | undefined;

  for (const event of graph.start.history) take(event);
  for (const run of [...active]) {
    if (waiting.has(run) && !endWait(run)) active.delete(run);
    else if (!run.loop) {
      active.delete(run);
      again.push(run);
    } else if (run.loop.open.length < run.loop.concurrency || run.loop.caught) idleLoops.push(run);
  }
  return failure;

  function take(event: RecordedEvent): void {
    if (event.type === 'step.skipped') {
      graph.skipped.add(event.stepId);
      return;
    }
    if (event.type === 'step.attempted' && event.attempt === 1) consume(event);
    const run = state.runs.get(event.stepId)?.[event.iteration];
    if (!run) return;
    switch (event.type) {
      case 'step.attempted':
        run.attempts = Math.max(run.attempts, event.attempt);
        run.startedAt ??= fromTime(event.at);
        run.retryAtMs = undefined;
        break;
      case 'run.waiting': {
        const untilMs = event.until === undefined ? undefined : fromTime(event.until);
        const { stepId, iteration, reason, error, details } = event;
        waiting.set(run, [{ path: execution.path, stepId, iteration, reason, untilMs, error, details }]);
        break;
      }
      case 'run.resumed':
        waiting.delete(run);
        break;
      case 'step.failed':
        run.failures++;
        if (event.retryAt === undefined) endIn(run, event.error);
        else run.retryAtMs = fromTime(event.retryAt);
        break;
      case 'effect.recorded':
        keepBatch(run, event.batch);
        break;
      case 'step.succeeded':
        openRest(run);
        active.delete(run);
        graph.takeOutputs(run, event.outputs);
        settleDisabled();
        break;
    }
  }

  /** A failure for good ends the innermost group around it, or else the run. */
  function endIn(run: StepRun, error: StepError): void {
    const group = groupAround(run.scope);
    if (group?.loop?.loop) {
      group.loop.loop.caught = error;
      graph.endGroup(group);
    } else failure = error;
  }

  /** Ends a wait whose time has come. */
  function endWait(run: StepRun): boolean {
    const [wait] = waiting.get(run) ?? [];
    if (wait?.untilMs === undefined || wait.untilMs > execution.ports.clock.now()) return false;
    waiting.delete(run);
    if (waits.close(wait, { by: 'timer' })) {
      const { stepId, iteration } = run;
      failpoint('timer.before');
      journal.append({ type: 'run.resumed', stepId, iteration, by: 'timer', ...pathField(execution.path) });
      failpoint('timer.after');
    }
    return true;
  }

  /** The deliveries that a recorded step run took. */
  function consume(event: Extract<RecordedEvent, { type: 'step.attempted' }>): void {
    const planned = plan.steps.get(event.stepId);
    if (!planned) return;
    for (const ref of event.from) if (ref.batch !== undefined) openBatches(ref, ref.batch);
    settleDisabled();
    const taken = event.from.map((ref) => takePending(event.stepId, ref)).filter((pending) => pending !== undefined);
    if (taken.length === 0) return;
    const run = graph.openRun(taken, event.iteration);
    active.add(run);
    if (planned.type.control) openLoop(planned, run, execution);
  }

  /** Steps that are switched off leave no event; their items went straight on. */
  function settleDisabled(): void {
    const isDisabled = ({ to }: Pending) => plan.steps.get(to)?.step.disabled === true;
    for (let pending = graph.ready.take(isDisabled); pending; pending = graph.ready.take(isDisabled)) {
      graph.passThrough(graph.openRun([pending]));
    }
  }

  function openBatches(ref: Delivery, batch: number): void {
    const run = state.runs.get(ref.stepId)?.[ref.iteration];
    while (run?.loop && run.loop.batches.length <= batch) {
      const items = nextBatch(run);
      if (!items) return;
      graph.openBatch(run, items);
    }
  }

  /** Where an earlier run is taken over, steps behind batches may be new: they get what was handed out then. */
  function openRest(run: StepRun): void {
    if (!run.loop || run.loop.caught || run.loop.failed !== undefined || run.loop.kind === 'try') return;
    for (let items = nextBatch(run); items; items = nextBatch(run)) graph.openBatch(run, items);
  }

  function takePending(to: string, ref: Delivery): Pending | undefined {
    const matches = (pending: Pending) =>
      pending.to === to &&
      pending.ref.port === ref.port &&
      pending.ref.stepId === ref.stepId &&
      pending.ref.iteration === ref.iteration &&
      pending.ref.outPort === ref.outPort &&
      pending.ref.batch === ref.batch;
    return graph.ready.take(matches) ?? graph.joins.remove(matches);
  }
}
