import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Json } from '#shared/json.ts';
import { openProjectFiles, type ProjectFiles } from './files.ts';
import type { SqlRequest } from './sql.ts';
import { createSqlitePort } from './sqlSqlite.ts';

let dir: string;
let files: ProjectFiles;
let keys = 0;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sqlite-'));
  files = openProjectFiles(dir);
});
afterEach(() => {
  files.close();
  rmSync(dir, { recursive: true, force: true });
});

function run(request: Partial<SqlRequest> & Pick<SqlRequest, 'statements'>, effectKey = `key-${++keys}`) {
  const { signal } = new AbortController();
  return createSqlitePort(files).run(
    { file: 'app.db', access: 'write', ...request },
    { stepId: 's', effectKey, signal },
  );
}
const one = (sql: string, ...params: Json[]) => [{ sql, params }];
const query = async (sql: string, ...params: Json[]) =>
  (await run({ access: 'read', statements: one(sql, ...params) }))[0]?.rows ?? [];

test('values go in as they are and come out as JSON', async () => {
  await run({ statements: one('CREATE TABLE t (a INTEGER, b TEXT, c REAL, d, e)') });
  await run({ statements: one('INSERT INTO t VALUES (?, ?, ?, ?, ?)', 7, "it's", 1.5, { list: [1] }, true) });
  await run({ statements: one("INSERT INTO t VALUES (9007199254740993, NULL, 9e999, x'0102', 5)") });
  expect(await query('SELECT * FROM t ORDER BY a')).toEqual([
    { a: 7, b: "it's", c: 1.5, d: '{"list":[1]}', e: 1 },
    { a: '9007199254740993', b: null, c: null, d: 'AQI=', e: 5 },
  ]);
});

test('a write happens once per key and gives the first answer again', async () => {
  await run({ statements: one('CREATE TABLE t (n INTEGER)') });
  const insert = { statements: one('INSERT INTO t VALUES (?) RETURNING n', 1) };
  expect(await run(insert, 'k')).toEqual([{ rows: [{ n: 1 }], changed: 1 }]);
  expect(await run(insert, 'k')).toEqual([{ rows: [{ n: 1 }], changed: 1 }]);
  expect(await query('SELECT count(*) AS n FROM t')).toEqual([{ n: 1 }]);
});

test('a transaction is done as a whole or not at all', async () => {
  await run({ statements: one('CREATE TABLE t (n INTEGER PRIMARY KEY)') });
  const twice = { statements: [...one('INSERT INTO t VALUES (?)', 1), ...one('INSERT INTO t VALUES (?)', 1)] };
  await expect(run(twice, 'k')).rejects.toMatchObject({ code: 'database.failed', details: { statement: 2 } });
  expect(await query('SELECT n FROM t')).toEqual([]);
  expect(
    await run({ statements: [...one('INSERT INTO t VALUES (?)', 1), ...one('INSERT INTO t VALUES (?)', 2)] }, 'k'),
  ).toHaveLength(2);
});

const INJECTIONS = [
  "' OR '1'='1",
  "'; DROP TABLE t; --",
  '" OR ""="',
  "1; ATTACH DATABASE '/etc/passwd' AS x",
  "') UNION SELECT * FROM sqlite_master --",
  '\\',
  '%',
  '_',
  "admin'--",
  '\u2019 OR 1=1',
  '$(7*7)',
  '{{7*7}}',
  '__proto__',
  'x\ny',
  "' || load_extension('x') || '",
];

test.each(INJECTIONS)('as a parameter %j is only a value', async (value) => {
  await run({ statements: one('CREATE TABLE t (name TEXT)') });
  await run({ statements: one('INSERT INTO t VALUES (?), (?)', value, 'other') });
  expect(await query('SELECT name FROM t WHERE name = ?', value)).toEqual([{ name: value }]);
  expect(await query('SELECT count(*) AS n FROM t')).toEqual([{ n: 2 }]);
});

test.each([
  "ATTACH DATABASE 'other.db' AS other",
  'PRAGMA journal_mode = WAL',
  'PRAGMA writable_schema = ON',
  "SELECT load_extension('x')",
  'BEGIN',
  'COMMIT',
  'SAVEPOINT s',
  "VACUUM INTO 'files/copy.db'",
  'VACUUM',
  'CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END',
  'CREATE VIRTUAL TABLE v USING fts5(x)',
  'CREATE TEMP TABLE x (n)',
  'DROP TABLE _sluice_effects',
  'DELETE FROM _sluice_effects',
  'UPDATE sqlite_master SET sql = 1',
  'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r',
  'SELECT 1; DROP TABLE t',
  'SELECT {{ $json.name }}',
  'SELECT 1 AS a, 2 AS a',
  'SELECT :name',
  'SELECT ?2',
  'SELECT',
  ' ',
])('%s is refused, and the rest still works', async (sql) => {
  await run({ statements: one('CREATE TABLE t (n INTEGER)') });
  await expect(run({ statements: one(sql) })).rejects.toMatchObject({
    code: expect.stringMatching(/^(database.failed|config.invalid)$/),
  });
  await run({ statements: one('INSERT INTO t VALUES (1)') });
  expect(await query('SELECT n FROM t')).toEqual([{ n: 1 }]);
  expect((await files.list('')).map(({ path }) => path)).toEqual(['app.db']);
});

