import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import type { EventOf, Payload, RunEvent } from '#shared/run/events.ts';
import { hasEnded } from '#shared/run/projectEvents.ts';
import { recordedStillValid, wholeStillValid } from '#shared/run/recorded.ts';
import type { Item, Tree } from '#shared/workflow/tree.ts';
import type { ShownRun } from '../journal/runStore.ts';
import type { NewRun } from './localControl.ts';

export type RetryRequest = {
  runId: string;
  from: 'failed' | 'start';
  /** A step from which to run again, with everything behind it. */
  fromStepId?: string;
  /** The version and variables to run with; without it those of the run. */
  latest?: { tree: Tree; vars: Record<string, Json> };
};

export type EarlierRun = {
  run: Pick<ShownRun, 'runId' | 'status' | 'projectId' | 'workflowId' | 'environment' | 'trigger' | 'triggerStepId'>;
  events: readonly RunEvent[];
  tree: Tree;
  itemsOf(payload: Payload): Promise<Item[]>;
};

/**
 * A run done again as a new one. What the earlier one recorded and still holds goes along.
 *
 * @throws SluiceError run.not_finished, run.lost, request.invalid, step.not_found, workflow.not_found
 */
export async function retryOf(earlier: EarlierRun, request: RetryRequest): Promise<NewRun> {
  const { run, events, itemsOf } = earlier;
  const { from, fromStepId, latest } = request;
  const { workflowId, triggerStepId } = run;
  if (!hasEnded(run.status)) {
    throw new SluiceError('run.not_finished', 'The run has not ended yet.', {
      advice: 'Wait for its end, or cancel it.',
      details: { status: run.status },
    });
  }
  const started = events.find((event): event is EventOf<'run.started'> => event.type === 'run.started');
  if (!started) {
    throw new SluiceError('run.lost', 'Nothing was kept of what the run began with.', {
      advice: 'Start the workflow again.',
    });
  }
  if (from === 'failed' && fromStepId === undefined && run.status === 'succeeded') {
    throw new SluiceError('request.invalid', 'The run succeeded: it has no failed step to go on from.', {
      advice: 'Run it again from the start, or from a step.',
    });
  }
  const tree = latest?.tree ?? earlier.tree;
  const workflow = tree.workflows[workflowId];
  if (!workflow) throw new SluiceError('workflow.not_found', 'The workflow of the run is not in the project any more.');
  for (const stepId of [triggerStepId, ...(fromStepId === undefined ? [] : [fromStepId])]) {
    if (Object.hasOwn(workflow.steps, stepId)) continue;
    throw new SluiceError('step.not_found', `${workflow.name} has no step ${stepId} any more.`, {
      advice: 'Retry the run on its own version.',
    });
  }
  const vars = latest?.vars ?? started.vars ?? {};
  const question = {
    events,
    before: earlier.tree,
    now: tree,
    workflowId,
    vars: { before: started.vars ?? {}, now: vars },
    ...(fromStepId === undefined ? {} : { from: fromStepId }),
  };
  const fromStart = from === 'start' && fromStepId === undefined;
  return {
    projectId: run.projectId,
    workflowId,
    workflowName: workflow.name,
    tree,
    environment: { name: run.environment, vars },
    triggerStepId,
    trigger: run.trigger,
    items: await itemsOf(started.input),
    retryOf: run.runId,
    ...(fromStart ? {} : { recorded: recordedStillValid(question) }),
    // The seed of a run that went on with another is that one's id.
    ...(!fromStart && wholeStillValid(question) ? { effectRunId: started.seed } : {}),
  };
}
