import pg from 'pg';
import { DATA_MAP } from '../privacy/dataMap.ts';
import type { ConnectionInfo } from './embeddedPostgres.ts';

/**
 * Lets the role of exports read what the data map lets leave, and nothing else. Done after the tables were brought up to
 * date: a new column leaves as the map has it. Where all is as it should be, nothing is changed.
 */
export async function grantExports(owner: ConnectionInfo): Promise<void> {
  const map = DATA_MAP.filter(({ of, about, inner }) => !inner && (of === 'workspace' || about !== undefined));
  const client = new pg.Client(owner);
  await client.connect();
  try {
    const role = await client.query("select from pg_roles where rolname = 'sluice_exporter'");
    if (role.rowCount === 0) return;
    await client.query('begin');
    // Several processes may start at once.
    await client.query("select pg_advisory_xact_lock(hashtextextended('grant exports', 0))");
    // Keys are read too, also where they leave with nobody: rows come in their order.
    const { rows } = await client.query<{ table: string; columns: string }>(
      `select "table", string_agg(quote_ident(name), ', ' order by name) filter (where wanted) as columns
         from (select c.relname as table, a.attname as name,
                      has_column_privilege('sluice_exporter', c.oid, a.attnum, 'select') as reads,
                      not coalesce(m.secret, '[]') ? a.attname::text
                        or exists (select from pg_index i
                                    where i.indrelid = c.oid and i.indisprimary and a.attnum = any (i.indkey)) as wanted
                 from jsonb_to_recordset($1::jsonb) m ("table" text, secret jsonb)
                 join pg_class c on c.relname = m."table" and c.relnamespace = 'public'::regnamespace
                 join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) known
        group by "table" having bool_or(reads <> wanted)`,
      [JSON.stringify(map)],
    );
    const texts = rows.map(
      ({ table, columns }) =>
        `revoke all on "${table}" from sluice_exporter; grant select (${columns}) on "${table}" to sluice_exporter;`,
    );
    if (texts.length > 0) await client.query(texts.join('\n'));
    await client.query('commit');
  } finally {
    await client.end();
  }
}
