import { SluiceError } from '#shared/error.ts';
import type { Payload, StepError } from '#shared/run/events.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { failpoint } from '../failpoint.ts';
import type { Execution, Outputs } from './attempt.ts';
import { checkTrigger } from './checkTrigger.ts';
import { afterFailure, executeStep, failRun, recordAttempt, type StepResult } from './executeStep.ts';
import { createGraph, type GraphStart } from './graph.ts';
import { limitError } from './limitError.ts';
import { loopOutputs, nextBatch, openLoop } from './loop.ts';
import type { PlannedStep } from './plan.ts';
import { recordOutputs } from './recordOutputs.ts';
import { replay } from './replay.ts';
import { groupAround, type Pending, pathField, type RunState, type StepRun, stepFields } from './runState.ts';
import { readBatch, readFailed, takeBatch } from './source.ts';
import { createTurns } from './turns.ts';
import type { Wait } from './waits.ts';

export type GraphResult =
  | { status: 'succeeded'; output: Record<string, Item[]> }
  | { status: 'failed'; error: StepError }
  | { status: 'waiting'; waits: readonly Wait[] };

/**
 * Runs a workflow's graph to its end, or until all that is left waits. Deliveries move it: each one that is not empty is
 * one step run; a step of several inputs waits for what can still come; a loop is one step run whose batches follow each
 * other. The rules stand in formats.md 5 and in docs/concepts.md.
 *
 * @throws whatever aborts the execution's signal
 */
