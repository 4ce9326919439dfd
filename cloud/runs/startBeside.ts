import { v7 as newId } from 'uuid';
import type { z } from 'zod';
import type { agentApi } from '#shared/contract/agentApi.ts';
import { SluiceError } from '#shared/error.ts';
import type { VersionTrees } from '../versions/versionTrees.ts';
import { acceptRun } from './acceptRun.ts';
import { lockAdmission } from './admitRun.ts';
import { renewLease } from './claimStore.ts';
import type { Allowances, Sql } from './ports.ts';
import { findPlace, findStarted } from './runStore.ts';

export type StartBeside = z.output<(typeof agentApi)['agent']['start']['input']> & { workspaceId: string };
export type StartDeps = {
  allowances: Pick<Allowances, 'planOf' | 'reserveRun' | 'releaseRun'>;
  versionTrees: VersionTrees;
  leaseMs: number;
};

/**
 * Starts another run of a run's version, environment and deployment, once for each key. It counts as a hosted run.
 *
 * @throws SluiceError run.fenced, workflow.not_found, step.not_found, and as `acceptRun` does
 */
export async function startBeside(
  sql: Sql,
  { workspaceId, runId, fence, workflowId, triggerStepId, items, key, atMs }: StartBeside,
  { allowances, versionTrees, leaseMs }: StartDeps,
): Promise<{ runId: string; projectId: string; priority: number; repeated: boolean; displaced: string[] }> {
  const caller = await findPlace(sql, workspaceId, runId);
  const { tree } = caller ? await versionTrees.read(sql, workspaceId, caller.versionId) : {};
  const workflow = tree && Object.hasOwn(tree.workflows, workflowId) ? tree.workflows[workflowId] : undefined;
  // Before the caller's claim is taken: whoever is admitted to the workflow may want to end the caller.
  if (caller && workflow) await lockAdmission(sql, { ...caller, workspaceId, workflowId }, workflow);
  if (!(await renewLease(sql, { workspaceId, runId, fence, leaseMs })) || !caller?.deploymentId) {
    throw new SluiceError('run.fenced', 'This run is no longer held by this runtime.', {
      advice: 'Stop executing it and discard what was not acknowledged.',
    });
  }
  const { projectId, versionId, deploymentId, environment } = caller;
  const startKey = `start:${runId}:${key}`;
  const before = await findStarted(sql, workspaceId, startKey);
  const { queuePriority: priority } = await allowances.planOf(sql, workspaceId);
  if (before) return { runId: before, projectId, priority, repeated: true, displaced: [] };
  if (!workflow) throw new SluiceError('workflow.not_found', 'The version has no such workflow.');
  const step = Object.hasOwn(workflow.steps, triggerStepId) ? workflow.steps[triggerStepId] : undefined;
  if (!step) throw new SluiceError('step.not_found', `The workflow ${workflow.name} has no step ${triggerStepId}.`);
  const id = newId();
  const run = {
    ...{ id, workspaceId, projectId, workflowId, workflowName: workflow.name, versionId, deploymentId, environment },
    ...{ triggerStepId, items, priority, startKey, triggeredBy: runId },
    trigger: step.uses === 'trigger.machine' ? ('machine' as const) : ('sub_workflow' as const),
    ...(atMs === undefined ? {} : { startsAt: new Date(atMs) }),
  };
  return { ...(await acceptRun(sql, run, allowances, workflow)), projectId, priority };
}
