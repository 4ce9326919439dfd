import type { SearchHit, SearchKind } from '#shared/contract/cloud/search.ts';
import type { Sql } from '../platform/database.ts';
import { tenantKey } from '../platform/tenantKey.ts';
import type { SearchEntry } from './entries.ts';

type Place = { workspaceId: string; projectId: string };

/** Projects whose head was moved since they were read, and those that were never read. */
export async function listStale(sql: Sql, workspaceId: string, limit: number): Promise<string[]> {
  const { rows } = await sql.query<{ project_id: string }>(
    `select h.project_id from project_head h
       join project p on p.workspace_id = h.workspace_id and p.id = h.project_id and p.deleted_at is null
       left join search_mark m on m.workspace_id = h.workspace_id and m.project_id = h.project_id
      where h.workspace_id = $1 and (m.revision is null or m.revision <> h.revision or m.head_hash <> h.hash)
      order by h.updated_at limit $2`,
    [workspaceId, limit],
  );
  return rows.map((row) => row.project_id);
}

/** One reader at a time for each project; whoever does not get the turn has nothing to do. */
export async function takeTurn(sql: Sql, { workspaceId, projectId }: Place, wait: boolean): Promise<boolean> {
  const key = tenantKey(workspaceId, 'search', projectId);
  if (wait) {
    await sql.query(`select pg_advisory_xact_lock(hashtextextended($1, 0))`, [key]);
    return true;
  }
  const { rows } = await sql.query<{ got: boolean }>(
    `select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as got`,
    [key],
  );
  return rows[0]?.got === true;
}

export async function findMark(sql: Sql, { workspaceId, projectId }: Place): Promise<string | undefined> {
  const { rows } = await sql.query<{ mark: string }>(
    `select revision || ':' || head_hash as mark from search_mark where workspace_id = $1 and project_id = $2`,
    [workspaceId, projectId],
  );
  return rows[0]?.mark;
}

export async function writeMark(sql: Sql, place: Place, head: { revision: number; hash: string }): Promise<void> {
  await sql.query(
    `insert into search_mark (workspace_id, project_id, revision, head_hash) values ($1, $2, $3, $4)
     on conflict (workspace_id, project_id) do update set revision = $3, head_hash = $4`,
    [place.workspaceId, place.projectId, head.revision, head.hash],
  );
}

/** Makes what is kept of a project these entries, and writes only what differs. @returns how many rows changed */
export async function replaceEntries(sql: Sql, place: Place, entries: readonly SearchEntry[]): Promise<number> {
  const { workspaceId, projectId } = place;
  const { rows } = await sql.query<{ key: string; hash: string }>(
    'select key, hash from search_entry where workspace_id = $1 and project_id = $2',
    [workspaceId, projectId],
  );
  const known = new Map(rows.map(({ key, hash }) => [key, hash]));
  const wanted = new Set(entries.map(({ key }) => key));
  const gone = rows.map(({ key }) => key).filter((key) => !wanted.has(key));
  const changed = entries.filter(({ key, hash }) => known.get(key) !== hash);
  if (gone.length > 0) {
    await sql.query('delete from search_entry where workspace_id = $1 and project_id = $2 and key = any($3::text[])', [
      workspaceId,
      projectId,
      gone,
    ]);
  }
  if (changed.length > 0) {
    await sql.query(
      `insert into search_entry (workspace_id, project_id, key, kind, workflow_id, step_id, title, detail, body, features, words, hash)
       select $1, $2, e->>'key', e->>'kind', (e->>'workflowId')::uuid, e->>'stepId', e->>'title', e->>'detail', e->>'body',
              array(select jsonb_array_elements_text(e->'features')), (e->>'words')::tsvector, e->>'hash'
         from jsonb_array_elements($3::jsonb) e
       on conflict (workspace_id, project_id, key) do update
         set title = excluded.title, detail = excluded.detail, body = excluded.body, features = excluded.features,
             words = excluded.words, hash = excluded.hash`,
      [workspaceId, projectId, JSON.stringify(changed)],
    );
  }
  return gone.length + changed.length;
}

export type Asked = {
  workspaceId: string;
  /** A tsquery. */
  query: string;
  kind?: SearchKind | undefined;
  projectId?: string | undefined;
  /** Whether runs are among what may be found. */
  runs: boolean;
  limit: number;
  /** Where the last page ended; absent: from the beginning. */
  after?: SearchPlace | undefined;
};

/**
 * Where something stands among what was found, so that the next page goes on behind it whatever was added or taken away
 * meanwhile: how well it fits, when it was, the beginning of its title, and its id. Ascending, the best first.
 */
export type SearchPlace = [fit: number, when: number, title: string, id: string];

export type FoundRow = Omit<SearchHit, 'excerpt'> & { body: string; place: SearchPlace };

/** Runs are searched from the newest back, so many. */
const RUNS = 5_000;

/** A run's words, taken apart as `wordsOf` does it. */
const RUN_WORDS = `to_tsvector('simple', regexp_replace(regexp_replace(normalize(lower(
    r.workflow_name || ' ' || r.environment || ' ' || r.status::text || ' ' || r.trigger::text || ' ' || r.id::text || ' ' ||
    coalesce(r.error->>'code', '') || ' ' || coalesce(r.error->>'message', '')), NFKD),
  '[\\u0300-\\u036f]', '', 'g'), '[^[:alnum:]]+', ' ', 'g'))`;

