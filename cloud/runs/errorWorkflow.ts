import { v7 as newId } from 'uuid';
import { errorRun } from '#runtime/agent/localErrors.ts';
import { SluiceError } from '#shared/error.ts';
import type { EventOf } from '#shared/run/events.ts';
import type { VersionTrees } from '../versions/versionTrees.ts';
import { acceptRun } from './acceptRun.ts';
import type { Lease } from './journalStore.ts';
import type { Allowances, Sql } from './ports.ts';
import { findPlace } from './runStore.ts';

/**
 * Starts the error workflow of a run that failed, in the transaction that ends the run: once, whatever is repeated. Where
 * the allowance or the queue has no room for it, the failed run ends all the same.
 */
export async function tellOfFailure(
  sql: Sql,
  { workspaceId, runId }: Pick<Lease, 'workspaceId' | 'runId'>,
  ended: EventOf<'run.ended'>,
  {
    allowances,
    versionTrees,
  }: { allowances: Pick<Allowances, 'reserveRun' | 'releaseRun' | 'planOf'>; versionTrees: VersionTrees },
): Promise<void> {
  const failed = await findPlace(sql, workspaceId, runId);
  if (!failed?.deploymentId) return;
  const { tree } = await versionTrees.read(sql, workspaceId, failed.versionId);
  const { projectId, versionId, deploymentId, environment } = failed;
  const told = errorRun(
    { ...failed, runId, startedAt: failed.startedAt?.toISOString(), environment: { name: environment, vars: {} } },
    ended,
    tree,
  );
  if (!told) return;
  const { queuePriority: priority } = await allowances.planOf(sql, workspaceId);
  const { workflowId, workflowName, triggerStepId, items } = told;
  await sql.query('savepoint error_workflow');
  try {
    await acceptRun(
      sql,
      {
        ...{ id: newId(), workspaceId, projectId, workflowId, workflowName, versionId, deploymentId, environment },
        ...{ trigger: 'error', triggerStepId, items, priority, triggeredBy: runId, startKey: `error:${runId}` },
      },
      allowances,
      tree.workflows[workflowId],
    );
  } catch (thrown) {
    if (!(thrown instanceof SluiceError)) throw thrown;
    await sql.query('rollback to savepoint error_workflow');
  }
}
