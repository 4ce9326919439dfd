import type { Project } from '#shared/contract/cloud/common.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { Sql } from '../platform/database.ts';

type ProjectRow = {
  id: string;
  name: string;
  slug: string;
  revision: number;
  created_at: Date;
  updated_at: Date;
  locked_at: Date | null;
  locked_by: string | null;
};

const PROJECT = `select p.id, p.name, p.slug, h.revision, p.created_at, greatest(p.updated_at, h.updated_at) as updated_at,
    p.locked_at, l.name as locked_by
  from project p join project_head h on h.workspace_id = p.workspace_id and h.project_id = p.id
  left join user_account l on l.id = p.locked_by_id`;

function toProject(row: ProjectRow): Project {
  return {
    id: row.id,
    name: row.name,
    slug: row.slug,
    revision: row.revision,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
    ...(row.locked_at === null ? {} : { locked: { at: row.locked_at.toISOString(), byName: row.locked_by ?? '' } }),
  };
}

/** In order of id. One more than `limit` where there is a next page. */
export async function listProjects(
  sql: Sql,
  workspaceId: string,
  page: { limit: number; after?: string },
): Promise<Project[]> {
  const { rows } = await sql.query<ProjectRow>(
    `${PROJECT} where p.workspace_id = $1 and p.deleted_at is null and ($2::uuid is null or p.id > $2)
      order by p.id limit $3`,
    [workspaceId, page.after ?? null, page.limit + 1],
  );
  return rows.map(toProject);
}

export async function findProject(sql: Sql, workspaceId: string, projectId: string): Promise<Project | undefined> {
  const { rows } = await sql.query<ProjectRow>(
    `${PROJECT} where p.workspace_id = $1 and p.id = $2 and p.deleted_at is null`,
    [workspaceId, projectId],
  );
  return rows[0] && toProject(rows[0]);
}

/** Makes the project and its head at revision 0. Throws the database's error where the id is taken. */
export async function insertProject(
  sql: Sql,
  project: {
    workspaceId: string;
    id: string;
    name: string;
    slug: string;
    createdById: string;
    hash: string;
    tree: Tree;
  },
): Promise<void> {
  await sql.query(
    // From tomorrow on somebody looks whether its commits grow old.
    `with looked_after as (
       insert into upkeep_claim (workspace_id, kind, due_at) values ($1, 'history', now() + interval '1 day')
       on conflict do nothing)
     insert into project (workspace_id, id, name, slug, created_by_id, updated_at) values ($1, $2, $3, $4, $5, now())`,
    [project.workspaceId, project.id, project.name, project.slug, project.createdById],
  );
  const treeText = JSON.stringify(project.tree);
  await sql.query(
    `insert into project_head (workspace_id, project_id, revision, hash, tree, bytes, updated_at)
     values ($1, $2, 0, $3, $4::json, $5, now())`,
    [project.workspaceId, project.id, project.hash, treeText, Buffer.byteLength(treeText)],
  );
  await insertSnapshot(
    sql,
    { workspaceId: project.workspaceId, projectId: project.id },
    { revision: 0, hash: project.hash, treeText },
  );
}

export async function insertSnapshot(
  sql: Sql,
  place: { workspaceId: string; projectId: string },
  { revision, hash, treeText }: { revision: number; hash: string; treeText: string },
): Promise<void> {
  await sql.query(
    'insert into tree_snapshot (workspace_id, project_id, revision, hash, tree) values ($1, $2, $3, $4, $5::json)',
    [place.workspaceId, place.projectId, revision, hash, treeText],
  );
}

/** @param byUserId who locks it; undefined unlocks it. @returns whether it was otherwise before */
export async function setLock(
  sql: Sql,
  place: { workspaceId: string; projectId: string },
  byUserId: string | undefined,
): Promise<boolean> {
  const { rowCount } = await sql.query(
    `update project set locked_at = case when $3::uuid is null then null else now() end, locked_by_id = $3
      where workspace_id = $1 and id = $2 and (locked_at is null) = ($3::uuid is not null)`,
    [place.workspaceId, place.projectId, byUserId ?? null],
  );
  return rowCount > 0;
}

/** `treeRevision`: where the stored tree stands. */
export type HeadMark = { revision: number; hash: string; bytes: number; treeRevision: number };

const MARK = 'h.revision, h.hash, h.bytes, coalesce(h.tree_revision, h.revision) as "treeRevision"';

/** Where the head stands, without its tree. `lock`: nobody else moves it before this transaction ends. */
export async function findHeadMark(
  sql: Sql,
  workspaceId: string,
  projectId: string,
  lock = false,
): Promise<HeadMark | undefined> {
  const { rows } = await sql.query<HeadMark>(
    `select ${MARK} from project_head h
       join project p on p.workspace_id = h.workspace_id and p.id = h.project_id and p.deleted_at is null
      where h.workspace_id = $1 and h.project_id = $2 ${lock ? 'for update of h' : ''}`,
    [workspaceId, projectId],
  );
  return rows[0];
}

/** Where the head stands, with the tree that is stored: one read, so that they belong together. */
export async function readHeadTree(
  sql: Sql,
  workspaceId: string,
  projectId: string,
): Promise<(HeadMark & { tree: Tree }) | undefined> {
  const { rows } = await sql.query<HeadMark & { tree: Tree }>(
    `select ${MARK}, h.tree from project_head h where h.workspace_id = $1 and h.project_id = $2`,
    [workspaceId, projectId],
  );
  return rows[0];
}
