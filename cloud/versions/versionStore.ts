import type { Version } from '#shared/contract/cloud/common.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { Sql } from '../platform/database.ts';

type VersionRow = {
  id: string;
  project_id: string;
  number: number;
  revision: number;
  content_hash: string;
  exec_hash: string;
  runtime_hash: string;
  note: string;
  created_by_id: string;
  created_by_name: string;
  created_at: Date;
};

const VERSION = `select v.id, v.project_id, v.number, v.revision, v.content_hash, v.exec_hash, v.runtime_hash, v.note, v.created_by_id,
    u.name as created_by_name, v.created_at
  from version v join user_account u on u.id = v.created_by_id`;

function toVersion(row: VersionRow): Version {
  return {
    id: row.id,
    projectId: row.project_id,
    number: row.number,
    revision: row.revision,
    contentHash: row.content_hash,
    execHash: row.exec_hash,
    runtimeHash: row.runtime_hash,
    note: row.note,
    createdById: row.created_by_id,
    createdByName: row.created_by_name,
    createdAt: row.created_at.toISOString(),
  };
}

type Place = { workspaceId: string; projectId: string };

export async function findVersion(sql: Sql, place: Place, versionId: string): Promise<Version | undefined> {
  const { rows } = await sql.query<VersionRow>(
    `${VERSION} where v.workspace_id = $1 and v.project_id = $2 and v.id = $3`,
    [place.workspaceId, place.projectId, versionId],
  );
  return rows[0] && toVersion(rows[0]);
}

/** The newest version with this content. */
export async function findVersionByContent(sql: Sql, place: Place, contentHash: string): Promise<Version | undefined> {
  const { rows } = await sql.query<VersionRow>(
    `${VERSION} where v.workspace_id = $1 and v.project_id = $2 and v.content_hash = $3 order by v.number desc limit 1`,
    [place.workspaceId, place.projectId, contentHash],
  );
  return rows[0] && toVersion(rows[0]);
}

/** Newest first. One more than `limit` where there is a next page. */
export async function listVersions(
  sql: Sql,
  place: Place,
  page: { limit: number; before?: string },
): Promise<Version[]> {
  const { rows } = await sql.query<VersionRow>(
    `${VERSION} where v.workspace_id = $1 and v.project_id = $2 and ($3::uuid is null or v.id < $3)
      order by v.id desc limit $4`,
    [place.workspaceId, place.projectId, page.before ?? null, page.limit + 1],
  );
  return rows.map(toVersion);
}

/** Takes the next number. The project's head must be locked. */
export async function insertVersion(
  sql: Sql,
  place: Place,
  version: {
    id: string;
    revision: number;
    tree: Tree;
    contentHash: string;
    execHash: string;
    runtimeHash: string;
    note: string;
    createdById: string;
  },
): Promise<void> {
  await sql.query(
    `insert into version (workspace_id, id, project_id, number, revision, tree, content_hash, exec_hash, runtime_hash, note, created_by_id)
     select $1, $3, $2, coalesce(max(number), 0) + 1, $4, $5::json, $6, $7, $8, $9, $10
       from version where workspace_id = $1 and project_id = $2`,
    [
      place.workspaceId,
      place.projectId,
      version.id,
      version.revision,
      JSON.stringify(version.tree),
      version.contentHash,
      version.execHash,
      version.runtimeHash,
      version.note,
      version.createdById,
    ],
  );
}

export type FrozenTree = { tree: Tree; contentHash: string; projectId: string };

export async function readVersionTree(
  sql: Sql,
  workspaceId: string,
  versionId: string,
): Promise<FrozenTree | undefined> {
  const { rows } = await sql.query<{ tree: Tree; content_hash: string; project_id: string }>(
    'select tree, content_hash, project_id from version where workspace_id = $1 and id = $2',
    [workspaceId, versionId],
  );
  const row = rows[0];
  return row && { tree: row.tree, contentHash: row.content_hash, projectId: row.project_id };
}
