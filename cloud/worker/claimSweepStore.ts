import type { Sql } from '../platform/database.ts';

/** Statements of the dispatcher: over the claims of every workspace, by the database's clock, skipping what others hold. */
export type SweptRun = { workspaceId: string; runId: string; recoveries: number };

type Row = { workspace_id: string; run_id: string; recoveries: number };
const toRun = (row: Row): SweptRun => ({
  workspaceId: row.workspace_id,
  runId: row.run_id,
  recoveries: row.recoveries,
});

const AT_ONCE = 500;

/** Runs whose runtime was not heard of in time. The fence rises, so whatever it still sends is refused. */
export async function takeBackExpired(sql: Sql): Promise<SweptRun[]> {
  const { rows } = await sql.query<Row>(
    `update run_claim c set status = 'ready', owner = null, lease_until = null, fence = c.fence + 1, due_at = now(),
            recoveries = c.recoveries + 1
       from (select workspace_id, run_id from run_claim where status = 'leased' and lease_until < now()
              limit ${AT_ONCE} for update skip locked) lost
      where c.workspace_id = lost.workspace_id and c.run_id = lost.run_id
     returning c.workspace_id, c.run_id, c.recoveries`,
  );
  return rows.map(toRun);
}

/** Runs whose wait is over, and those that were to start after one that is done. */
export async function wakeDue(sql: Sql): Promise<SweptRun[]> {
  const { rows } = await sql.query<Row>(
    `update run_claim c set status = 'ready', due_at = now(), after_run_id = null, held_by = null
       from (select w.workspace_id, w.run_id from run_claim w
              where w.status = 'waiting'
                and (w.after_run_id is null and w.due_at <= now()
                     or w.after_run_id is not null and (w.due_at is null or w.due_at <= now()) and exists (
                       select 1 from run_claim b
                        where b.workspace_id = w.workspace_id and b.run_id = w.after_run_id and b.status = 'done'))
              limit ${AT_ONCE} for update skip locked) due
      where c.workspace_id = due.workspace_id and c.run_id = due.run_id
     returning c.workspace_id, c.run_id, c.recoveries`,
  );
  return rows.map(toRun);
}

/** Workspaces with a run that has been waiting for its turn for a while. */
export async function findOverlooked(sql: Sql, olderThanMs: number): Promise<string[]> {
  const { rows } = await sql.query<{ workspace_id: string }>(
    `select distinct workspace_id from run_claim
      where status = 'ready' and due_at < now() - $1::int * interval '1 ms'`,
    [olderThanMs],
  );
  return rows.map((row) => row.workspace_id);
}
