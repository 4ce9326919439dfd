import type { Change } from '#shared/contract/cloud/history.ts';
import type { Commit, Op } from '#shared/merge/ops.ts';
import type { PlanSlug } from '#shared/plan.ts';
import type { Sql } from '../platform/database.ts';

type Place = { workspaceId: string; projectId: string };

export type CommitAnswer = { revision: number; hash: string; rebased: boolean };

/** What decides whether a commit may be taken, besides the head. */
export type Premises = {
  /** What the commit was answered with when it came first. */
  known: CommitAnswer | undefined;
  /** Who keeps everybody from changing the project. */
  lockedBy: string | undefined;
  plan: PlanSlug;
  /** Of the workspace's other projects. */
  bytesElsewhere: number;
};

/** Read after the head is locked, in a statement of its own: one that waits for a lock sees what was there before. */
export async function readPremises(sql: Sql, place: Place, commitId: string): Promise<Premises | undefined> {
  const { rows } = await sql.query<{
    revision: number | null;
    hash: string;
    rebased: boolean;
    locked: boolean;
    locked_by: string | null;
    plan: PlanSlug;
    elsewhere: string;
  }>(
    `select c.revision, c.hash, c.rebased, p.locked_at is not null as locked, l.name as locked_by, w.plan,
            (select coalesce(sum(h.bytes), 0) from project_head h
               join project o on o.workspace_id = h.workspace_id and o.id = h.project_id and o.deleted_at is null
              where h.workspace_id = $1 and h.project_id <> $2) as elsewhere
       from project p join workspace w on w.id = p.workspace_id
       left join user_account l on l.id = p.locked_by_id
       left join "commit" c on c.workspace_id = p.workspace_id and c.project_id = p.id and c.commit_id = $3
      where p.workspace_id = $1 and p.id = $2 and p.deleted_at is null`,
    [place.workspaceId, place.projectId, commitId],
  );
  const row = rows[0];
  if (!row) return undefined;
  const { revision, hash, rebased } = row;
  return {
    known: revision === null ? undefined : { revision, hash, rebased },
    lockedBy: row.locked ? (row.locked_by ?? '') : undefined,
    plan: row.plan,
    bytesElsewhere: Number(row.elsewhere),
  };
}

/** Appends a commit and moves the head to it. The head must be locked. Without `treeText` the stored tree stays where it is. */
export async function appendCommit(
  sql: Sql,
  at: Place & { authorId: string },
  commit: Commit,
  next: CommitAnswer & {
    opsText: string;
    treeText: string | undefined;
    treeRevision: number;
    bytes: number;
    changes: Change[];
    changeCount: number;
  },
): Promise<void> {
  await sql.query(
    `with added as (
       insert into "commit" (workspace_id, project_id, revision, commit_id, base_revision, author_id, device_id, origin,
                             ops, must_exist, format, hash, result_hash, rebased, message, changes, change_count)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9::json, $10::jsonb, $11, $12, $13, $14, $15, $16::json, $17))
     update project_head set revision = $3, hash = $12, tree = coalesce($18::json, tree), bytes = $19,
            tree_revision = $20, updated_at = now()
      where workspace_id = $1 and project_id = $2`,
    [
      at.workspaceId,
      at.projectId,
      next.revision,
      commit.commitId,
      commit.baseRevision,
      at.authorId,
      commit.deviceId,
      commit.origin,
      next.opsText,
      JSON.stringify(commit.mustExist),
      commit.format,
      next.hash,
      commit.resultHash,
      next.rebased,
      commit.message,
      JSON.stringify(next.changes),
      next.changeCount,
      next.treeText,
      next.bytes,
      next.treeRevision,
    ],
  );
}

export async function renameProject(sql: Sql, place: Place, name: string, slug: string): Promise<void> {
  await sql.query(
    'update project set name = $3, slug = $4, updated_at = now() where workspace_id = $1 and id = $2 and name <> $3',
    [place.workspaceId, place.projectId, name, slug],
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

/** As the database keeps them, which is compressed. */
const LISTED_BYTES = 8 * 1024 * 1024;

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

/** Commits after a revision, in order: at most `limit`, and so many that they fit into memory well, but always one. */
export async function listCommits(
  sql: Sql,
  workspaceId: string,
  projectId: string,
  { since, limit, maxBytes = LISTED_BYTES }: { since: number; limit: number; maxBytes?: number },
): Promise<StoredCommit[]> {
  const { rows } = await sql.query<CommitRow>(
    `${COMMIT} join (
         select revision, sum(pg_column_size(ops)) over (order by revision) as total from "commit"
          where workspace_id = $1 and project_id = $2 and revision > $3 order by revision limit $4) s
       on s.revision = c.revision and (s.total <= $5 or c.revision = $3 + 1)
      where c.workspace_id = $1 and c.project_id = $2 order by c.revision`,
    [workspaceId, projectId, since, limit, maxBytes],
  );
  return rows.map(toStored);
}

/** One commit with the hash it led to; undefined where there is none, or its ops are larger than `maxBytes`. */
export async function findCommit(
  sql: Sql,
  place: Place,
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

/** The ops of the commits after one revision up to another, in order. */
export async function listOps(
  sql: Sql,
  place: Place,
  range: { after: number; upTo: number },
): Promise<{ revision: number; hash: string; ops: Op[] }[]> {
  const { rows } = await sql.query<{ revision: number; hash: string; ops: Op[] }>(
    `select revision, hash, ops from "commit"
      where workspace_id = $1 and project_id = $2 and revision > $3 and revision <= $4 order by revision`,
    [place.workspaceId, place.projectId, range.after, range.upTo],
  );
  return rows;
}
