import type { Notices } from '../notifications/notices.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database, Sql } from '../platform/database.ts';

const DAY_MS = 86_400_000;
/** So many days before, people are told, and once more when it is over. */
const TOLD_DAYS = [14, 3, 0];

/**
 * From now on somebody looks once a day whether a connection of this workspace is about to expire. Not at once: who looks in
 * this very moment has seen what was before.
 */
export async function planExpiry(sql: Sql, workspaceId: string): Promise<void> {
  await sql.query(
    `insert into upkeep_claim (workspace_id, kind, due_at) values ($1, 'connections', now() + interval '3 s')
     on conflict (workspace_id, kind) do update set due_at = excluded.due_at`,
    [workspaceId],
  );
}

/**
 * Tells of connections that are about to expire, each time once, however often this is done.
 *
 * @returns in how many milliseconds to look again
 */
export async function warnOfExpiry(
  { db, notices, clock }: { db: Database; notices: Pick<Notices, 'connectionExpires'>; clock: Clock },
  workspaceId: string,
): Promise<number> {
  await db.withWorkspaceSql({ workspaceId }, async (sql) => {
    // Two who look at once would both find that nobody was told yet.
    await sql.query("select pg_advisory_xact_lock(hashtextextended('expiry:' || $1::text, 0))::text as locked", [
      workspaceId,
    ]);
    const { rows } = await sql.query<{ id: string; name: string; expires_at: Date }>(
      'select id, name, expires_at from connection where workspace_id = $1 and deleted_at is null and expires_at is not null',
      [workspaceId],
    );
    for (const { id, name, expires_at: expiresAt } of rows) {
      const days = (expiresAt.getTime() - clock.now().getTime()) / DAY_MS;
      const stage = TOLD_DAYS.findLast((told) => days <= told);
      if (stage !== undefined) await notices.connectionExpires(sql, { workspaceId, id, name, expiresAt, stage });
    }
  });
  return DAY_MS;
}
