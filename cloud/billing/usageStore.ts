import type { Meter, PlanSlug } from '#shared/plan.ts';
import type { Sql } from '../runs/ports.ts';

export type Counter = { used: number; reserved: number };
type CounterRow = { used: string; reserved: string };

/** Sets one aside unless that would pass the limit: one statement, so that no two callers take the last one. */
export async function reserveOne(
  sql: Sql,
  { workspaceId, meter, period, limit }: { workspaceId: string; meter: Meter; period: string; limit: number | null },
): Promise<boolean> {
  if (limit !== null && limit <= 0) return false;
  const { rowCount } = await sql.query(
    `insert into usage_counter (workspace_id, meter, period, used, reserved, updated_at)
     values ($1, $2, $3, 0, 1, now())
     on conflict (workspace_id, meter, period) do update
       set reserved = usage_counter.reserved + 1, updated_at = now()
     where $4::bigint is null or usage_counter.used + usage_counter.reserved < $4::bigint`,
    [workspaceId, meter, period, limit],
  );
  return rowCount === 1;
}

/** Gives back what was set aside. */
export async function releaseOne(sql: Sql, workspaceId: string, meter: Meter, period: string): Promise<void> {
  await sql.query(
    `update usage_counter set reserved = greatest(reserved - 1, 0), updated_at = now()
      where workspace_id = $1 and meter = $2 and period = $3`,
    [workspaceId, meter, period],
  );
}

/** Writes down uses by their source. Answers the amount that was new; what was known already counts nothing. */
export async function insertUsage(
  sql: Sql,
  workspaceId: string,
  meter: Meter,
  uses: { sourceId: string; amount: number }[],
  at: Date,
): Promise<number> {
  const { rows } = await sql.query<{ total: string | null }>(
    `with added as (
       insert into usage_row (workspace_id, meter, source_id, amount, at)
       select $1, $2, source_id, amount, $5
         from unnest($3::text[], $4::bigint[]) as given (source_id, amount)
       on conflict do nothing
       returning amount
     )
     select sum(amount) as total from added`,
    [workspaceId, meter, uses.map(({ sourceId }) => sourceId), uses.map(({ amount }) => amount), at],
  );
  return Number(rows[0]?.total ?? 0);
}

/** Adds to a counter, and takes as much from what was reserved if it was. Answers the counter as it is now. */
export async function addUsed(
  sql: Sql,
  add: { workspaceId: string; meter: Meter; period: string; amount: number; wasReserved: boolean },
): Promise<Counter> {
  const { workspaceId, meter, period, amount, wasReserved } = add;
  const { rows } = await sql.query<CounterRow>(
    `insert into usage_counter (workspace_id, meter, period, used, reserved, updated_at)
     values ($1, $2, $3, $4, 0, now())
     on conflict (workspace_id, meter, period) do update
       set used = usage_counter.used + $4,
           reserved = greatest(usage_counter.reserved - $5::bigint, 0),
           updated_at = now()
     returning used, reserved`,
    [workspaceId, meter, period, amount, wasReserved ? amount : 0],
  );
  return asCounter(rows[0]);
}

export async function readCounter(sql: Sql, workspaceId: string, meter: Meter, period: string): Promise<Counter> {
  const { rows } = await sql.query<CounterRow>(
    'select used, reserved from usage_counter where workspace_id = $1 and meter = $2 and period = $3',
    [workspaceId, meter, period],
  );
  return asCounter(rows[0]);
}

/**
 * The plan that holds for the workspace now; a subscription's change sets it in its own transaction. Undefined where the
 * workspace was deleted, so that nothing begins there.
 */
export async function readPlan(sql: Sql, workspaceId: string): Promise<PlanSlug | undefined> {
  const { rows } = await sql.query<{ plan: PlanSlug }>(
    'select plan from workspace where id = $1 and deleted_at is null',
    [workspaceId],
  );
  return rows[0]?.plan;
}

function asCounter(row: CounterRow | undefined): Counter {
  return { used: Number(row?.used ?? 0), reserved: Number(row?.reserved ?? 0) };
}
