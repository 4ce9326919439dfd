import type { Deployment } from '#shared/contract/cloud/common.ts';
import { addressOf } from '../hooks/hookKey.ts';
import type { Sql } from '../platform/database.ts';
import { listSchedules } from '../schedules/scheduleStore.ts';
import type { VersionTrees } from '../versions/versionTrees.ts';
import type { DeploymentRow } from './deploymentStore.ts';
import { calledTriggers } from './triggers.ts';

export type HookPlaces = {
  publicUrl: string;
  /** The key that a workspace's webhook addresses are derived with; the same for ever. */
  hookSecret(workspaceId: string): Uint8Array;
};

/** Deployments as people see them. Only an active one is called and fires, so only it shows where and when. */
export async function viewDeployments(
  sql: Sql,
  rows: DeploymentRow[],
  { publicUrl, hookSecret, versionTrees }: HookPlaces & { versionTrees: VersionTrees },
): Promise<Deployment[]> {
  const active = rows.filter(({ status }) => status === 'active');
  const first = active[0];
  const schedules = first
    ? await listSchedules(
        sql,
        first.workspaceId,
        active.map(({ id }) => id),
      )
    : [];
  const views: Deployment[] = [];
  for (const row of rows) {
    const { workspaceId, environmentId } = row;
    const tree = row.status === 'active' ? (await versionTrees.read(sql, workspaceId, row.versionId)).tree : undefined;
    const hooks = tree ? calledTriggers(tree) : [];
    views.push({
      id: row.id,
      projectId: row.projectId,
      environmentId,
      environment: row.environment,
      versionId: row.versionId,
      versionNumber: row.versionNumber,
      runtimeHash: row.runtimeHash,
      status: row.status,
      previousId: row.previousId,
      requestedByName: row.requestedByName,
      error: row.error,
      createdAt: row.createdAt.toISOString(),
      startedAt: row.startedAt?.toISOString(),
      finishedAt: row.finishedAt?.toISOString(),
      hooks: hooks.map(({ workflowId, stepId, step }) => {
        const place = { workspaceId, environmentId, workflowId, stepId };
        return { workflowId, stepId, url: addressOf(publicUrl, place, step, hookSecret(workspaceId)) };
      }),
      schedules: schedules
        .filter(({ deploymentId }) => deploymentId === row.id)
        .map(({ workflowId, stepId, cron, timezone, nextRunAt }) => ({
          workflowId,
          stepId,
          cron,
          timezone,
          nextRunAt: nextRunAt?.toISOString(),
        })),
    });
  }
  return views;
}
