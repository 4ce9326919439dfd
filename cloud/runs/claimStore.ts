import type { PlanSlug } from '#shared/plan.ts';
import type { RunStatus } from '#shared/run/events.ts';
import type { Sql } from './ports.ts';
import type { RunTrigger } from './runStore.ts';

export type Claimed = { runId: string; fence: number };

/**
 * Takes the next runs of a workspace, at most `free` and no more than its plan runs at once: owner, lease and a higher
 * fence in one statement. Time is the database's. Of those that share a group no more are taken than it has room for.
 */
export async function claimNext(
  sql: Sql,
  claim: { workspaceId: string; owner: string; free: number; runsAtOnce(plan: PlanSlug): number; leaseMs: number },
): Promise<Claimed[]> {
  const { workspaceId, owner, free, leaseMs } = claim;
  // Two containers of one workspace (an upgrade) must not both see the same room.
  const held = await sql.query<{ plan: PlanSlug | null }>(
    `select pg_advisory_xact_lock(hashtextextended('next:' || $1, 0)),
            (select plan from workspace where id = $1::uuid and deleted_at is null) as plan`,
    [workspaceId],
  );
  const plan = held.rows[0]?.plan;
  if (!plan) return [];
  const runsAtOnce = claim.runsAtOnce(plan);
  const { rows } = await sql.query<{ run_id: string; fence: number }>(
    `with held as (
       select count(*)::int as n from run_claim where workspace_id = $1 and status = 'leased' and lease_until > now()
     ), grouped as (
       select c.run_id, c.group_limit,
              row_number() over (partition by c.group_key order by c.priority, c.rank desc, c.due_at, c.run_id) as place,
              (select count(*) from run_claim b
                where b.workspace_id = $1 and b.group_key = c.group_key and b.status = 'leased' and b.lease_until > now()) as busy
         from run_claim c
        where c.workspace_id = $1 and c.group_key is not null and c.status = 'ready' and c.due_at <= now()
     ), picked as (
       select c.run_id from run_claim c
        where c.workspace_id = $1 and c.status = 'ready' and c.due_at <= now()
          and (c.group_key is null or c.run_id in (select run_id from grouped where place <= group_limit - busy))
        order by c.priority, c.rank desc, c.due_at, c.run_id
        limit greatest(0, least($2::int, $3::int - (select n from held)))
          for update skip locked
     )
     update run_claim c
        set status = 'leased', owner = $4, lease_until = now() + $5::int * interval '1 ms', fence = c.fence + 1
       from picked p
      where c.workspace_id = $1 and c.run_id = p.run_id
     returning c.run_id, c.fence`,
    [workspaceId, free, runsAtOnce, owner, leaseMs],
  );
  return rows.map((row) => ({ runId: row.run_id, fence: row.fence }));
}

export type LeasedRun = {
  status: RunStatus;
  lastSeq: number;
  cancelRequested: boolean;
  queuedAt: Date;
  startedAt: Date | undefined;
  projectId: string;
  trigger: RunTrigger;
};

/** Renews the lease and locks the claim, if this fence still holds it. Undefined: somebody else may hold the run. */
export async function renewLease(
  sql: Sql,
  lease: { workspaceId: string; runId: string; fence: number; leaseMs: number },
): Promise<LeasedRun | undefined> {
  const { rows } = await sql.query<{
    status: RunStatus;
    last_seq: number;
    cancel: boolean;
    queued_at: Date;
    started_at: Date | null;
    project_id: string;
    trigger: RunTrigger;
  }>(
    `with lease as (
       update run_claim set lease_until = now() + $4::int * interval '1 ms'
        where workspace_id = $1 and run_id = $2 and fence = $3 and status = 'leased'
       returning run_id
     )
     select r.status, r.last_seq, r.cancel_requested_at is not null as cancel, r.queued_at, r.started_at, r.project_id,
            r.trigger
       from lease join run r on r.workspace_id = $1 and r.id = lease.run_id`,
    [lease.workspaceId, lease.runId, lease.fence, lease.leaseMs],
  );
  const row = rows[0];
  if (!row) return undefined;
  return {
    status: row.status,
    lastSeq: row.last_seq,
    cancelRequested: row.cancel,
    queuedAt: row.queued_at,
    startedAt: row.started_at ?? undefined,
    projectId: row.project_id,
    trigger: row.trigger,
  };
}

