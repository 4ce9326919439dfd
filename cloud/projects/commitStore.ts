import type { Change } from '#shared/contract/cloud/history.ts';
import type { Commit } from '#shared/merge/ops.ts';
import type { Sql } from '../platform/database.ts';

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

type CommitRow = {
  revision: number;
  hash: string;
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
};

const COMMIT = `select c.revision, c.hash, u.name as author, c.created_at, c.commit_id, c.device_id, c.format,
    c.base_revision, c.origin, c.message, c.ops, c.result_hash, c.must_exist
  from "commit" c join user_account u on u.id = c.author_id`;

function toStored(row: CommitRow): StoredCommit {
  return {
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
  };
}

/** Commits after a revision, in order. */
export async function listCommits(
  sql: Sql,
  workspaceId: string,
  projectId: string,
  { since, limit }: { since: number; limit: number },
): Promise<StoredCommit[]> {
  const { rows } = await sql.query<CommitRow>(
    `${COMMIT} where c.workspace_id = $1 and c.project_id = $2 and c.revision > $3 order by c.revision limit $4`,
    [workspaceId, projectId, since, limit],
  );
  return rows.map(toStored);
}

/** One commit with the hash it led to; undefined where there is none, or its ops are larger than `maxBytes`. */
export async function findCommit(
  sql: Sql,
  place: { workspaceId: string; projectId: string },
  revision: number,
  { maxBytes }: { maxBytes: number },
): Promise<(StoredCommit & { hash: string }) | undefined> {
  const { rows } = await sql.query<CommitRow>(
    `${COMMIT} where c.workspace_id = $1 and c.project_id = $2 and c.revision = $3
        and octet_length(c.ops::text) + octet_length(c.must_exist::text) <= $4`,
    [place.workspaceId, place.projectId, revision, maxBytes],
  );
  return rows[0] && { ...toStored(rows[0]), hash: rows[0].hash };
}
