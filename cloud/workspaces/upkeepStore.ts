import type { Sql, WorkspaceScope } from '../platform/database.ts';

/**
 * `purge`: its time is over. `audit`: its log has a new end to seal. `history`: it has projects whose commits grow old.
 * `connections`: it has connections whose secret expires.
 */
export type UpkeepKind = 'purge' | 'audit' | 'history' | 'connections';
export type Upkeep = WorkspaceScope & { kind: UpkeepKind };

const LEASE_S = 900;
const AT_ONCE = 50;

/** What is due in any workspace, by the database's clock. */
export async function claimUpkeep(sql: Sql, owner: string): Promise<Upkeep[]> {
  const { rows } = await sql.query<{ workspace_id: string; kind: UpkeepKind }>(
    `update upkeep_claim c set owner = $1, lease_until = now() + $2::int * interval '1 s'
       from (select workspace_id, kind from upkeep_claim where due_at <= now() and (lease_until is null or lease_until < now())
              order by due_at limit $3 for update skip locked) due
      where c.workspace_id = due.workspace_id and c.kind = due.kind
     returning c.workspace_id, c.kind`,
    [owner, LEASE_S, AT_ONCE],
  );
  return rows.map(({ workspace_id, kind }) => ({ workspaceId: workspace_id, kind }));
}

/** Done for now; there may be more to do later. A time that somebody else set meanwhile is not put off. */
export async function planUpkeep(sql: Sql, { workspaceId, kind }: Upkeep, owner: string, inMs: number): Promise<void> {
  await sql.query(
    `update upkeep_claim set owner = null, lease_until = null,
            due_at = case when due_at > now() then due_at else now() + $4::bigint * interval '1 ms' end
      where workspace_id = $1 and kind = $2 and owner = $3`,
    [workspaceId, kind, owner, inMs],
  );
}
