import type { Project } from '#shared/contract/cloud/common.ts';
import type { Commit } from '#shared/merge/ops.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { Sql } from '../platform/database.ts';

type ProjectRow = { id: string; name: string; slug: string; revision: number; created_at: Date; updated_at: Date };

const PROJECT = `select p.id, p.name, p.slug, h.revision, p.created_at, greatest(p.updated_at, h.updated_at) as updated_at
  from project p join project_head h on h.workspace_id = p.workspace_id and h.project_id = p.id`;

function toProject(row: ProjectRow): Project {
  return {
    id: row.id,
    name: row.name,
    slug: row.slug,
    revision: row.revision,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
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
  await sql.query(
    `insert into project_head (workspace_id, project_id, revision, hash, tree, updated_at) values ($1, $2, 0, $3, $4::json, now())`,
    [project.workspaceId, project.id, project.hash, JSON.stringify(project.tree)],
  );
}

export type HeadMark = { revision: number; hash: string; name: string };

/** Where the head stands, without its tree. `lock`: nobody else moves it before this transaction ends. */
export async function findHeadMark(
  sql: Sql,
  workspaceId: string,
  projectId: string,
  lock = false,
): Promise<HeadMark | undefined> {
  const { rows } = await sql.query<HeadMark>(
    `select h.revision, h.hash, p.name from project_head h
       join project p on p.workspace_id = h.workspace_id and p.id = h.project_id and p.deleted_at is null
      where h.workspace_id = $1 and h.project_id = $2 ${lock ? 'for update of h' : ''}`,
    [workspaceId, projectId],
  );
  return rows[0];
}

export async function readHeadTree(sql: Sql, workspaceId: string, projectId: string): Promise<Tree> {
  const { rows } = await sql.query<{ tree: Tree }>(
    'select tree from project_head where workspace_id = $1 and project_id = $2',
    [workspaceId, projectId],
  );
  return rows[0]?.tree as Tree;
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
  next: CommitAnswer & { treeText: string; name: string; slug: string },
): Promise<void> {
  await sql.query(
    `insert into "commit" (workspace_id, project_id, revision, commit_id, base_revision, author_id, device_id, origin,
                           ops, must_exist, format, hash, result_hash, rebased, message)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9::json, $10::jsonb, $11, $12, $13, $14, $15)`,
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

/** Commits after a revision, in order. */
export async function listCommits(
  sql: Sql,
  workspaceId: string,
  projectId: string,
  since: number,
  limit: number,
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
      where c.workspace_id = $1 and c.project_id = $2 and c.revision > $3 order by c.revision limit $4`,
    [workspaceId, projectId, since, limit],
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
