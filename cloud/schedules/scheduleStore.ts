import type { Sql } from '../platform/database.ts';

export type Overlap = 'skip' | 'queue_one' | 'allow' | 'cancel';

/** A schedule of a deployment, as its trigger says. */
export type PlannedSchedule = {
  id: string;
  workflowId: string;
  stepId: string;
  cron: string;
  timezone: string;
  overlap: Overlap;
  catchUpMinutes: number;
  nextRunAt: Date | undefined;
};

export type ScheduleRow = PlannedSchedule & { deploymentId: string; projectId: string };

type Raw = {
  id: string;
  workflow_id: string;
  step_id: string;
  cron: string;
  timezone: string;
  overlap: Overlap;
  catch_up_minutes: number;
  next_run_at: Date | null;
  deployment_id: string;
  project_id: string;
};

const SCHEDULE = `select s.id, s.workflow_id, s.step_id, s.cron, s.timezone, s.overlap, s.catch_up_minutes, s.next_run_at,
    s.deployment_id, s.project_id from schedule s`;

function toSchedule(raw: Raw): ScheduleRow {
  return {
    id: raw.id,
    workflowId: raw.workflow_id,
    stepId: raw.step_id,
    cron: raw.cron,
    timezone: raw.timezone,
    overlap: raw.overlap,
    catchUpMinutes: raw.catch_up_minutes,
    nextRunAt: raw.next_run_at ?? undefined,
    deploymentId: raw.deployment_id,
    projectId: raw.project_id,
  };
}

export async function listSchedules(sql: Sql, workspaceId: string, deploymentIds: string[]): Promise<ScheduleRow[]> {
  if (deploymentIds.length === 0) return [];
  const { rows } = await sql.query<Raw>(
    `${SCHEDULE} where s.workspace_id = $1 and s.deployment_id = any($2::uuid[]) order by s.workflow_id, s.step_id`,
    [workspaceId, deploymentIds],
  );
  return rows.map(toSchedule);
}

/** Locked until the transaction ends. */
export async function lockSchedule(sql: Sql, workspaceId: string, id: string): Promise<ScheduleRow | undefined> {
  const { rows } = await sql.query<Raw>(`${SCHEDULE} where s.workspace_id = $1 and s.id = $2 for update`, [
    workspaceId,
    id,
  ]);
  return rows[0] && toSchedule(rows[0]);
}

export async function insertSchedules(
  sql: Sql,
  place: { workspaceId: string; projectId: string; deploymentId: string },
  schedules: PlannedSchedule[],
): Promise<void> {
  for (const schedule of schedules) {
    await sql.query(
      `with made as (
         insert into schedule (workspace_id, id, project_id, workflow_id, step_id, deployment_id, cron, timezone, overlap,
                               catch_up_minutes, next_run_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now()))
       insert into schedule_claim (workspace_id, schedule_id, next_run_at) values ($1, $2, $11)`,
      [
        place.workspaceId,
        schedule.id,
        place.projectId,
        schedule.workflowId,
        schedule.stepId,
        place.deploymentId,
        schedule.cron,
        schedule.timezone,
        schedule.overlap,
        schedule.catchUpMinutes,
        schedule.nextRunAt ?? null,
      ],
    );
  }
}

/** Nothing of this deployment fires any more. */
export async function stopSchedules(sql: Sql, workspaceId: string, deploymentId: string): Promise<void> {
  await sql.query(
    `with stopped as (
       update schedule set next_run_at = null, updated_at = now() where workspace_id = $1 and deployment_id = $2 returning id)
     update schedule_claim c set next_run_at = null, owner = null, lease_until = null
       from stopped s where c.workspace_id = $1 and c.schedule_id = s.id`,
    [workspaceId, deploymentId],
  );
}

/** When it comes next; nobody holds it any more. */
export async function setNextRun(
  sql: Sql,
  { workspaceId, id }: { workspaceId: string; id: string },
  next: Date | undefined,
  fired: Date | undefined,
): Promise<void> {
  await sql.query(
    `with moved as (
       update schedule set next_run_at = $3, last_run_at = coalesce($4, last_run_at), updated_at = now()
        where workspace_id = $1 and id = $2)
     update schedule_claim set next_run_at = $3, owner = null, lease_until = null
      where workspace_id = $1 and schedule_id = $2`,
    [workspaceId, id, next ?? null, fired ?? null],
  );
}

/** Takes one planned time. False: somebody had it before. */
export async function takeFire(sql: Sql, workspaceId: string, scheduleId: string, plannedAt: Date): Promise<boolean> {
  const { rowCount } = await sql.query(
    `insert into schedule_fire (workspace_id, schedule_id, planned_at, outcome) values ($1, $2, $3, 'taken')
     on conflict do nothing`,
    [workspaceId, scheduleId, plannedAt],
  );
  return rowCount > 0;
}

export async function recordOutcome(
  sql: Sql,
  fire: { workspaceId: string; scheduleId: string; plannedAt: Date },
  outcome: string,
  runId?: string,
): Promise<void> {
  await sql.query(
    'update schedule_fire set outcome = $4, run_id = $5 where workspace_id = $1 and schedule_id = $2 and planned_at = $3',
    [fire.workspaceId, fire.scheduleId, fire.plannedAt, outcome, runId ?? null],
  );
}

/**
 * Takes due schedules of any workspace for a moment, by the database's clock.
 *
 * @param sql of the dispatcher
 */
export async function claimDue(
  sql: Sql,
  owner: string,
  limit: number,
): Promise<{ workspaceId: string; scheduleId: string }[]> {
  const { rows } = await sql.query<{ workspace_id: string; schedule_id: string }>(
    `update schedule_claim c set owner = $1, lease_until = now() + interval '10 s'
       from (select workspace_id, schedule_id from schedule_claim
              where next_run_at <= now() and (lease_until is null or lease_until < now())
              order by next_run_at limit $2 for update skip locked) due
      where c.workspace_id = due.workspace_id and c.schedule_id = due.schedule_id
     returning c.workspace_id, c.schedule_id`,
    [owner, limit],
  );
  return rows.map((row) => ({ workspaceId: row.workspace_id, scheduleId: row.schedule_id }));
}

export async function databaseTime(sql: Sql): Promise<Date> {
  const { rows } = await sql.query<{ now: Date }>('select now() as now');
  return rows[0]?.now as Date;
}
