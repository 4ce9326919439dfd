import type { RunSummary } from '#shared/contract/cloud/common.ts';
import type { RunEvent, RunStatus, StepError } from '#shared/run/events.ts';
import type { Item } from '#shared/workflow/tree.ts';
import type { Hold } from './admissionClaims.ts';
import type { Sql } from './ports.ts';

export type RunTrigger = RunSummary['trigger'];

/** Everything that is known of a run when it is accepted. */
export type NewRun = {
  id: string;
  workspaceId: string;
  projectId: string;
  workflowId: string;
  workflowName: string;
  versionId: string;
  deploymentId: string;
  environment: string;
  trigger: RunTrigger;
  triggerStepId: string;
  /** A user, a schedule or a hook. */
  triggeredBy?: string;
  items: Item[];
  /** 1 is served first. */
  priority: number;
  /** It starts only when this run has ended. */
  afterRunId?: string;
  /** Not before this moment. */
  startsAt?: Date;
  /** The same key starts nothing new in its workspace. */
  startKey?: string;
  retryOf?: string;
  takenOver?: TakenOver;
};

/** What still holds of the run that is done again. */
export type TakenOver = { recorded?: RunEvent[]; effectRunId?: string };

/**
 * Writes the run and its claim, unless `queueLimit` runs of the workspace wait already. The claim is `ready`, or `waiting`
 * behind another run.
 *
 * @returns when it was queued; undefined, and nothing written, where the queue is full
 */
export async function insertRun(
  sql: Sql,
  run: NewRun,
  queueLimit: number,
  hold: Hold = { rank: 0 },
): Promise<Date | undefined> {
  const afterRunId = run.afterRunId ?? hold.afterRunId ?? null;
  const startsAt = hold.startsAt ?? run.startsAt ?? null;
  const { rows } = await sql.query<{ queued_at: Date }>(
    `with waiting as (
       select count(*) as n from (select 1 from run_claim where workspace_id = $1 and status = 'ready' limit $15) ready
     ), accepted as (
       insert into run (workspace_id, id, project_id, workflow_id, workflow_name, version_id, deployment_id, environment,
                        trigger, trigger_step_id, triggered_by, input, priority, start_key, retry_of_id, taken_over)
       select $1, $2, $3, $4, $5, $6, $7, $8, $9::run_trigger, $10, $11, $12::json, $13, $17, $18::uuid, $19::json
         from waiting where n < $15
       returning queued_at
     ), claimed as (
       insert into run_claim (workspace_id, run_id, status, priority, due_at, after_run_id, rank, group_key, group_limit,
                              singleton_key, debounce_key, held_by, held_since)
       select $1, $2, case when $14::uuid is null and $16::timestamptz is null then 'ready' else 'waiting' end::claim_status,
              $13, case when $14::uuid is null then coalesce($16::timestamptz, now()) else $16::timestamptz end, $14,
              $20, $21, $22::int, $23, $24, $25, $26::timestamptz from accepted
     )
     select queued_at from accepted`,
    [
      run.workspaceId,
      run.id,
      run.projectId,
      run.workflowId,
      run.workflowName,
      run.versionId,
      run.deploymentId,
      run.environment,
      run.trigger,
      run.triggerStepId,
      run.triggeredBy ?? null,
      JSON.stringify({ items: run.items }),
      run.priority,
      afterRunId,
      queueLimit,
      startsAt,
      run.startKey ?? null,
      run.retryOf ?? null,
      run.takenOver ? JSON.stringify(run.takenOver) : null,
      hold.rank,
      hold.groupKey ?? null,
      hold.groupLimit ?? null,
      hold.singletonKey ?? null,
      hold.debounceKey ?? null,
      hold.heldBy ?? null,
      hold.heldSince ?? null,
    ],
  );
  return rows[0]?.queued_at;
}

type SummaryRow = {
  id: string;
  project_id: string;
  workflow_id: string;
  workflow_name: string;
  version_number: number | null;
  environment: string;
  trigger: RunTrigger;
  trigger_step_id: string;
  status: RunStatus;
  wait: RunSummary['wait'] | null;
  error: StepError | null;
  retry_of_id: string | null;
  held_by: RunSummary['heldBy'] | null;
  attempt: number;
  queued_at: Date;
  started_at: Date | null;
  finished_at: Date | null;
  duration_ms: number | null;
  step_count: number;
};

const SUMMARY = `select r.id, r.project_id, r.workflow_id, r.workflow_name, v.number as version_number, r.environment,
    r.trigger, r.trigger_step_id, r.status, r.wait, r.error, r.retry_of_id, r.attempt, r.queued_at, r.started_at, r.finished_at,
    r.duration_ms, r.step_count,
    case when r.status = 'queued' then (
      select case when c.status = 'waiting' then c.held_by
             when c.status = 'ready' and c.group_limit <= (
               select count(*) from run_claim b
                where b.workspace_id = c.workspace_id and b.group_key = c.group_key and b.status = 'leased'
                  and b.lease_until > now())
             then 'concurrency' end
        from run_claim c where c.workspace_id = r.workspace_id and c.run_id = r.id) end as held_by
  from run r left join version v on v.workspace_id = r.workspace_id and v.id = r.version_id`;

