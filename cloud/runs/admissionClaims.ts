import type { Sql } from './ports.ts';

/** What a claim says of what its workflow demands. Keys are hashes. */
export type Hold = {
  /** Of runs that could begin the one with the greatest does. */
  rank: number;
  /** Claims with the same key share `groupLimit` places. */
  groupKey?: string;
  groupLimit?: number;
  singletonKey?: string;
  debounceKey?: string;
  heldBy?: 'throttle' | 'debounce' | 'singleton';
  /** When the first of those came that were put together. */
  heldSince?: Date;
  startsAt?: Date;
  afterRunId?: string;
};

/**
 * Runs of a singleton that have not ended, oldest first. What the new one is put together with does not count.
 *
 * @param lock so that they can be ended one after the other while others report of them
 */
export async function findOpenSingles(
  sql: Sql,
  { workspaceId, singletonKey, debounceKey }: { workspaceId: string } & Hold,
  lock: boolean,
): Promise<string[]> {
  const { rows } = await sql.query<{ run_id: string }>(
    `select run_id from run_claim
      where workspace_id = $1 and singleton_key = $2 and status <> 'done'
        and not (status = 'waiting' and held_by is not distinct from 'debounce' and debounce_key is not distinct from $3)
      order by run_id ${lock ? 'for update' : ''}`,
    [workspaceId, singletonKey, debounceKey ?? null],
  );
  return rows.map((row) => row.run_id);
}

/** The run that is held back for more to come. */
export async function findDebounced(
  sql: Sql,
  { workspaceId, debounceKey }: { workspaceId: string; debounceKey: string },
  nowMs: number,
): Promise<{ runId: string; sinceMs: number } | undefined> {
  const { rows } = await sql.query<{ run_id: string; held_since: Date }>(
    `select run_id, held_since from run_claim
      where workspace_id = $1 and debounce_key = $2 and held_by = 'debounce' and status = 'waiting' and due_at > $3
      order by run_id desc limit 1`,
    [workspaceId, debounceKey, new Date(nowMs)],
  );
  return rows[0] && { runId: rows[0].run_id, sinceMs: rows[0].held_since.getTime() };
}

/** How many runs of a workspace are held back, counted up to a number. */
export async function countHeld(sql: Sql, workspaceId: string, upTo: number): Promise<number> {
  const { rows } = await sql.query<{ n: number }>(
    `select count(*)::int as n from (
       select 1 from run_claim where workspace_id = $1 and held_by is not null and status = 'waiting' limit $2) held`,
    [workspaceId, upTo],
  );
  return rows[0]?.n ?? 0;
}
