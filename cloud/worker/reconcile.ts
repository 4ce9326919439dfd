import type { Logger } from '#shared/log.ts';
import type { Notices } from '../notifications/notices.ts';
import type { Database } from '../platform/database.ts';
import { endUnheldRun } from '../runs/endRun.ts';
import { tellOfFailure } from '../runs/errorWorkflow.ts';
import type { Allowances } from '../runs/ports.ts';
import { findRunPlace } from '../runs/runStore.ts';
import type { Signals } from '../runs/signals.ts';
import type { VersionTrees } from '../versions/versionTrees.ts';
import { findOverlooked, type SweptRun, takeBackExpired, wakeDue } from './claimSweepStore.ts';

export type ReconcileDeps = {
  database: Database;
  allowances: Pick<Allowances, 'releaseRun' | 'reserveRun' | 'planOf'>;
  versionTrees: VersionTrees;
  /** Absent: nobody is told. */
  notices?: Pick<Notices, 'runFailed'>;
  signals: Signals;
  logger: Logger;
  /** Makes sure that the workspace's runtime is up, and tells it to look. */
  wake(workspaceId: string): void;
};

/** A run that took so many runtimes down with it is not tried for ever. */
const MOST_RECOVERIES = 20;
const OVERLOOKED_MS = 3_000;

/**
 * Finds work that nobody holds, without help of the queue: leases that ran out, and runs that were overlooked. Any number
 * of processes may do it at any time.
 */
export async function reconcile(deps: ReconcileDeps): Promise<{ recovered: number; woken: number }> {
  const { database, logger, wake } = deps;
  const expired = await database.withClaims(takeBackExpired);
  for (const run of expired) {
    logger.warn('A runtime was lost; its run is given to the next.', run);
    await endIfHopeless(deps, run);
  }
  const overlooked = await database.withClaims((sql) => findOverlooked(sql, OVERLOOKED_MS));
  const workspaces = new Set([...expired.map(({ workspaceId }) => workspaceId), ...overlooked]);
  for (const workspaceId of workspaces) wake(workspaceId);
  return { recovered: expired.length, woken: workspaces.size };
}

/** Runs whose wait is over go on. @returns how many */
export async function resumeDue({ database, wake }: Pick<ReconcileDeps, 'database' | 'wake'>): Promise<number> {
  const due = await database.withClaims(wakeDue);
  for (const workspaceId of new Set(due.map((run) => run.workspaceId))) wake(workspaceId);
  return due.length;
}

async function endIfHopeless(deps: ReconcileDeps, { workspaceId, runId, recoveries }: SweptRun): Promise<void> {
  const { database, allowances, versionTrees, signals, notices } = deps;
  const place = await database.withWorkspaceSql({ workspaceId }, async (sql) => {
    const run = await findRunPlace(sql, workspaceId, runId);
    if (!run || (!run.cancelRequested && recoveries <= MOST_RECOVERIES)) return undefined;
    const end = run.cancelRequested
      ? ({ status: 'cancelled' } as const)
      : ({
          status: 'failed',
          error: {
            code: 'limit.exceeded',
            message: `The run lost its runtime ${recoveries} times and is not tried again.`,
            detail: 'Look at the memory its steps use: the container may have been ended for it.',
          },
        } as const);
    const ended = await endUnheldRun(sql, { workspaceId, runId }, end, allowances);
    if (ended?.status === 'failed') {
      await tellOfFailure(sql, { workspaceId, runId }, ended, { allowances, versionTrees });
      await notices?.runFailed(sql, { workspaceId, runId, reason: ended.error?.message ?? 'It was lost.' });
    }
    return ended && run;
  });
  if (!place) return;
  signals.publish({ kind: 'run', workspaceId, projectId: place.projectId, runId, changed: true });
  signals.publish({ kind: 'answer', workspaceId, runId });
}