function toSummary(row: SummaryRow): RunSummary {
  return {
    id: row.id,
    projectId: row.project_id,
    workflowId: row.workflow_id,
    workflowName: row.workflow_name,
    versionNumber: row.version_number ?? undefined,
    environment: row.environment,
    trigger: row.trigger,
    triggerStepId: row.trigger_step_id,
    status: row.status,
    wait: (row.status === 'waiting' && row.wait) || undefined,
    heldBy: row.held_by ?? undefined,
    error: row.error ?? undefined,
    retryOf: row.retry_of_id ?? undefined,
    attempt: row.attempt,
    queuedAt: row.queued_at.toISOString(),
    startedAt: row.started_at?.toISOString(),
    finishedAt: row.finished_at?.toISOString(),
    durationMs: row.duration_ms ?? undefined,
    stepCount: row.step_count,
  };
}

export async function findRun(sql: Sql, workspaceId: string, runId: string): Promise<RunSummary | undefined> {
  const { rows } = await sql.query<SummaryRow>(`${SUMMARY} where r.workspace_id = $1 and r.id = $2`, [
    workspaceId,
    runId,
  ]);
  return rows[0] && toSummary(rows[0]);
}

export type RunFilter = {
  projectId?: string;
  workflowId?: string;
  status?: RunStatus;
  limit: number;
  /** The id of the last run of the page before. */
  before?: string;
};

/** Newest first: ids of version 7 are in order of time. One more than `limit` where there is a next page. */
export async function listRuns(sql: Sql, workspaceId: string, filter: RunFilter): Promise<RunSummary[]> {
  const { rows } = await sql.query<SummaryRow>(
    `${SUMMARY} where r.workspace_id = $1
       and ($2::uuid is null or r.project_id = $2) and ($3::uuid is null or r.workflow_id = $3)
       and ($4::run_status is null or r.status = $4::run_status) and ($5::uuid is null or r.id < $5)
     order by r.id desc limit $6`,
    [
      workspaceId,
      filter.projectId ?? null,
      filter.workflowId ?? null,
      filter.status ?? null,
      filter.before ?? null,
      filter.limit + 1,
    ],
  );
  return rows.map(toSummary);
}

/** The little of a run that finds it again. */
export async function findRunPlace(
  sql: Sql,
  workspaceId: string,
  runId: string,
): Promise<{ projectId: string; status: RunStatus; lastSeq: number; cancelRequested: boolean } | undefined> {
  const { rows } = await sql.query<{ project_id: string; status: RunStatus; last_seq: number; cancel: boolean }>(
    `select project_id, status, last_seq, cancel_requested_at is not null as cancel from run
      where workspace_id = $1 and id = $2`,
    [workspaceId, runId],
  );
  const row = rows[0];
  return row && { projectId: row.project_id, status: row.status, lastSeq: row.last_seq, cancelRequested: row.cancel };
}

/** Runs of one trigger that have not ended, oldest first. Across deployments, since a schedule outlives them. */
export async function findOpenRuns(
  sql: Sql,
  place: { workspaceId: string; projectId: string; environment: string; workflowId: string; triggerStepId: string },
): Promise<{ id: string; status: RunStatus }[]> {
  const { rows } = await sql.query<{ id: string; status: RunStatus }>(
    `select id, status from run
      where workspace_id = $1 and workflow_id = $2 and status in ('queued', 'running', 'waiting')
        and project_id = $3 and environment = $4 and trigger_step_id = $5
      order by id`,
    [place.workspaceId, place.workflowId, place.projectId, place.environment, place.triggerStepId],
  );
  return rows;
}

/** The run that was started under a key, if one was. */
export async function findStarted(sql: Sql, workspaceId: string, startKey: string): Promise<string | undefined> {
  const { rows } = await sql.query<{ id: string }>('select id from run where workspace_id = $1 and start_key = $2', [
    workspaceId,
    startKey,
  ]);
  return rows[0]?.id;
}

/** Where a run belongs, for whatever is started beside it or done again. */
export type RunPlace = Pick<
  NewRun,
  'projectId' | 'workflowId' | 'workflowName' | 'versionId' | 'environment' | 'trigger' | 'triggerStepId'
> & { id: string; status: RunStatus; deploymentId: string | null; startedAt: Date | null };

export async function findPlace(sql: Sql, workspaceId: string, runId: string): Promise<RunPlace | undefined> {
  const { rows } = await sql.query<RunPlace>(
    `select id, project_id as "projectId", workflow_id as "workflowId", workflow_name as "workflowName",
            version_id as "versionId", deployment_id as "deploymentId", environment, trigger,
            trigger_step_id as "triggerStepId", status, started_at as "startedAt"
       from run where workspace_id = $1 and id = $2`,
    [workspaceId, runId],
  );
  return rows[0];
}