test('a query changes nothing, whatever it says', async () => {
  await run({ statements: one('CREATE TABLE t (n INTEGER)') });
  for (const sql of [
    'INSERT INTO t VALUES (1)',
    'INSERT INTO t VALUES (1) RETURNING n',
    'DROP TABLE t',
    'DELETE FROM t',
  ]) {
    await expect(query(sql)).rejects.toMatchObject({ code: 'database.failed' });
  }
  expect(await query('SELECT n FROM t')).toEqual([]);
  expect((await query('SELECT name FROM pragma_table_info(?)', 't'))[0]).toEqual({ name: 'n' });
});

test('a query says that there is no database in place of making one', async () => {
  await expect(query('SELECT 1')).rejects.toMatchObject({ code: 'file.not_found' });
  expect(await files.list('')).toEqual([]);
  for (const file of ['../x.db', 'app.txt', 'x.db/../../y.db']) {
    await expect(run({ file, statements: one('SELECT 1 AS n') })).rejects.toMatchObject({ code: 'config.invalid' });
  }
});

test('missing and extra parameters are refused, which SQLite would take for NULL', async () => {
  await run({ statements: one('CREATE TABLE t (n INTEGER)') });
  await expect(query('SELECT n FROM t WHERE n = ? AND n = ?', 1)).rejects.toMatchObject({
    details: { needed: 2, given: 1 },
  });
  await expect(query('SELECT n FROM t', 1)).rejects.toMatchObject({ details: { needed: 0, given: 1 } });
  expect(await query('SELECT \'?\' AS "a?", ?1 AS b, ?1 AS c -- ?', 5)).toEqual([{ 'a?': '?', b: 5, c: 5 }]);
});

test('rows are taken up to the limit and not beyond', async () => {
  await run({ statements: one('CREATE TABLE t (n INTEGER)') });
  await run({
    statements: one(
      'INSERT INTO t SELECT value FROM json_each(?)',
      Array.from({ length: 11 }, (_, n) => n),
    ),
  });
  const all = one('SELECT n FROM t');
  expect((await run({ access: 'read', statements: all, maxRows: 11 }))[0]?.rows).toHaveLength(11);
  await expect(run({ access: 'read', statements: all, maxRows: 10 })).rejects.toMatchObject({
    code: 'limit.exceeded',
    details: { limit: 10, what: 'rows' },
  });
  const big = one('SELECT hex(zeroblob(1000000)) AS big FROM t');
  await expect(run({ access: 'read', statements: big })).rejects.toMatchObject({
    code: 'limit.exceeded',
    details: { what: 'bytes' },
  });
});

test('a column may have any name and changes no prototype', async () => {
  const [row] = await query2('SELECT 1 AS "__proto__", 2 AS constructor, 3 AS "a b"');
  expect(Object.entries(row ?? {})).toEqual([
    ['__proto__', 1],
    ['constructor', 2],
    ['a b', 3],
  ]);
  expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
});
async function query2(sql: string) {
  await run({ statements: one('CREATE TABLE IF NOT EXISTS t (n)') });
  return query(sql);
}

test('a database grows no further than the storage', async () => {
  files.close();
  files = openProjectFiles(dir, { maxBytes: 200_000 });
  await run({ statements: one('CREATE TABLE t (s TEXT)') });
  await run({ statements: one('INSERT INTO t VALUES (?)', 'x'.repeat(50_000)) });
  await expect(run({ statements: one('INSERT INTO t VALUES (?)', 'x'.repeat(300_000)) })).rejects.toMatchObject({
    code: 'limit.exceeded',
  });
  expect(await query('SELECT count(*) AS n FROM t')).toEqual([{ n: 1 }]);
});

test('a file that is no database, or that another process holds, is named', async () => {
  await files.save('app.db', new TextEncoder().encode('not a database at all, just text '.repeat(40)), {
    how: 'replace',
    effectKey: 'k',
  });
  await expect(query('SELECT 1 AS n FROM sqlite_master')).rejects.toMatchObject({
    code: 'database.failed',
    message: expect.stringContaining('app.db'),
  });
  await files.remove('app.db', { effectKey: 'k2' });
  const other = new DatabaseSync(files.placeOf('app.db'));
  other.exec('CREATE TABLE t (n); PRAGMA journal_mode = DELETE;');
  other.close();
  await run({ statements: one('INSERT INTO t VALUES (1)') });
  expect(await query('SELECT n FROM t')).toEqual([{ n: 1 }]);
});
