import type { ConflictEntry } from '#shared/contract/cloud/conflicts.ts';
import type { Hash } from '#shared/ids.ts';
import { type ConflictChoice, type ConflictRecord, needsPerson } from '#shared/merge/conflict.ts';
import type { Sql } from '../platform/database.ts';

type Place = { workspaceId: string; projectId: string };

/** A conflict with what the merge left at its place. */
export type StoredConflict = { entry: ConflictEntry; placeHash: Hash };

type Row = {
  id: string;
  commit_id: string;
  path: string[];
  kind: ConflictEntry['kind'];
  answers: Pick<ConflictRecord, 'base' | 'theirs' | 'ours'>;
  chosen: ConflictEntry['chosen'];
  renamed_to: string | null;
  who: ConflictEntry['who'];
  place_hash: string;
  status: ConflictEntry['status'];
  resolution: ConflictChoice | null;
  created_by: string;
  created_at: Date;
  resolved_by: string | null;
  resolved_at: Date | null;
};

const CONFLICT = `select c.id, c.commit_id, c.path, c.kind, c.answers, c.chosen, c.renamed_to, c.who, c.place_hash, c.status,
    c.resolution, u.name as created_by, c.created_at, r.name as resolved_by, c.resolved_at
  from conflict c join user_account u on u.id = c.created_by_id left join user_account r on r.id = c.resolved_by_id`;

function toStored(row: Row): StoredConflict {
  const entry: ConflictEntry = {
    id: row.id,
    commitId: row.commit_id,
    path: row.path,
    kind: row.kind,
    ...row.answers,
    chosen: row.chosen,
    who: row.who,
    status: row.status,
    createdAt: row.created_at.toISOString(),
    createdBy: row.created_by,
  };
  if (row.renamed_to !== null) entry.renamedTo = row.renamed_to;
  if (row.resolution !== null) entry.resolution = row.resolution;
  if (row.resolved_at !== null) entry.resolvedAt = row.resolved_at.toISOString();
  if (row.resolved_by !== null) entry.resolvedBy = row.resolved_by;
  return { entry, placeHash: row.place_hash };
}

/** Keeps records; one that is there already is left as it is. Those that need nobody are only told of, so they are never open. */
export async function insertConflicts(
  sql: Sql,
  place: Place & { userId: string },
  records: { record: ConflictRecord; placeHash: Hash }[],
): Promise<void> {
  for (const { record, placeHash } of records) {
    const { base, theirs, ours } = record;
    await sql.query(
      `insert into conflict (workspace_id, project_id, id, commit_id, path, kind, answers, chosen, renamed_to, who,
                             place_hash, status, created_by_id)
       values ($1, $2, $3, $4, $5::jsonb, $6, $7::json, $8, $9, $10::json, $11, $12, $13)
       on conflict do nothing`,
      [
        place.workspaceId,
        place.projectId,
        record.id,
        record.commitId,
        JSON.stringify(record.path),
        record.kind,
        JSON.stringify({ base, theirs, ours }),
        record.chosen,
        record.renamedTo,
        JSON.stringify(record.who),
        placeHash,
        needsPerson(record.kind) ? 'open' : 'resolved',
        place.userId,
      ],
    );
  }
}

/** Newest first. One more than `limit` where there is a next page. */
export async function listConflicts(
  sql: Sql,
  place: Place,
  page: { status: ConflictEntry['status'] | 'all'; limit: number; before?: { at: string; id: string } },
): Promise<StoredConflict[]> {
  const { rows } = await sql.query<Row>(
    `${CONFLICT} where c.workspace_id = $1 and c.project_id = $2 and ($3 = 'all' or c.status = $3)
        and ($4::timestamptz is null or (c.created_at, c.id) < ($4::timestamptz, $5::uuid))
      order by c.created_at desc, c.id desc limit $6`,
    [place.workspaceId, place.projectId, page.status, page.before?.at ?? null, page.before?.id ?? null, page.limit + 1],
  );
  return rows.map(toStored);
}

export async function findConflict(sql: Sql, place: Place, id: string): Promise<StoredConflict | undefined> {
  const { rows } = await sql.query<Row>(`${CONFLICT} where c.workspace_id = $1 and c.project_id = $2 and c.id = $3`, [
    place.workspaceId,
    place.projectId,
    id,
  ]);
  return rows[0] && toStored(rows[0]);
}

/** In the order in which they came about. */
export async function listOpenConflicts(sql: Sql, place: Place): Promise<StoredConflict[]> {
  const { rows } = await sql.query<Row>(
    `${CONFLICT} where c.workspace_id = $1 and c.project_id = $2 and c.status = 'open' order by c.created_at, c.id`,
    [place.workspaceId, place.projectId],
  );
  return rows.map(toStored);
}

export async function countOpenConflicts(sql: Sql, place: Place): Promise<number> {
  const { rows } = await sql.query<{ open: number }>(
    `select count(*)::int as open from conflict where workspace_id = $1 and project_id = $2 and status = 'open'`,
    [place.workspaceId, place.projectId],
  );
  return rows[0]?.open ?? 0;
}

/** The project's head must be locked. */
export async function markResolved(
  sql: Sql,
  place: Place & { userId: string },
  ids: string[],
  outcome: { resolution: ConflictChoice; revision: number },
): Promise<void> {
  await sql.query(
    `update conflict set status = 'resolved', resolution = $4, resolved_by_id = $5, resolved_at = now(), resolved_revision = $6
      where workspace_id = $1 and project_id = $2 and id = any ($3::uuid[]) and status = 'open'`,
    [place.workspaceId, place.projectId, ids, outcome.resolution, place.userId, outcome.revision],
  );
}
