import type { Sql } from '../platform/database.ts';
import { DATA_MAP, type MapRow } from './dataMap.ts';

export type Who = { id: string; email: string; name: string };

const BATCH = 200;

/** A row as text of JSON, exactly as the database has it: numbers keep all their digits. */
export type ExportedRow = { table: string; text: string };

/** How a query is run: in a transaction of its own each time, so that a slow reader holds none open. */
export type Runner = <T>(work: (sql: Sql) => Promise<T>) => Promise<T>;

/** The rows of a workspace that its export has, table by table, in the order of their keys. */
export async function* workspaceRows(run: Runner, workspaceId: string): AsyncGenerator<ExportedRow> {
  for (const row of DATA_MAP.filter(({ of, inner }) => of === 'workspace' && !inner)) {
    const column = row.table === 'workspace' ? 'id' : 'workspace_id';
    yield* rowsOf(run, row, `t."${column}" = $1`, [workspaceId]);
  }
}

/** The rows about a person: their own, or those of one workspace, whichever `run` leads to. */
export async function* personRows(run: Runner, who: Who, place: 'own' | 'workspace'): AsyncGenerator<ExportedRow> {
  for (const row of DATA_MAP.filter(({ of, inner }) => !inner && (of === 'workspace') === (place === 'workspace'))) {
    if (row.about === undefined) continue;
    const where = `exists (select 1 from (select $1::uuid as id, $2::text as email, $3::text as name) who where ${row.about})`;
    yield* rowsOf(run, row, where, [who.id, who.email, who.name]);
  }
}

async function* rowsOf(run: Runner, row: MapRow, where: string, values: unknown[]): AsyncGenerator<ExportedRow> {
  const { table } = row;
  const { columns, key } = await run((sql) => shapeOf(sql, table));
  const shown = columns.filter((column) => !row.secret?.includes(column));
  const keyList = key.map(({ name }) => `t."${name}"`).join(', ');
  for (let after: unknown[] | undefined; ; ) {
    const onward = after
      ? ` and (${keyList}) > (${key.map(({ type }, n) => `$${values.length + n + 1}::${type}`).join(', ')})`
      : '';
    const found = await run((sql) =>
      sql.query<{ text: string; key: unknown[] }>(
        `select row_to_json(s)::text as text, s_key as key
           from (select ${shown.map((column) => `t."${column}"`).join(', ')}, json_build_array(${keyList}) as s_key
                   from "${table}" t where (${where})${onward} order by ${keyList} limit ${BATCH}) k,
                lateral (select ${shown.map((column) => `k."${column}"`).join(', ')}) s`,
        [...values, ...(after ?? [])],
      ),
    );
    // A document may have been written over several lines; inside of texts there is no line break as such.
    for (const { text } of found.rows) yield { table, text: text.replace(/[\r\n]+/g, ' ') };
    if (found.rows.length < BATCH) return;
    after = found.rows.at(-1)?.key.map(String);
  }
}

async function shapeOf(sql: Sql, table: string): Promise<{ columns: string[]; key: { name: string; type: string }[] }> {
  const { rows } = await sql.query<{ name: string; type: string; place: number | null }>(
    `select a.attname::text as name, format_type(a.atttypid, a.atttypmod) as type, k.place::int as place
       from pg_attribute a
       join pg_index i on i.indrelid = a.attrelid and i.indisprimary
       left join lateral unnest(i.indkey) with ordinality k (num, place) on k.num = a.attnum
      where a.attrelid = ('public.' || quote_ident($1))::regclass and a.attnum > 0 and not a.attisdropped
      order by a.attnum`,
    [table],
  );
  const keyed = rows.filter(({ place }) => place !== null).sort((a, b) => (a.place ?? 0) - (b.place ?? 0));
  return { columns: rows.map(({ name }) => name), key: keyed };
}