/** Best first. */
export async function findByWords(sql: Sql, asked: Asked): Promise<FoundRow[]> {
  const { workspaceId, query, kind, projectId, runs, limit, after } = asked;
  const { rows } = await sql.query<{
    kind: SearchKind;
    title: string;
    detail: string;
    project_id: string;
    project_name: string;
    workflow_id: string | null;
    workflow_name: string | null;
    step_id: string | null;
    run_id: string | null;
    body: string;
    at: Date | null;
    fit: number;
    age: number;
    begins: string;
    id: string;
  }>(
    `with asked as (select $2::tsquery as query),
     entries as (
       select e.kind, e.title, e.detail, e.project_id, e.workflow_id, e.step_id, null::uuid as run_id, e.body,
              null::timestamptz as at, ts_rank(e.words, asked.query) + case e.kind when 'project' then 0.2 when 'workflow' then 0.1 else 0 end as rank
         from search_entry e, asked
        where e.workspace_id = $1 and e.words @@ asked.query and ($3::text is null or e.kind = $3)
          and ($4::uuid is null or e.project_id = $4)),
     recent as (
       select * from run where workspace_id = $1 and $5 and ($3::text is null or $3 = 'run') and ($4::uuid is null or project_id = $4)
        order by queued_at desc limit ${RUNS}),
     runs as (
       select 'run' as kind, r.workflow_name as title, r.status::text || coalesce(': ' || (r.error->>'message'), '') as detail,
              r.project_id, r.workflow_id, null::text as step_id, r.id as run_id, '' as body, r.queued_at as at,
              0.5 * ts_rank(${RUN_WORDS}, asked.query) as rank
         from recent r, asked where ${RUN_WORDS} @@ asked.query),
     found as (
       select one.*, -one.rank::float8 as fit, coalesce(-extract(epoch from one.at) * 1000000, -9e15)::float8 as age,
              left(one.title, 20) as begins, md5(concat_ws('/', one.project_id, one.workflow_id, one.step_id, one.run_id)) as id
         from (select * from entries union all select * from runs) one)
     select f.kind, f.title, f.detail, f.project_id, p.name as project_name, f.workflow_id, w.title as workflow_name, f.step_id,
            f.run_id, f.body, f.at, f.fit, f.age, f.begins, f.id
       from found f
       join project p on p.workspace_id = $1 and p.id = f.project_id and p.deleted_at is null
       left join search_entry w on w.workspace_id = $1 and w.project_id = f.project_id and w.key = 'workflow/' || f.workflow_id
      where $7::float8 is null or (f.fit, f.age, f.begins, f.id) > ($7::float8, $8::float8, $9::text, $10::text)
      order by f.fit, f.age, f.begins, f.id
      limit $6`,
    [workspaceId, query, kind ?? null, projectId ?? null, runs, limit, ...(after ?? [null, null, null, null])],
  );
  return rows.map((row) => ({
    kind: row.kind,
    title: row.title,
    detail: row.detail.slice(0, 300),
    projectId: row.project_id,
    projectName: row.project_name,
    ...(row.workflow_id === null ? {} : { workflowId: row.workflow_id }),
    ...(row.workflow_name === null ? {} : { workflowName: row.workflow_name }),
    ...(row.step_id === null ? {} : { stepId: row.step_id }),
    ...(row.run_id === null ? {} : { runId: row.run_id }),
    ...(row.at === null ? {} : { at: row.at.toISOString() }),
    body: row.body,
    place: [row.fit, row.age, row.begins, row.id],
  }));
}

/** Different names that a query of names finds, best first. */
export async function findNames(
  sql: Sql,
  workspaceId: string,
  query: string,
  limit: number,
): Promise<{ text: string; kind: SearchKind }[]> {
  const { rows } = await sql.query<{ title: string; kind: SearchKind }>(
    `select e.title, min(e.kind) as kind
       from search_entry e join project p on p.workspace_id = e.workspace_id and p.id = e.project_id and p.deleted_at is null
      where e.workspace_id = $1 and e.words @@ $2::tsquery
      group by e.title order by max(ts_rank(e.words, $2::tsquery)) desc, length(e.title), e.title limit $3`,
    [workspaceId, query, limit],
  );
  return rows.map(({ title, kind }) => ({ text: title, kind }));
}

export type Likeness = {
  projectId: string;
  projectName: string;
  workflowId: string;
  name: string;
  likeness: number;
  shared: string[];
};

/** Workflows by the share of features they have in common with one; undefined where that one is not there. */
export async function findLike(
  sql: Sql,
  place: Place & { workflowId: string },
  limit: number,
): Promise<Likeness[] | undefined> {
  const { workspaceId, projectId, workflowId } = place;
  const known = await sql.query<{ features: string[] }>(
    'select features from search_entry where workspace_id = $1 and project_id = $2 and key = $3',
    [workspaceId, projectId, `workflow/${workflowId}`],
  );
  const features = known.rows[0]?.features;
  if (!features) return undefined;
  const { rows } = await sql.query<{
    project_id: string;
    project_name: string;
    workflow_id: string;
    title: string;
    likeness: number;
    shared: string[];
  }>(
    `select * from (
       select e.project_id, p.name as project_name, e.workflow_id, e.title, common.shared,
              cardinality(common.shared)::float8 / greatest(1, cardinality($3::text[]) + cardinality(e.features) - cardinality(common.shared)) as likeness
         from search_entry e
         join project p on p.workspace_id = e.workspace_id and p.id = e.project_id and p.deleted_at is null,
         lateral (select array(select unnest(e.features) intersect select unnest($3::text[]) order by 1) as shared) common
        where e.workspace_id = $1 and e.kind = 'workflow' and e.features && $3::text[] and e.workflow_id <> $2) found
      order by likeness desc, title, workflow_id limit $4`,
    [workspaceId, workflowId, features, limit],
  );
  return rows.map((row) => ({
    projectId: row.project_id,
    projectName: row.project_name,
    workflowId: row.workflow_id,
    name: row.title,
    likeness: Math.round(row.likeness * 1_000) / 1_000,
    shared: row.shared,
  }));
}
