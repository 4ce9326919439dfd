import type { Project } from '#shared/contract/cloud/common.ts';
import type { Change } from '#shared/contract/cloud/history.ts';
import type { Commit } from '#shared/merge/ops.ts';
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
    `insert into project (workspace_id, id, name, slug, created_by_id, updated_at) values ($1, $2, $3, $4, $5, now())`,
    [project.workspaceId, project.id, project.name, project.slug, project.createdById],
  );
  const treeText = JSON.stringify(project.tree);
  await sql.query(
    `insert into project_head (workspace_id, project_id, revision, hash, tree, updated_at) values ($1, $2, 0, $3, $4::json, now())`,
    [project.workspaceId, project.id, project.hash, treeText],
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

/** `lockedBy`: who keeps everybody from changing the project. */
export type HeadMark = { revision: number; hash: string; name: string; lockedBy: string | null };

/** Where the head stands, without its tree. `lock`: nobody else moves it before this transaction ends. */
export async function findHeadMark(
  sql: Sql,
  workspaceId: string,
  projectId: string,
  lock = false,
): Promise<HeadMark | undefined> {
  const { rows } = await sql.query<HeadMark>(
    `select h.revision, h.hash, p.name,
            case when p.locked_at is not null then coalesce(l.name, '') end as "lockedBy"
       from project_head h
       join project p on p.workspace_id = h.workspace_id and p.id = h.project_id and p.deleted_at is null
       left join user_account l on l.id = p.locked_by_id
      where h.workspace_id = $1 and h.project_id = $2 ${lock ? 'for update of h' : ''}`,
    [workspaceId, projectId],
  );
  return rows[0];
}

/** Where the head stands, with its tree: one read, so that they belong together. */
export async function readHeadTree(
  sql: Sql,
  workspaceId: string,
  projectId: string,
): Promise<{ revision: number; hash: string; tree: Tree } | undefined> {
  const { rows } = await sql.query<{ revision: number; hash: string; tree: Tree }>(
    'select revision, hash, tree from project_head where workspace_id = $1 and project_id = $2',
    [workspaceId, projectId],
  );
  return rows[0];
}

export type CommitAnswer = { revision: number; hash: string; rebased: boolean };

/** What a commit was answered with when it came first. */
export async function findCommitAnswer(
  sql: Sql,
  workspaceId: string,
  projectId: string,
  commitId: string,
): Promise<CommitAnswer | undefined> {
  const { rows } = await sql.query<CommitAnswer>(
    'select revision, hash, rebased from "commit" where workspace_id = $1 and project_id = $2 and commit_id = $3',
    [workspaceId, projectId, commitId],
  );
  return rows[0];
}

/** Appends a commit and moves the head to it. The head must be locked. */
export async function appendCommit(
  sql: Sql,
  at: { workspaceId: string; projectId: string; authorId: string },
  commit: Commit,
  next: CommitAnswer & { treeText: string; name: string; slug: string; changes: Change[]; changeCount: number },
): Promise<void> {
  await sql.query(
    `insert into "commit" (workspace_id, project_id, revision, commit_id, base_revision, author_id, device_id, origin,
                           ops, must_exist, format, hash, result_hash, rebased, message, changes, change_count)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9::json, $10::jsonb, $11, $12, $13, $14, $15, $16::json, $17)`,
    [
      at.workspaceId,
      at.projectId,
      next.revision,
      commit.commitId,
      commit.baseRevision,
      at.authorId,
      commit.deviceId,
      commit.origin,
      JSON.stringify(commit.ops),
      JSON.stringify(commit.mustExist),
      commit.format,
      next.hash,
      commit.resultHash,
      next.rebased,
      commit.message,
      JSON.stringify(next.changes),
      next.changeCount,
    ],
  );
  await sql.query(
    `update project_head set revision = $3, hash = $4, tree = $5::json, updated_at = now()
      where workspace_id = $1 and project_id = $2`,
    [at.workspaceId, at.projectId, next.revision, next.hash, next.treeText],
  );
  await sql.query(
    `update project set name = $3, slug = $4, updated_at = now() where workspace_id = $1 and id = $2 and name <> $3`,
    [at.workspaceId, at.projectId, next.name, next.slug],
  );
}

export type StoredCommit = { revision: number; authorName: string; createdAt: string; commit: Commit };

/** Commits after a revision, in order. `upTo`: none after that one. */
export async function listCommits(
  sql: Sql,
  workspaceId: string,
  projectId: string,
  { since, upTo, limit }: { since: number; upTo?: number; limit: number },
): Promise<StoredCommit[]> {
  const { rows } = await sql.query<{
    revision: number;
    author: string;
    created_at: Date;
    commit_id: string;
    device_id: string;
    format: number;
    base_revision: number;
    origin: Commit['origin'];
    message: string | null;
    ops: Commit['ops'];
    result_hash: string;
    must_exist: string[][];
  }>(
    `select c.revision, u.name as author, c.created_at, c.commit_id, c.device_id, c.format, c.base_revision, c.origin,
            c.message, c.ops, c.result_hash, c.must_exist
       from "commit" c join user_account u on u.id = c.author_id
      where c.workspace_id = $1 and c.project_id = $2 and c.revision > $3 and ($5::int is null or c.revision <= $5)
      order by c.revision limit $4`,
    [workspaceId, projectId, since, limit, upTo ?? null],
  );
  return rows.map((row) => ({
    revision: row.revision,
    authorName: row.author,
    createdAt: row.created_at.toISOString(),
    commit: {
      commitId: row.commit_id,
      deviceId: row.device_id,
      format: row.format,
      baseRevision: row.base_revision,
      origin: row.origin,
      message: row.message,
      ops: row.ops,
      mustExist: row.must_exist,
      resultHash: row.result_hash,
    },
  }));
}
