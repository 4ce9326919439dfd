import pg from 'pg';
import { DATA_MAP } from '../privacy/dataMap.ts';
import type { ConnectionInfo } from './embeddedPostgres.ts';

/** Columns that the exporter may read though they leave with nobody: rows are read in the order of their keys. */
const KEYS = 'select from pg_index i where i.indrelid = c.oid and i.indisprimary and a.attnum = any (i.indkey)';

/**
 * Lets the role of exports read what the data map lets leave, and nothing else. Done after the tables were brought up to
 * date, as often as one likes: a new column leaves as the map has it.
 */
export async function grantExports(owner: ConnectionInfo): Promise<void> {
  const map = DATA_MAP.filter(({ of, about, inner }) => !inner && (of === 'workspace' || about !== undefined));
  const client = new pg.Client(owner);
  await client.connect();
  try {
    await client.query('begin');
    // Several processes may start at once.
    await client.query("select pg_advisory_xact_lock(hashtextextended('grant exports', 0))");
    const { rows } = await client.query<{ table: string; columns: string }>(
      `select c.relname as table, string_agg(quote_ident(a.attname), ', ' order by a.attnum) as columns
         from jsonb_to_recordset($1::jsonb) m ("table" text, secret jsonb)
         join pg_class c on c.relname = m."table" and c.relnamespace = 'public'::regnamespace
         join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where exists (select from pg_roles where rolname = 'sluice_exporter')
          and (not coalesce(m.secret, '[]') ? a.attname::text
               or exists (${KEYS}))
        group by c.relname`,
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
