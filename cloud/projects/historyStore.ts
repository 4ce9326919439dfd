import type { HistoryEntry } from '#shared/contract/cloud/history.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { Sql } from '../platform/database.ts';

type Place = { workspaceId: string; projectId: string };

type Row = {
  revision: number;
  hash: string;
  author: string;
  created_at: Date;
  origin: HistoryEntry['origin'];
  message: string | null;
  name: string | null;
  changes: HistoryEntry['changes'];
  change_count: number;
};

const ENTRY = `select c.revision, c.hash, u.name as author, c.created_at, c.origin, c.message, n.name, c.changes, c.change_count
  from "commit" c join user_account u on u.id = c.author_id
  left join revision_name n on n.workspace_id = c.workspace_id and n.project_id = c.project_id and n.revision = c.revision`;

function toEntry(row: Row): HistoryEntry {
  return {
    revision: row.revision,
    hash: row.hash,
    authorName: row.author,
    createdAt: row.created_at.toISOString(),
    origin: row.origin,
    ...(row.message === null ? {} : { message: row.message }),
    ...(row.name === null ? {} : { name: row.name }),
    changes: row.changes,
    changeCount: row.change_count,
  };
}

/** Newest first. One more than `limit` where there is a next page. */
export async function listHistory(
  sql: Sql,
  place: Place,
  page: { limit: number; before?: number },
): Promise<HistoryEntry[]> {
  const { rows } = await sql.query<Row>(
    `${ENTRY} where c.workspace_id = $1 and c.project_id = $2 and ($3::int is null or c.revision < $3)
      order by c.revision desc limit $4`,
    [place.workspaceId, place.projectId, page.before ?? null, page.limit + 1],
  );
  return rows.map(toEntry);
}

export async function findRevision(sql: Sql, place: Place, revision: number): Promise<HistoryEntry | undefined> {
  const { rows } = await sql.query<Row>(
    `${ENTRY} where c.workspace_id = $1 and c.project_id = $2 and c.revision = $3`,
    [place.workspaceId, place.projectId, revision],
  );
  return rows[0] && toEntry(rows[0]);
}

export type Snapshot = { revision: number; hash: string; tree: Tree };

/** The last one at or before a revision. */
export async function findSnapshot(sql: Sql, place: Place, revision: number): Promise<Snapshot | undefined> {
  const { rows } = await sql.query<Snapshot>(
    `select revision, hash, tree from tree_snapshot
      where workspace_id = $1 and project_id = $2 and revision <= $3 order by revision desc limit 1`,
    [place.workspaceId, place.projectId, revision],
  );
  return rows[0];
}

export async function putRevisionName(
  sql: Sql,
  place: Place & { userId: string },
  revision: number,
  name: string | null,
): Promise<void> {
  const at = [place.workspaceId, place.projectId, revision];
  if (name === null) {
    await sql.query('delete from revision_name where workspace_id = $1 and project_id = $2 and revision = $3', at);
    return;
  }
  await sql.query(
    `insert into revision_name (workspace_id, project_id, revision, name, named_by_id) values ($1, $2, $3, $4, $5)
     on conflict (workspace_id, project_id, revision)
       do update set name = excluded.name, named_by_id = excluded.named_by_id, named_at = now()`,
    [...at, name, place.userId],
  );
}
