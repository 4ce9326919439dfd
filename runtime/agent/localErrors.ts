import type { Json } from '#shared/json.ts';
import type { RunEvent } from '#shared/run/events.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { NewRun } from './localControl.ts';

/** What is known of a run that failed. */
export type FailedRun = Pick<NewRun, 'projectId' | 'workflowId' | 'workflowName' | 'trigger' | 'environment'> & {
  runId: string;
  startedAt: string | undefined;
};

/** Whether some events end their run in a way that an error workflow is told of. */
export function failureIn(events: readonly RunEvent[]): Extract<RunEvent, { type: 'run.ended' }> | undefined {
  const ended = events.at(-1);
  if (ended?.type !== 'run.ended' || ended.status === 'succeeded' || ended.status === 'cancelled') return undefined;
  return ended;
}

/**
 * The run that tells a workflow's error workflow of a failure; undefined where there is no
 * error workflow. What fails while it is told of a failure is told to nobody.
 */
export function errorRun(
  failed: FailedRun,
  ended: Extract<RunEvent, { type: 'run.ended' }>,
  tree: Tree,
): NewRun | undefined {
  if (failed.trigger === 'error') return undefined;
  const workflowId = tree.workflows[failed.workflowId]?.settings.errorWorkflow;
  const workflow = workflowId === undefined ? undefined : tree.workflows[workflowId];
  if (workflowId === undefined || !workflow) return undefined;
  const trigger = Object.entries(workflow.steps).find(([, step]) => step.uses === 'trigger.error' && !step.disabled);
  if (!trigger) return undefined;
  const { runId, startedAt } = failed;
  const json = {
    run: {
      id: runId,
      workflowId: failed.workflowId,
      workflowName: failed.workflowName,
      status: ended.status,
      startedAt: startedAt ?? null,
      endedAt: ended.at,
    },
    error: (ended.error ?? { code: 'internal', message: 'The run failed.' }) as unknown as Json,
    trigger: failed.trigger,
  };
  return {
    projectId: failed.projectId,
    workflowId,
    workflowName: workflow.name,
    tree,
    environment: failed.environment,
    triggerStepId: trigger[0],
    trigger: 'error',
    items: [{ json }],
  };
}
