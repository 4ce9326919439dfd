import type { Sql } from './ports.ts';

/** A rate, a throttle or an idempotency key of a workflow, as a hash. */
export type Gate = { workspaceId: string; gate: string };
export type Passing = { gate: string; runId: string; at: Date; expiresAt: Date };

/** The run that passed a gate last, if it did so after a moment. */
export async function findPassed(sql: Sql, { workspaceId, gate }: Gate, afterMs: number): Promise<string | undefined> {
  const { rows } = await sql.query<{ run_id: string }>(
    `select run_id from run_gate where workspace_id = $1 and gate = $2 and at > $3 order by at desc limit 1`,
    [workspaceId, gate, new Date(afterMs)],
  );
  return rows[0]?.run_id;
}

/** When the run passed that is this many back from the newest, 1 being the newest itself, leaving one out. */
export async function findPassing(
  sql: Sql,
  { workspaceId, gate }: Gate,
  back: number,
  without?: string,
): Promise<number | undefined> {
  const { rows } = await sql.query<{ at: Date }>(
    `select at from run_gate where workspace_id = $1 and gate = $2 and expires_at > clock_timestamp()
        and run_id is distinct from $4
      order by at desc offset $3 limit 1`,
    [workspaceId, gate, back - 1, without ?? null],
  );
  return rows[0]?.at.getTime();
}

export async function forgetPassing(sql: Sql, { workspaceId, gate }: Gate, runId: string): Promise<void> {
  await sql.query('delete from run_gate where workspace_id = $1 and gate = $2 and run_id = $3', [
    workspaceId,
    gate,
    runId,
  ]);
}

/** Writes down what a run passed, and forgets some of what is of no use any more: more than it adds. */
export async function insertPassings(sql: Sql, workspaceId: string, passings: readonly Passing[]): Promise<void> {
  await sql.query(
    `with old as (
       delete from run_gate g using (
         select workspace_id, gate, run_id from run_gate
          where workspace_id = $1 and expires_at < now() order by expires_at limit 20 for update skip locked
       ) e where g.workspace_id = e.workspace_id and g.gate = e.gate and g.run_id = e.run_id
     )
     insert into run_gate (workspace_id, gate, run_id, at, expires_at)
     select $1, p.gate, p.run_id, p.at, p.expires_at
       from unnest($2::text[], $3::uuid[], $4::timestamptz[], $5::timestamptz[]) as p(gate, run_id, at, expires_at)`,
    [
      workspaceId,
      passings.map(({ gate }) => gate),
      passings.map(({ runId }) => runId),
      passings.map(({ at }) => at),
      passings.map(({ expiresAt }) => expiresAt),
    ],
  );
}
