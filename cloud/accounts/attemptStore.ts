import { asSql, type Database, type Sql } from '../platform/database.ts';

/** How often something was tried, and for how long that counts still. Nothing: not lately. */
export type Attempt = { tries: number; leftMs: number };

/** So many rows that count no more go with each one that is written. */
const SWEPT = 20;

/** One transaction that sees these rows, and those that count no more. */
function withRows<T>(db: Database, hashes: readonly string[], fn: (sql: Sql) => Promise<T>): Promise<T> {
  return db.withoutTenant(async (tx) => {
    await tx.$executeRaw`select set_config('app.attempts', ${hashes.join(',')}, true)`;
    return fn(asSql(tx));
  });
}

/** In the order of the hashes. */
export async function readAttempts(db: Database, hashes: readonly string[]): Promise<(Attempt | undefined)[]> {
  const rows = await withRows(db, hashes, async (sql) => {
    const read = await sql.query<{ key_hash: string; tries: number; left_ms: number }>(
      `select key_hash, tries, (extract(epoch from until - now()) * 1000)::float8 as left_ms from attempt
        where key_hash = any ($1::text[]) and until > now()`,
      [hashes],
    );
    return read.rows;
  });
  const known = new Map(rows.map((row) => [row.key_hash, { tries: row.tries, leftMs: row.left_ms }]));
  return hashes.map((hash) => known.get(hash));
}

/** One more. What is written counts for so many seconds from the first. @returns how many there are now */
export function addAttempt(db: Database, hash: string, seconds: number): Promise<number> {
  return withRows(db, [hash], async (sql) => {
    const { rows } = await sql.query<{ tries: number }>(
      `insert into attempt as a (key_hash, tries, until) values ($1, 1, now() + $2::int * interval '1 s')
       on conflict (key_hash) do update
         set tries = case when a.until > now() then a.tries + 1 else 1 end,
             until = case when a.until > now() then a.until else excluded.until end
       returning tries`,
      [hash, seconds],
    );
    await sql.query(
      `delete from attempt where key_hash in (
         select key_hash from attempt where until <= now() order by until limit ${SWEPT} for update skip locked)`,
    );
    return rows[0]?.tries ?? 1;
  });
}

/** From now on there are so many, for so many seconds. */
export async function setAttempts(db: Database, hash: string, tries: number, seconds: number): Promise<void> {
  await withRows(db, [hash], (sql) =>
    sql.query(
      `insert into attempt (key_hash, tries, until) values ($1, $2::int, now() + $3::int * interval '1 s')
       on conflict (key_hash) do update set tries = excluded.tries, until = excluded.until`,
      [hash, tries, seconds],
    ),
  );
}

export async function removeAttempts(db: Database, hash: string): Promise<void> {
  await withRows(db, [hash], (sql) => sql.query('delete from attempt where key_hash = $1', [hash]));
}
