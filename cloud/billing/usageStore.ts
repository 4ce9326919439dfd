import type { Meter, PlanSlug } from '#shared/plan.ts';
import type { Sql } from '../runs/ports.ts';

export type Counter = { used: number; reserved: number };
type CounterRow = { used: string; reserved: string };

/** What each plan includes in a period; null is no limit. */
export type Caps = Record<PlanSlug, (number | null)[]>;

/**
 * Sets one aside in each period unless that would pass the limit of the workspace's plan: one statement, so that no two
 * callers take the last one. The periods are always taken in the order given, so that two never wait for each other.
 *
 * @param caps of each plan, in the order of the periods
 * @returns the periods in which one was set aside. Where that is not all of them, roll back
 */
export async function reserveOne(
  sql: Sql,
  { workspaceId, meter, periods, caps }: { workspaceId: string; meter: Meter; periods: string[]; caps: Caps },
): Promise<string[]> {
  const { rows } = await sql.query<{ period: string }>(
    `with cap as (
       select p.period, p.place, ($4::jsonb -> w.plan::text ->> (p.place::int - 1))::bigint as most
         from workspace w cross join unnest($3::text[]) with ordinality as p (period, place)
        where w.id = $1 and w.deleted_at is null
     )
     insert into usage_counter (workspace_id, meter, period, used, reserved, updated_at)
     select $1, $2, period, 0, 1, now() from cap where most is null or most > 0 order by place
     on conflict (workspace_id, meter, period) do update
       set reserved = usage_counter.reserved + 1, updated_at = now()
     where coalesce(usage_counter.used + usage_counter.reserved
             < (select most from cap where cap.period = excluded.period), true)
     returning period`,
    [workspaceId, meter, periods, JSON.stringify(caps)],
  );
  return rows.map(({ period }) => period);
}

/** Gives back what was set aside. */
export async function releaseOne(sql: Sql, workspaceId: string, meter: Meter, period: string): Promise<void> {
  await sql.query(
    `update usage_counter set reserved = greatest(reserved - 1, 0), updated_at = now()
      where workspace_id = $1 and meter = $2 and period = $3`,
    [workspaceId, meter, period],
  );
}

/** Writes down uses by their source. Answers the amounts that were new, by meter; what was known already counts nothing. */
export async function insertUsage(
  sql: Sql,
  workspaceId: string,
  uses: { meter: Meter; sourceId: string; amount: number; at: Date }[],
): Promise<Map<Meter, number>> {
  const { rows } = await sql.query<{ meter: Meter; total: string }>(
    `with added as (
       insert into usage_row (workspace_id, meter, source_id, amount, at)
       select $1, meter, source_id, amount, at
         from unnest($2::text[], $3::text[], $4::bigint[], $5::timestamptz[]) as given (meter, source_id, amount, at)
       on conflict do nothing
       returning meter, amount
     )
     select meter, sum(amount) as total from added group by meter`,
    [
      workspaceId,
      uses.map(({ meter }) => meter),
      uses.map(({ sourceId }) => sourceId),
      uses.map(({ amount }) => amount),
      uses.map(({ at }) => at),
    ],
  );
  return new Map(rows.map(({ meter, total }) => [meter, Number(total)]));
}

/** What is added to a counter; `wasReserved`: as much was set aside before, and is no more. */
export type Addition = { meter: Meter; period: string; amount: number; wasReserved: boolean };

/** Adds to counters, in the order given. Answers the counters as they are now, and the workspace's plan. */
export async function addUsed(
  sql: Sql,
  workspaceId: string,
  additions: readonly Addition[],
): Promise<{ meter: Meter; period: string; used: number; plan: PlanSlug | undefined }[]> {
  const { rows } = await sql.query<{ meter: Meter; period: string; used: string; plan: PlanSlug | null }>(
    `with added as (
       select a.* from unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[]) with ordinality
                  as a (meter, period, amount, reserved, place)
     )
     insert into usage_counter (workspace_id, meter, period, used, reserved, updated_at)
     select $1, meter, period, amount, 0, now() from added order by place
     on conflict (workspace_id, meter, period) do update
       set used = usage_counter.used + excluded.used,
           reserved = greatest(usage_counter.reserved
             - (select reserved from added where added.meter = excluded.meter and added.period = excluded.period), 0),
           updated_at = now()
     returning meter, period, used, (select plan from workspace where id = $1 and deleted_at is null) as plan`,
    [
      workspaceId,
      additions.map(({ meter }) => meter),
      additions.map(({ period }) => period),
      additions.map(({ amount }) => amount),
      additions.map(({ amount, wasReserved }) => (wasReserved ? amount : 0)),
    ],
  );
  return rows.map(({ plan, used, ...row }) => ({ ...row, used: Number(used), plan: plan ?? undefined }));
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