/** The last stored sequence number, where this very lease let go of the run: a report that comes twice. */
export async function findReleased(
  sql: Sql,
  lease: { workspaceId: string; runId: string; fence: number },
): Promise<number | undefined> {
  const { rows } = await sql.query<{ last_seq: number }>(
    `select r.last_seq from run_claim c join run r on r.workspace_id = c.workspace_id and r.id = c.run_id
      where c.workspace_id = $1 and c.run_id = $2 and c.fence = $3 and c.status <> 'leased'`,
    [lease.workspaceId, lease.runId, lease.fence],
  );
  return rows[0]?.last_seq;
}

/** Lets go of a run: `done`, `ready` for somebody else, or `waiting` until a time (none: until somebody wakes it). */
export async function releaseClaim(
  sql: Sql,
  lease: { workspaceId: string; runId: string; fence: number },
  next: { status: 'done' | 'ready' | 'waiting'; until?: string },
): Promise<boolean> {
  const { rowCount } = await sql.query(
    `update run_claim set status = $4::claim_status, owner = null, lease_until = null,
            due_at = case when $4 = 'waiting' then $5::timestamptz else now() end
      where workspace_id = $1 and run_id = $2 and fence = $3 and status = 'leased'`,
    [lease.workspaceId, lease.runId, lease.fence, next.status, next.until ?? null],
  );
  return (rowCount ?? 0) > 0;
}

/**
 * Lets go of a run that has ended, and wakes the runs that were to start after it.
 *
 * @returns whether any were woken, and whether any other is ready
 */
export async function endClaim(
  sql: Sql,
  { workspaceId, runId, fence }: { workspaceId: string; runId: string; fence: number },
): Promise<{ followers: boolean; ready: boolean }> {
  const { rows } = await sql.query<{ followers: boolean; ready: boolean }>(
    `with released as (
       update run_claim set status = 'done', owner = null, lease_until = null, due_at = now()
        where workspace_id = $1 and run_id = $2 and fence = $3 and status = 'leased'
     ), woken as (
       ${WAKE}
       returning 1
     )
     select exists (select 1 from woken) as followers,
            exists (select 1 from run_claim where workspace_id = $1 and status = 'ready' and due_at <= now()) as ready`,
    [workspaceId, runId, fence],
  );
  return rows[0] ?? { followers: false, ready: false };
}

const WAKE = `
  update run_claim set status = case when due_at > now() then 'waiting' else 'ready' end::claim_status,
         due_at = greatest(due_at, now()), after_run_id = null, held_by = case when due_at > now() then held_by end
   where workspace_id = $1 and after_run_id = $2 and status = 'waiting'`;

/** Wakes the runs that were to start after this one. @returns how many */
export async function wakeFollowers(sql: Sql, workspaceId: string, runId: string): Promise<number> {
  const { rowCount } = await sql.query(WAKE, [workspaceId, runId]);
  return rowCount;
}

/**
 * Takes a run that no runtime holds, so that the control plane itself may end it.
 *
 * @returns the fence to write under, or undefined where a runtime holds it or it ended
 */
export async function claimUnheld(sql: Sql, workspaceId: string, runId: string): Promise<number | undefined> {
  const { rows } = await sql.query<{ fence: number }>(
    `update run_claim set status = 'leased', owner = 'control', lease_until = now() + interval '10 s', fence = fence + 1
      where workspace_id = $1 and run_id = $2
        and (status in ('ready', 'waiting') or (status = 'leased' and lease_until < now()))
     returning fence`,
    [workspaceId, runId],
  );
  return rows[0]?.fence;
}