export function executeGraph(start: GraphStart, execution: Execution, state: RunState): Promise<GraphResult> {
  const { plan, limits, journal, signal } = execution;
  checkTrigger(plan, start.triggerStepId);
  const graph = createGraph(start, execution, state);
  const { ready, again, idleLoops, active, waiting, joins, output } = graph;
  const turn = createTurns(execution);
  let working = 0;
  let ended = false;

  return new Promise<GraphResult>((resolve, reject) => {
    const end = (settle: () => void) => {
      if (ended) return;
      ended = true;
      signal.removeEventListener('abort', onAbort);
      settle();
    };
    const onAbort = () => end(() => reject(signal.reason));
    const settleWith = (result: GraphResult) =>
      end(() => {
        graph.letGo();
        resolve(result);
      });
    const fail = (error: StepError) => settleWith({ status: 'failed', error });
    const breakOff = (thrown: unknown) => end(() => reject(thrown));
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort);

    /** Work that takes time; when it is done, others can go on. A bug in what follows breaks the run, not the process. */
    function whenDone<T>(promise: Promise<T>, then: (value: T) => unknown): void {
      working++;
      promise
        .then((value) => {
          working--;
          then(value);
          step();
        })
        .catch(breakOff);
    }

    function begin(pendings: Pending[]): void {
      const first = pendings[0] as Pending;
      const planned = plan.steps.get(first.to) as PlannedStep;
      const run = graph.openRun(pendings);
      if (run.iteration >= limits.loopIterations) {
        refuseRun(run, limitError(run.stepId, 'runs of one step', limits.loopIterations));
      } else if (graph.progress.started > limits.stepRuns) {
        fail(limitError(run.stepId, 'step runs', limits.stepRuns));
      } else if (planned.step.disabled) graph.passThrough(run);
      else launch(planned, run);
    }

    /** A step run too many. Where a group catches it, the journal says that it was there: later ones are counted on. */
    function refuseRun(run: StepRun, error: StepError): void {
      if (!groupAround(run.scope)) {
        fail(error);
        return;
      }
      recordAttempt(run, 1, execution);
      finish(run, failRun(run, 1, error, execution));
    }

    function launch(planned: PlannedStep, run: StepRun): void {
      const given = start.given?.[run.stepId];
      if (given) takeGiven(run, given);
      else if (planned.type.control) beginLoop(planned, run);
      else settle(run, executeStep(planned, run, execution));
    }

    function beginLoop(planned: PlannedStep, run: StepRun): void {
      active.add(run);
      recordAttempt(run, 1, execution);
      openLoop(planned, run, execution);
      idleLoops.push(run);
    }

    /** Recorded or pinned outputs stand in for running a step, and are written down as its own. */
    function takeGiven(run: StepRun, outputs: Outputs): void {
      if (run.attempts === 0) recordAttempt(run, 1, execution);
      finish(run, { status: 'succeeded', outputs });
    }

    function settle(run: StepRun, result: StepResult | Promise<StepResult>): void {
      if (!(result instanceof Promise)) {
        finish(run, result);
        return;
      }
      // What is done at once is never seen at work.
      active.add(run);
      if (!groupAround(run.scope)) whenDone(result, (value) => finish(run, value));
      else {
        const kept = result.catch((thrown: unknown) => {
          if (isOver(run)) return undefined;
          throw thrown;
        });
        whenDone(kept, (value) => value && !isOver(run) && finish(run, value));
      }
    }

    /** Whether the group that a step run belongs to has ended before it. */
    function isOver(run: StepRun): boolean {
      return groupAround(run.scope) !== undefined && !active.has(run) && !waiting.has(run);
    }

    /** What failed for good ends the innermost group around it, or else the run. */
    function failIn(run: StepRun, error: StepError): void {
      const group = groupAround(run.scope);
      if (!group?.loop?.loop) {
        fail(error);
        return;
      }
      group.loop.loop.caught = error;
      active.delete(run);
      for (const cut of graph.endGroup(group)) {
        const { stepId, iteration } = cut;
        journal.append({
          type: 'step.skipped',
          stepId,
          iteration,
          reason: 'group_ended',
          ...pathField(execution.path),
        });
      }
      idleLoops.push(group.loop);
    }

    /** A loop, map or group whose batch has ended hands out the next, or ends. */
    function advance(run: StepRun): void {
      const planned = plan.steps.get(run.stepId) as PlannedStep;
      if (run.loop?.failed !== undefined) {
        settle(run, afterFailure(run.loop.failed, { planned, run, attempt: run.attempts }, execution));
        return;
      }
      const { loop } = run;
      if (!loop || !active.has(run)) return;
      while (!loop.caught && loop.open.length < loop.concurrency) {
        const next = nextBatch(run);
        if (next === undefined) {
          if (!loop.source || loop.source.state === 'ended') break;
          if (loop.source.state === 'open') readOn(planned, run);
          return;
        }
        if (loop.batches.length >= limits.loopIterations) {
          const error = limitError(run.stepId, 'iterations of a loop', limits.loopIterations);
          finish(run, failRun(run, run.attempts, error, execution));
          return;
        }
        graph.openBatch(run, next);
        // One that sent nothing has ended already and stands in line again.
        if (loop.concurrency === 1) return;
      }
      if (loop.open.length === 0) finish(run, { status: 'succeeded', outputs: loopOutputs(planned, run) });
    }

    /** Asks a source for its next batch. The loop stands in line again when it has come. */
    function readOn(planned: PlannedStep, run: StepRun): void {
      const refuse = (thrown: unknown) => finish(run, readFailed(thrown, planned, run, execution));
      try {
        const read = readBatch(planned, run, execution);
        if (!(read instanceof Promise)) {
          takeBatch(run, read, execution);
          idleLoops.push(run);
          return;
        }
        const settled = read.then(
          (value) => () => {
            takeBatch(run, value, execution);
            idleLoops.push(run);
          },
          (thrown: unknown) => () => refuse(thrown),
        );
        whenDone(settled, (next) => !ended && active.has(run) && next());
      } catch (thrown) {
        refuse(thrown);
      }
    }

    function finish(run: StepRun, result: StepResult): void {
      if (ended) return;
      if (result.status === 'waiting') {
        active.delete(run);
        waiting.set(run, result.waits);
      } else if (result.status === 'failed') failIn(run, result.error);
      else {
        try {
          const payloads = recordOutputs(result.outputs, execution);
          if (payloads instanceof Promise) {
            const kept = payloads.then(
              (outputs) => () => succeed(run, result.outputs, outputs),
              (thrown: unknown) => () => refuseOutput(run, thrown),
            );
            active.add(run);
            whenDone(kept, (next) => !isOver(run) && next());
          } else succeed(run, result.outputs, payloads);
        } catch (thrown) {
          refuseOutput(run, thrown);
        }
      }
    }

    function succeed(run: StepRun, outputs: Outputs, payloads: Record<string, Payload> | undefined): void {
      if (ended) return;
      if (payloads) {
        const fields = stepFields(run, Math.max(run.attempts, 1), execution.path);
        const pinned = start.given?.[run.stepId] ? { pinned: true as const } : undefined;
        failpoint('success.before');
        journal.append({ ...fields, type: 'step.succeeded', outputs: payloads, ...pinned });
        failpoint('success.after');
      }
      active.delete(run);
      graph.takeOutputs(run, outputs);
    }

    /** What a step gave cannot be kept, so the run cannot go on with it. */
    function refuseOutput(run: StepRun, thrown: unknown): void {
      if (ended) return;
      if (!(thrown instanceof SluiceError)) throw thrown;
      const error: StepError = { ...thrown.toWire(), stepId: run.stepId };
      finish(run, failRun(run, Math.max(run.attempts, 1), error, execution));
    }

    /** Starts what can start; ends the graph when nothing is left. */
    function step(): void {
      try {
        while (!ended) {
          if (turn.isOver()) {
            turn.give(step, breakOff);
            return;
          }
          if (!goOn()) break;
        }
        if (ended || working > 0 || turn.isGiven()) return;
        if (waiting.size > 0) settleWith({ status: 'waiting', waits: [...waiting.values()].flat() });
        else settleWith({ status: 'succeeded', output });
      } catch (thrown) {
        breakOff(thrown);
      }
    }

    /** The next thing that can be done now; false when there is none. */
    function goOn(): boolean {
      if (turn.isGiven()) return false;
      const loop = idleLoops.shift();
      if (loop) {
        advance(loop);
        return true;
      }
      if (working >= Math.max(limits.branches, graph.progress.atOnce)) return false;
      const retry = again.shift();
      if (retry) {
        launch(plan.steps.get(retry.stepId) as PlannedStep, retry);
        return true;
      }
      const pending = ready.shift();
      const next = pending
        ? [pending]
        : joins.isEmpty()
          ? undefined
          : joins.take([...active, ...waiting.keys()], working === 0 && waiting.size === 0);
      if (!next) return false;
      begin(next);
      return true;
    }

    try {
      graph.open();
      const failure = replay(graph, execution, state);
      graph.progress.replaying = false;
      if (failure) fail(failure);
      else step();
    } catch (thrown) {
      breakOff(thrown);
    }
  });
}
