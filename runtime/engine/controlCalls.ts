import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import type { RunControl } from '../connectors/stepType.ts';
import { Suspension } from './attempt.ts';
import type { CallSite } from './call.ts';
import { pathField } from './runState.ts';

/** A wait this short is slept through; a longer one gives the run back. */
const SHORT_WAIT_MS = 1_000;

/** What a step may ask of its run. */
export function controlOf(site: CallSite): RunControl {
  const { execution, job, attempt } = site;
  const { ports, path, waits } = execution;
  const { run, planned } = job;
  const { stepId, iteration } = run;
  const place = { path, stepId, iteration };
  const endByTimer = () => {
    if (!waits.close(place, { by: 'timer' })) return;
    execution.journal.append({ type: 'run.resumed', stepId, iteration, by: 'timer', ...pathField(path) });
  };

  return {
    startedAt: site.startedAt,
    respond: (answer) => execution.respond(stepId, answer, planned.next.size > 0 || path.length > 0),
    async waitUntil(atMs) {
      const untilMs = waits.untilOf(place) ?? atMs;
      const left = untilMs - ports.clock.now();
      // A run of which nothing is kept cannot be given back.
      if (left > SHORT_WAIT_MS && execution.durability !== 'none') {
        throw new Suspension([{ ...place, cause: execution.causes?.of(run), reason: 'delay', untilMs }]);
      }
      endByTimer();
      if (left > 0) await ports.clock.sleep(left, attempt.signal);
    },
    async waitFor({ reason, untilMs: asked, details }) {
      const ended = waits.endOf(place, reason);
      if (ended) return ended;
      const untilMs = waits.untilOf(place) ?? asked;
      if (untilMs !== undefined && untilMs <= ports.clock.now()) {
        endByTimer();
        return { by: 'timer' };
      }
      if (execution.durability === 'none') throw nothingKept(stepId);
      throw new Suspension([
        {
          ...place,
          cause: execution.causes?.of(run),
          reason,
          ...(untilMs === undefined ? {} : { untilMs }),
          ...(details ? { details } : {}),
        },
      ]);
    },
    runWorkflow: (workflowId, items, part) => execution.runWorkflow(run, workflowId, items, attempt, part),
    async start({ workflowId, triggerStepId, items, atMs }) {
      const target = execution.entryOf(workflowId, triggerStepId);
      await execution.checkEntry(target, items);
      const request = { op: 'start', ...target, items, ...(atMs === undefined ? {} : { atMs }) } as unknown as Json;
      const started = await site.perform('run', request, 'keyed', (key) =>
        ports.control.start({
          runId: execution.runId,
          ...target,
          items,
          key,
          ...(atMs === undefined ? {} : { atMs }),
        }),
      );
      return started;
    },
  };
}

function nothingKept(stepId: string): SluiceError {
  return new SluiceError('workflow.invalid', `Step ${stepId} cannot wait for an answer: nothing of this run is kept.`, {
    advice: 'Set the durability of the workflow to step or run.',
    details: { stepId },
  });
}
