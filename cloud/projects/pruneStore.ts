import type { Sql } from '../platform/database.ts';

type Place = { workspaceId: string; projectId: string };

/** A project whose commits up to a revision may go; that revision has a whole tree, from which the later ones are rebuilt. */
export type Prunable = Place & { upTo: number };

export async function findPrunable(
  sql: Sql,
  workspaceId: string,
  { keepDays, newestKept }: { keepDays: number; newestKept: number },
): Promise<Prunable[]> {
  const { rows } = await sql.query<{ project_id: string; up_to: number }>(
    `select h.project_id, s.revision as up_to
       from project_head h
       join project p on p.workspace_id = h.workspace_id and p.id = h.project_id and p.deleted_at is null
      cross join lateral (
        select min(revision) as first from "commit" c
         where c.workspace_id = h.workspace_id and c.project_id = h.project_id
           and c.created_at > now() - $2::int * interval '1 day') young
      cross join lateral (
        select max(t.revision) as revision from tree_snapshot t
         where t.workspace_id = h.workspace_id and t.project_id = h.project_id
           and t.revision <= least(h.revision - $3::int, h.tree_revision, coalesce(young.first, h.revision + 1) - 1)) s
      where h.workspace_id = $1
        and exists (select from "commit" c where c.workspace_id = h.workspace_id and c.project_id = h.project_id
                       and c.revision <= s.revision
                       and c.revision not in (select kept_revisions(h.workspace_id, h.project_id)))`,
    [workspaceId, keepDays, newestKept],
  );
  return rows.map((row) => ({ workspaceId, projectId: row.project_id, upTo: row.up_to }));
}

/** Revisions before one that stay, and have no whole tree yet. */
export async function listKeptWithoutTree(sql: Sql, place: Place, before: number): Promise<number[]> {
  const { rows } = await sql.query<{ revision: number }>(
    `select c.revision from "commit" c
      where c.workspace_id = $1 and c.project_id = $2 and c.revision < $3
        and c.revision in (select kept_revisions($1, $2))
        and not exists (select from tree_snapshot t
                         where t.workspace_id = c.workspace_id and t.project_id = c.project_id and t.revision = c.revision)
      order by c.revision`,
    [place.workspaceId, place.projectId, before],
  );
  return rows.map((row) => row.revision);
}

/** @returns how many went */
export async function pruneCommits(
  sql: Sql,
  { workspaceId, projectId }: Place,
  { upTo, keepDays }: { upTo: number; keepDays: number },
): Promise<number> {
  const { rows } = await sql.query<{ gone: string }>('select prune_commits($1, $2, $3, $4) as gone', [
    workspaceId,
    projectId,
    upTo,
    keepDays,
  ]);
  return Number(rows[0]?.gone ?? 0);
}
