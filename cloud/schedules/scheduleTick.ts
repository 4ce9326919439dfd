import { randomUUID } from 'node:crypto';
import { v7 as newId } from 'uuid';
import { SluiceError } from '#shared/error.ts';
import type { Logger } from '#shared/log.ts';
import { findDeployment } from '../deployments/deploymentStore.ts';
import type { Database, Sql } from '../platform/database.ts';
import { acceptRun } from '../runs/acceptRun.ts';
import type { Ringer } from '../runs/dispatch.ts';
import { cancelRun } from '../runs/endRun.ts';
import type { Allowances } from '../runs/ports.ts';
import { findOpenRuns } from '../runs/runStore.ts';
import type { VersionTrees } from '../versions/versionTrees.ts';
import { nextAfter } from './plan.ts';
import {
  claimDue,
  databaseTime,
  lockSchedule,
  recordOutcome,
  type ScheduleRow,
  setNextRun,
  takeFire,
} from './scheduleStore.ts';

export type ScheduleDeps = {
  database: Database;
  versionTrees: VersionTrees;
  allowances: Allowances;
  ring: Ringer;
  logger: Logger;
};

type Rung = Parameters<Ringer>[0];

/** A time that is late by less is not missed: a restart takes this long. */
const GRACE_MS = 60_000;
const AT_ONCE = 100;

/**
 * Fires what is due, whatever the workspace. Any number of processes may call it at any time: each planned time is taken
 * once. What became of each is kept with the schedule.
 *
 * @returns how many planned times it dealt with
 */
export async function scheduleTick(deps: ScheduleDeps, owner: string = randomUUID()): Promise<number> {
  const due = await deps.database.withClaims((sql) => claimDue(sql, owner, AT_ONCE));
  let dealt = 0;
  for (const { workspaceId, scheduleId } of due) {
    try {
      // A schedule that was asleep for long has many times to deal with; the rest come with the next tick.
      for (let round = 0; round < AT_ONCE && (await fireOne(deps, workspaceId, scheduleId)); round++) dealt++;
    } catch (thrown) {
      deps.logger.error('A schedule could not be fired; it is tried again.', {
        workspaceId,
        scheduleId,
        error: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown),
      });
    }
  }
  return dealt;
}

/** Deals with the next planned time, if it has come. @returns whether it had */
async function fireOne(deps: ScheduleDeps, workspaceId: string, scheduleId: string): Promise<boolean> {
  const rung: Rung[] = [];
  const fired = await deps.database.withWorkspaceSql({ workspaceId }, async (sql) => {
    const schedule = await lockSchedule(sql, workspaceId, scheduleId);
    const now = await databaseTime(sql);
    const plannedAt = schedule?.nextRunAt;
    if (!schedule || !plannedAt || plannedAt > now) {
      if (schedule) await setNextRun(sql, { workspaceId, id: scheduleId }, plannedAt, undefined);
      return false;
    }
    if (await takeFire(sql, workspaceId, scheduleId, plannedAt)) {
      const { outcome, run } = await fire(deps, sql, workspaceId, schedule, plannedAt, now);
      await recordOutcome(sql, { workspaceId, scheduleId, plannedAt }, outcome, run?.runId);
      if (run) rung.push(run);
      deps.logger.info('schedule', { workspaceId, scheduleId, outcome, lateMs: now.getTime() - plannedAt.getTime() });
    }
    // From the planned time, not from now: a late tick shifts nothing.
    const next = nextAfter(schedule.cron, schedule.timezone, plannedAt);
    await setNextRun(sql, { workspaceId, id: scheduleId }, next, plannedAt);
    return true;
  });
  for (const run of rung) deps.ring(run);
  return fired;
}

/** What keeps a planned time from becoming a run, and is no reason to try it again. */
const SKIPPED: Partial<Record<string, string>> = {
  'queue.full': 'skipped_queue_full',
  allowance_exceeded: 'skipped_allowance',
  'run.rate_exceeded': 'skipped_rate',
  'run.singleton': 'skipped_singleton',
  'expression.failed': 'skipped_expression',
  'expression.limit_exceeded': 'skipped_expression',
};

/** `started`, `caught_up`, `queued`, or why no run came of it. */
type Fired = { outcome: string; run?: Rung };

async function fire(
  { versionTrees, allowances }: ScheduleDeps,
  sql: Sql,
  workspaceId: string,
  schedule: ScheduleRow,
  plannedAt: Date,
  now: Date,
): Promise<Fired> {
  const deployment = await findDeployment(sql, workspaceId, schedule.deploymentId);
  if (deployment?.status !== 'active') return { outcome: 'not_deployed' };
  const lateMs = now.getTime() - plannedAt.getTime();
  if (lateMs > Math.max(GRACE_MS, schedule.catchUpMinutes * 60_000)) return { outcome: 'missed' };

  const { workflowId, stepId: triggerStepId, projectId } = schedule;
  const { environment, versionId } = deployment;
  const open = await findOpenRuns(sql, { workspaceId, projectId, environment, workflowId, triggerStepId });
  if (open.length > 0 && schedule.overlap === 'skip') return { outcome: 'skipped_overlap' };
  const after = schedule.overlap === 'queue_one' ? open.at(-1) : undefined;
  if (after && (open.length > 1 || after.status === 'queued')) return { outcome: 'skipped_overlap' };
  if (schedule.overlap === 'cancel') {
    for (const { id } of open) await cancelRun(sql, { workspaceId, runId: id }, allowances);
  }

  const { tree } = await versionTrees.read(sql, workspaceId, versionId);
  const { queuePriority } = await allowances.planOf(sql, workspaceId);
  const runId = newId();
  const run = {
    id: runId,
    workspaceId,
    projectId,
    workflowId,
    workflowName: tree.workflows[workflowId]?.name ?? schedule.stepId,
    versionId,
    deploymentId: deployment.id,
    environment,
    trigger: 'schedule' as const,
    triggerStepId,
    triggeredBy: schedule.id,
    items: [{ json: { plannedAt: plannedAt.toISOString(), startedAt: now.toISOString() } }],
    priority: queuePriority,
    afterRunId: after?.id,
  };
  let displaced: string[] = [];
  await sql.query('savepoint accept');
  try {
    const accepted = await acceptRun(sql, run, allowances, tree.workflows[workflowId]);
    if (accepted.repeated) return { outcome: 'repeated' };
    displaced = accepted.displaced;
  } catch (thrown) {
    const skipped = thrown instanceof SluiceError ? SKIPPED[thrown.code] : undefined;
    if (skipped === undefined) throw thrown;
    await sql.query('rollback to savepoint accept');
    return { outcome: skipped };
  }
  const outcome = after ? 'queued' : lateMs > GRACE_MS ? 'caught_up' : 'started';
  return { outcome, run: { workspaceId, projectId, runId, priority: queuePriority, displaced } };
}
