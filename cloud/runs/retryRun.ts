import { v7 as newId } from 'uuid';
import { retryOf } from '#runtime/agent/localRetry.ts';
import { fromPayload } from '#runtime/engine/payload.ts';
import { SluiceError } from '#shared/error.ts';
import { type DeploymentRow, findVars } from '../deployments/deploymentStore.ts';
import type { Blobs } from '../platform/blobs.ts';
import type { VersionTrees } from '../versions/versionTrees.ts';
import { acceptRun } from './acceptRun.ts';
import { readEvents } from './journalStore.ts';
import type { Allowances, Sql } from './ports.ts';
import { findPlace, type NewRun } from './runStore.ts';

export type RetryWish = { runId: string; from: 'failed' | 'start'; fromStepId?: string; version: 'same' | 'latest' };

export type RetryDeps = {
  allowances: Pick<Allowances, 'planOf' | 'reserveRun' | 'releaseRun'>;
  versionTrees: VersionTrees;
  blobs: Blobs;
  /** The deployment that takes an environment's traffic. */
  activeDeployment(sql: Sql, workspaceId: string, projectId: string, environment: string): Promise<DeploymentRow>;
};

/**
 * Does a hosted run again as a new one. What it recorded and still holds goes along. It counts as a run.
 *
 * @throws SluiceError run.not_found, run.not_finished, and as `retryOf` and `acceptRun` do
 */
export async function retryRun(
  sql: Sql,
  workspaceId: string,
  { runId, from, fromStepId, version }: RetryWish,
  { allowances, versionTrees, blobs, activeDeployment }: RetryDeps,
  triggeredBy: string,
): Promise<NewRun> {
  const run = await findPlace(sql, workspaceId, runId);
  if (!run) throw new SluiceError('run.not_found', 'There is no such run in this workspace.');
  const { projectId, environment } = run;
  const active =
    version === 'latest' || !run.deploymentId
      ? await activeDeployment(sql, workspaceId, projectId, environment)
      : undefined;
  const events = await readEvents(sql, workspaceId, runId);
  const { tree } = await versionTrees.read(sql, workspaceId, run.versionId);
  const latest = active && {
    tree: (await versionTrees.read(sql, workspaceId, active.versionId)).tree,
    vars: await findVars(sql, workspaceId, active.id),
  };
  const ofWorkspace = {
    put: (bytes: Uint8Array) => blobs.put(workspaceId, bytes),
    get: (hash: string) => blobs.get(workspaceId, hash),
  };
  const again = await retryOf(
    {
      run: { ...run, runId },
      events,
      tree,
      itemsOf: (payload) => fromPayload(payload, ofWorkspace),
    },
    { runId, from, ...(fromStepId ? { fromStepId } : {}), ...(latest ? { latest } : {}) },
  );
  const { queuePriority: priority } = await allowances.planOf(sql, workspaceId);
  const { recorded, effectRunId } = again;
  const made: NewRun = {
    ...{ id: newId(), workspaceId, projectId, environment, priority, triggeredBy, retryOf: runId },
    workflowId: again.workflowId,
    workflowName: again.workflowName,
    versionId: active?.versionId ?? run.versionId,
    deploymentId: active?.id ?? (run.deploymentId as string),
    trigger: run.trigger,
    triggerStepId: again.triggerStepId,
    items: again.items,
    takenOver: { ...(recorded ? { recorded } : {}), ...(effectRunId ? { effectRunId } : {}) },
  };
  const workflow = (latest?.tree ?? tree).workflows[again.workflowId];
  await acceptRun(sql, made, allowances, workflow);
  return made;
}
