import type { PlanSlug } from '#shared/plan.ts';
import type { Sql } from '../platform/database.ts';

/** What may be looked for. Everything that is set has to fit. */
export type AuditFilter = {
  actorId?: string;
  /** One action, or with a `.` at its end all of a kind: `member.` */
  action?: string;
  resource?: string;
  resourceId?: string;
  outcome?: 'ok' | 'denied' | 'failed';
  since?: Date;
  until?: Date;
};

export type AuditRow = {
  id: string;
  seq: number;
  action: string;
  resource: string;
  resource_id: string | null;
  actor_id: string | null;
  actor_name: string | null;
  ip: string | null;
  user_agent: string | null;
  request_id: string | null;
  outcome: 'ok' | 'denied' | 'failed';
  metadata: Record<string, never>;
  about: { userId?: string; email?: string; name?: string } | null;
  at: Date;
};

/** The newest entries first, one more than `limit` if there are more. @param before the id that the page goes on after */
export async function listEntries(
  sql: Sql,
  workspaceId: string,
  { limit, before, ...filter }: AuditFilter & { limit: number; before?: string },
): Promise<AuditRow[]> {
  const { rows } = await sql.query<AuditRow>(
    `select id, seq, action, resource, resource_id, actor_id, actor_name, ip, user_agent, request_id, outcome, metadata,
            about, at
       from audit_entry
      where workspace_id = $1
        and ($2::uuid is null or id < $2) and ($3::timestamptz is null or at >= $3) and ($4::timestamptz is null or at < $4)
        and ($5::uuid is null or actor_id = $5)
        and ($6::text is null or action = $6 or (right($6, 1) = '.' and starts_with(action, $6)))
        and ($7::text is null or resource = $7) and ($8::text is null or resource_id = $8)
        and ($9::audit_outcome is null or outcome = $9)
      order by id desc limit $10`,
    [
      workspaceId,
      before ?? null,
      filter.since ?? null,
      filter.until ?? null,
      filter.actorId ?? null,
      filter.action ?? null,
      filter.resource ?? null,
      filter.resourceId ?? null,
      filter.outcome ?? null,
      limit + 1,
    ],
  );
  return rows;
}

/** How many days of the log are shown and kept is the plan's to say. */
export async function planOf(sql: Sql, workspaceId: string): Promise<PlanSlug> {
  const { rows } = await sql.query<{ plan: PlanSlug }>('select plan from workspace where id = $1', [workspaceId]);
  return rows[0]?.plan ?? 'free';
}
