import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openProjectFiles, type ProjectFiles } from './files.ts';
import type { SqlPort, SqlRequest } from './sql.ts';
import { createSqlitePort } from './sqlSqlite.ts';
import { createSqliteProcesses } from './sqlSqliteProcess.ts';

let dir: string;
let files: ProjectFiles;
let processes: ReturnType<typeof createSqliteProcesses>;
let port: SqlPort;
let keys = 0;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sqlite-process-'));
  files = openProjectFiles(dir);
  processes = createSqliteProcesses();
  port = createSqlitePort(files, { runner: processes.run });
});
afterEach(() => {
  processes.close();
  files.close();
  rmSync(dir, { recursive: true, force: true });
});

function run(
  sql: string,
  request: Partial<SqlRequest> = {},
  { key = `k${++keys}`, signal = new AbortController().signal } = {},
) {
  const asked = { file: 'app.db', access: 'write' as const, statements: [{ sql, params: [] }], ...request };
  return port.run(asked, { stepId: 's', effectKey: key, signal });
}
const ENDLESS = 'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) AS n FROM r';

test('statements are done in another process, with the same answers and errors', async () => {
  await run('CREATE TABLE t (n INTEGER PRIMARY KEY)');
  expect(await run('INSERT INTO t VALUES (1) RETURNING n', {}, { key: 'same' })).toEqual([
    { rows: [{ n: 1 }], changed: 1 },
  ]);
  expect(await run('INSERT INTO t VALUES (1) RETURNING n', {}, { key: 'same' })).toEqual([
    { rows: [{ n: 1 }], changed: 1 },
  ]);
  await expect(run('INSERT INTO t VALUES (1)')).rejects.toMatchObject({
    code: 'database.failed',
    details: { statement: 1, database: 'app.db' },
  });
  const [tree] = await run(
    'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n FROM r',
    { access: 'read' },
  );
  expect(tree?.rows).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
});

test('a query without an end is ended, holds up nobody, and the next one works', async () => {
  await run('CREATE TABLE t (n INTEGER)');
  const endless = expect(run(ENDLESS, { access: 'read', timeoutMs: 200 })).rejects.toMatchObject({
    code: 'database.failed',
    message: expect.stringContaining('longer'),
  });
  const other = run('SELECT 1 AS n', { access: 'read' });
  expect(await other).toEqual([{ rows: [{ n: 1 }], changed: 0 }]);
  await endless;
  expect(await run('SELECT 2 AS n', { access: 'read' })).toEqual([{ rows: [{ n: 2 }], changed: 0 }]);
});

test('a write that is cut off is not known, nothing of it is left, and its key may be asked for again', async () => {
  await run('CREATE TABLE t (n INTEGER)');
  const slow = {
    statements: [
      { sql: 'INSERT INTO t VALUES (1)', params: [] },
      { sql: ENDLESS, params: [] },
    ],
    timeoutMs: 200,
  };
  await expect(run('', slow, { key: 'cut' })).rejects.toMatchObject({ code: 'connector.unclear' });
  expect((await run('SELECT count(*) AS n FROM t', { access: 'read' }))[0]?.rows).toEqual([{ n: 0 }]);
  await run('INSERT INTO t VALUES (1)', {}, { key: 'cut' });
  expect((await run('SELECT count(*) AS n FROM t', { access: 'read' }))[0]?.rows).toEqual([{ n: 1 }]);
});

test('a cancelled step ends its query; what waits for a process still comes to its turn', async () => {
  await run('CREATE TABLE t (n INTEGER)');
  const controller = new AbortController();
  const endless = [1, 2].map(() => run(ENDLESS, { access: 'read' }, { signal: controller.signal }));
  const queued = Array.from({ length: 4 }, (_, n) => run(`SELECT ${n} AS n`, { access: 'read' }));
  setTimeout(() => controller.abort(new Error('cancelled')), 100);
  const ends = await Promise.allSettled(endless);
  expect(ends.map((end) => end.status === 'rejected' && String(end.reason))).toEqual(
    Array(2).fill(expect.stringContaining('cancelled')),
  );
  expect((await Promise.all(queued)).map(([result]) => result?.rows[0]?.n)).toEqual([0, 1, 2, 3]);
});

test('a process that answered while it was being ended is not asked again', async () => {
  await run('CREATE TABLE t (n INTEGER)');
  const late = run('SELECT 2 AS n', { access: 'read', timeoutMs: 1 });
  await new Promise((asked) => setImmediate(asked));
  // As on a machine that pauses: the answer is there, and so is the end of the time for it.
  for (const until = performance.now() + 1_500; performance.now() < until; );
  await late.catch(() => undefined);
  expect(await run('SELECT 3 AS n', { access: 'read' })).toEqual([{ rows: [{ n: 3 }], changed: 0 }]);
});
