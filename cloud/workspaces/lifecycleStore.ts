import { SluiceError } from '#shared/error.ts';
import { isLiveStatus, type SubscriptionStatus } from '../billing/entitlement.ts';
import type { Database, Sql } from '../platform/database.ts';

export type DeletedRow = { id: string; name: string; slug: string; deletedAt: Date; purgeAfter: Date };

const DELETED = 'id, name, slug, deleted_at as "deletedAt", purge_after as "purgeAfter"';

/** How long a deleted workspace can come back. */
export const GRACE_DAYS = 30;

/**
 * Hides the workspace and lets nothing in it begin again: its schedules are not looked at, and whoever asks for its plan
 * to accept a run hears that there is none. Undefined where it was deleted already.
 */
export async function markDeleted(sql: Sql, workspaceId: string, userId: string): Promise<DeletedRow | undefined> {
  const { rows } = await sql.query<DeletedRow>(
    `update workspace set deleted_at = now(), deleted_by_id = $2, purge_after = now() + $3::int * interval '1 day',
            updated_at = now()
      where id = $1 and deleted_at is null returning ${DELETED}`,
    [workspaceId, userId, GRACE_DAYS],
  );
  const [row] = rows;
  if (!row) return undefined;
  await sql.query(
    'update schedule_claim set next_run_at = null, owner = null, lease_until = null where workspace_id = $1',
    [workspaceId],
  );
  await sql.query(
    `insert into upkeep_claim (workspace_id, kind, due_at) values ($1, 'purge', $2)
     on conflict (workspace_id, kind) do update set due_at = excluded.due_at, owner = null, lease_until = null`,
    [workspaceId, row.purgeAfter],
  );
  return row;
}

/**
 * @throws SluiceError subscription.active while the payment provider goes on charging for the workspace: a plan is ended by
 * who pays it, not beside
 */
export async function ensureUnpaid(sql: Sql, workspaceId: string): Promise<void> {
  const { rows } = await sql.query<{ status: SubscriptionStatus; ends: boolean }>(
    'select status, cancel_at_period_end as ends from subscription where workspace_id = $1',
    [workspaceId],
  );
  if (!rows.some(({ status, ends }) => isLiveStatus(status) && !ends)) return;
  throw new SluiceError('subscription.active', 'The plan of this workspace would go on being charged.', {
    advice: 'Cancel the plan first. Then delete the workspace, also before the paid time is over.',
  });
}

/** The runs that are under way when a workspace is deleted. */
export async function findUnended(sql: Sql, workspaceId: string): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>(
    `select id from run where workspace_id = $1 and status in ('queued', 'running', 'waiting') order by id`,
    [workspaceId],
  );
  return rows.map(({ id }) => id);
}

/**
 * Brings a workspace back: schedules go on from the time they were at, and what was missed is dealt with as after any stop.
 *
 * @returns false where it is not deleted, or too late
 */
export async function markRestored(sql: Sql, workspaceId: string): Promise<boolean> {
  const { rowCount } = await sql.query(
    `update workspace set deleted_at = null, deleted_by_id = null, purge_after = null, updated_at = now()
      where id = $1 and deleted_at is not null and purge_after > clock_timestamp()`,
    [workspaceId],
  );
  if (rowCount === 0) return false;
  await sql.query(
    `update schedule_claim c set next_run_at = s.next_run_at
       from schedule s join deployment d on d.workspace_id = s.workspace_id and d.id = s.deployment_id
      where c.workspace_id = $1 and s.workspace_id = $1 and s.id = c.schedule_id and d.status = 'active' and not s.paused`,
    [workspaceId],
  );
  await sql.query("delete from upkeep_claim where workspace_id = $1 and kind = 'purge'", [workspaceId]);
  return true;
}

/** The deleted workspaces that this person owned and may bring back. */
export function listDeleted(db: Database, userId: string): Promise<DeletedRow[]> {
  return db.withUser(userId, async (tx) => {
    const memberships = await tx.membership.findMany({
      where: { userId, role: 'owner', deletedAt: null, workspace: { deletedAt: { not: null } } },
      include: { workspace: true },
      orderBy: { workspaceId: 'asc' },
    });
    return memberships.flatMap(({ workspace: { id, name, slug, deletedAt, purgeAfter } }) =>
      deletedAt && purgeAfter && purgeAfter > new Date() ? [{ id, name, slug, deletedAt, purgeAfter }] : [],
    );
  });
}

/**
 * Whether the time of a workspace is over for good. Waits for whoever brings it back just now, so that no file goes of one that
 * stays; afterwards nobody can.
 */
export async function isOver(sql: Sql, workspaceId: string): Promise<boolean> {
  const { rows } = await sql.query(
    'select 1 from workspace where id = $1 and deleted_at is not null and purge_after <= clock_timestamp() for update',
    [workspaceId],
  );
  return rows.length > 0;
}

/** Deletes every row of a workspace whose time is over. @returns how many. @throws where that is not yet allowed */
export async function purgeRows(sql: Sql, workspaceId: string): Promise<number> {
  // As long as it takes: it is not a request that somebody waits for.
  await sql.query("select set_config('statement_timeout', '600000', true)");
  const { rows } = await sql.query<{ gone: string }>('select purge_workspace($1) as gone', [workspaceId]);
  return Number(rows[0]?.gone ?? 0);
}

/** Its only member is erased, so nobody is left to bring it back. */
export async function makePurgeable(sql: Sql, workspaceId: string): Promise<void> {
  // The column counts milliseconds and may round up.
  await sql.query(
    "update workspace set purge_after = now() - interval '1 s' where id = $1 and deleted_at is not null",
    [workspaceId],
  );
}
