import { v7 as newId } from 'uuid';
import type { z } from 'zod';
import type { agentApi } from '#shared/contract/agentApi.ts';
import { SluiceError } from '#shared/error.ts';
import type { VersionTrees } from '../versions/versionTrees.ts';
import { acceptRun } from './acceptRun.ts';
import { renewLease } from './claimStore.ts';
import type { Allowances, Sql } from './ports.ts';
import { findPlace, findStarted } from './runStore.ts';

export type StartBeside = z.output<(typeof agentApi)['agent']['start']['input']> & { workspaceId: string };
export type StartDeps = {
  allowances: Pick<Allowances, 'planOf' | 'reserveRun'>;
  versionTrees: VersionTrees;
  leaseMs: number;
};

/**
 * Starts another run of a run's version, environment and deployment, once for each key. It counts as a hosted run.
 *
 * @throws SluiceError run.fenced, workflow.not_found, step.not_found, queue.full, allowance_exceeded
 */
export async function startBeside(
  sql: Sql,
  { workspaceId, runId, fence, workflowId, triggerStepId, items, key, atMs }: StartBeside,
  { allowances, versionTrees, leaseMs }: StartDeps,
): Promise<{ runId: string; projectId: string; priority: number; repeated: boolean }> {
  const held = await renewLease(sql, { workspaceId, runId, fence, leaseMs });
  const caller = held && (await findPlace(sql, workspaceId, runId));
  if (!caller?.deploymentId) {
    throw new SluiceError('run.fenced', 'This run is no longer held by this runtime.', {
      advice: 'Stop executing it and discard what was not acknowledged.',
    });
  }
  const { projectId, versionId, deploymentId, environment } = caller;
  const startKey = `start:${runId}:${key}`;
  const before = await findStarted(sql, workspaceId, startKey);
  const { queuePriority: priority } = await allowances.planOf(sql, workspaceId);
  if (before) return { runId: before, projectId, priority, repeated: true };
  const { tree } = await versionTrees.read(sql, workspaceId, versionId);
  const workflow = Object.hasOwn(tree.workflows, workflowId) ? tree.workflows[workflowId] : undefined;
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
  await acceptRun(sql, run, allowances);
  return { runId: id, projectId, priority, repeated: false };
}
