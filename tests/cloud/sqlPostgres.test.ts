import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { SqlPort, SqlRequest } from '#runtime/engine/ports/sql.ts';
import { createPostgresPort } from '#runtime/engine/ports/sqlPostgres.ts';
import type { BoundConnection } from '#shared/contract/agentApi.ts';
import type { Json } from '#shared/json.ts';
import { createTestDatabase, type TestDatabase } from '../fixtures/postgres.ts';

let database: TestDatabase;
let bound: BoundConnection;
let port: SqlPort;
let keys = 0;
beforeAll(async () => {
  database = await createTestDatabase({ migrated: false });
  const { host, port: at, user, password, database: name } = database.owner;
  bound = { connector: 'postgres', secret: { host, port: at, user, password, database: name, tls: 'off' }, hosts: [] };
  port = createPostgresPort({ env: {} });
});
afterAll(async () => {
  await port?.close();
  await database?.close();
});
beforeEach(async () => {
  await database.ownerSql('DROP TABLE IF EXISTS t, sluice_effects');
  await database.ownerSql('CREATE TABLE t (id int PRIMARY KEY, name text)');
});

type Asked = Partial<SqlRequest> & Pick<SqlRequest, 'statements'>;
function run(
  request: Asked,
  { key = `key-${++keys}`, connection = bound, signal = new AbortController().signal } = {},
) {
  return port.run({ access: 'write', ...request }, { stepId: 's', effectKey: key, signal, connection });
}
const one = (sql: string, ...params: Json[]) => [{ sql, params }];
const query = async (sql: string, ...params: Json[]) =>
  (await run({ access: 'read', statements: one(sql, ...params) }))[0]?.rows ?? [];
const insert = (id: number, name = 'x') => one('INSERT INTO t VALUES ($1, $2) RETURNING id', id, name);

test('values come out as JSON, whatever their type', async () => {
  const [row] =
    await query(`SELECT 5::int8 AS small, 9007199254740993::int8 AS big, 1.10::numeric AS exact, 'NaN'::float8 AS nan,
    true AS yes, NULL AS none, DATE '2026-11-20' AS day, TIMESTAMP '2026-11-20 07:00:00.5' AS local,
    TIMESTAMPTZ '2026-11-20 07:00:00+01' AS moment, '\\x0102'::bytea AS bytes, '{"a":[1]}'::jsonb AS doc, ARRAY[1,2] AS list,
    ARRAY['a','b'] AS texts, count(*) AS n FROM t`);
  expect(row).toEqual({
    small: 5,
    big: '9007199254740993',
    exact: '1.10',
    nan: null,
    yes: true,
    none: null,
    day: '2026-11-20',
    local: '2026-11-20T07:00:00.5',
    moment: '2026-11-20T06:00:00.000Z',
    bytes: 'AQI=',
    doc: { a: [1] },
    list: [1, 2],
    texts: ['a', 'b'],
    n: 0,
  });
});

test('a write happens once per key and gives the first answer again, from any connection', async () => {
  expect(await run({ statements: insert(1) }, { key: 'k' })).toEqual([{ rows: [{ id: 1 }], changed: 1 }]);
  const other = createPostgresPort({ env: {} });
  const again = { stepId: 's', effectKey: 'k', signal: new AbortController().signal, connection: bound };
  expect(await other.run({ access: 'write', statements: insert(1) }, again)).toEqual([
    { rows: [{ id: 1 }], changed: 1 },
  ]);
  await other.close();
  expect(await query('SELECT count(*) AS n FROM t')).toEqual([{ n: 1 }]);
});

test('eight at once under one key do it once', async () => {
  const all = await Promise.all(Array.from({ length: 8 }, () => run({ statements: insert(1) }, { key: 'same' })));
  expect(new Set(all.map((result) => JSON.stringify(result))).size).toBe(1);
  expect(await query('SELECT count(*) AS n FROM t')).toEqual([{ n: 1 }]);
});

test('all who find no table of keys make it at the same moment, and none of them fails', async () => {
  for (let round = 0; round < 10; round++) {
    await database.ownerSql('DROP TABLE IF EXISTS sluice_effects');
    const all = Array.from({ length: 8 }, (_, index) => run({ statements: insert(8 * round + index) }));
    const failed = (await Promise.allSettled(all)).filter(({ status }) => status === 'rejected');
    expect(failed).toEqual([]);
  }
  expect(await query('SELECT count(*) AS n FROM t')).toEqual([{ n: 80 }]);
});

test('without a key to keep, nothing is left in the database', async () => {
  await run({ statements: insert(1), once: false });
  await expect(query('SELECT 1 FROM sluice_effects')).rejects.toMatchObject({ code: 'database.failed' });
});

test('a transaction is done as a whole or not at all, and what failed can be tried again under its key', async () => {
  const broken = { statements: [...insert(1), ...insert(1)] };
  await expect(run(broken, { key: 'k' })).rejects.toMatchObject({
    code: 'database.failed',
    details: { statement: 2, reason: '23505', constraint: 't_pkey', table: 't' },
  });
  expect(await query('SELECT id FROM t')).toEqual([]);
  expect(await run({ statements: [...insert(1), ...insert(2)] }, { key: 'k' })).toHaveLength(2);
});

test.each([
  "' OR '1'='1",
  "'; DROP TABLE t; --",
  '" OR ""="',
  '1); DELETE FROM t; --',
  '\\',
  "\\'; SELECT pg_sleep(10) --",
  '%',
  '$1',
  '{{7*7}}',
  "admin'/*",
  '\u2019 OR 1=1',
  '__proto__',
  'x\ny',
  '{1,2}',
  'null',
  '\u0001',
])('as a parameter %j is only a value', async (value) => {
  await run({ statements: insert(1, value) });
  await run({ statements: insert(2, 'other') });
  expect(await query('SELECT name FROM t WHERE name = $1', value)).toEqual([{ name: value }]);
});

test.each([
  'SELECT 1; DROP TABLE t',
  'COMMIT',
  'ROLLBACK',
  '/* x */ commit',
  '-- x\nROLLBACK',
  'SET ROLE postgres',
  'COPY t TO STDOUT',
  '(BEGIN)',
  'SAVEPOINT s',
  'SELECT {{ $json.name }}',
  'SELECT $1',
  'nonsense',
  ' ',
  'SELECT 1 AS a, 2 AS a',
  'DISCARD ALL',
  'VACUUM',
])('%j is refused, and the connection still works', async (sql) => {
  await expect(run({ statements: one(sql) })).rejects.toMatchObject({
    code: expect.stringMatching(/^(database.failed|config.invalid)$/),
  });
  await run({ statements: insert(1) });
  expect(await query('SELECT id FROM t')).toEqual([{ id: 1 }]);
});

test('a query changes nothing, whatever it says', async () => {
  for (const sql of [
    "INSERT INTO t VALUES (1, 'x')",
    'DELETE FROM t',
    'DROP TABLE t',
    'WITH gone AS (DELETE FROM t RETURNING 1) SELECT * FROM gone',
  ]) {
    await expect(query(sql)).rejects.toMatchObject({ code: 'database.failed', details: { reason: '25006' } });
  }
  expect(await query('SELECT count(*) AS n FROM t')).toEqual([{ n: 0 }]);
});

test('rows are taken up to the limit and not beyond; a large answer is cut while it comes', async () => {
  const all = one('SELECT n FROM generate_series(1, 11) AS n');
  expect((await run({ access: 'read', statements: all, maxRows: 11 }))[0]?.rows).toHaveLength(11);
  await expect(run({ access: 'read', statements: all, maxRows: 10 })).rejects.toMatchObject({
    code: 'limit.exceeded',
    details: { limit: 10 },
  });
  const big = one("SELECT n, repeat('x', 1000000) AS big FROM generate_series(1, 100) AS n");
  await expect(run({ access: 'read', statements: big })).rejects.toMatchObject({
    code: 'limit.exceeded',
    details: { what: 'bytes' },
  });
  const many = one('SELECT n FROM generate_series(1, 1000000) AS n');
  await expect(run({ access: 'read', statements: many })).rejects.toMatchObject({ code: 'limit.exceeded' });
  expect(await query('SELECT 1 AS n')).toEqual([{ n: 1 }]);
});

test('a column may have any name and changes no prototype', async () => {
  const [row] = await query('SELECT 1 AS "__proto__", 2 AS constructor');
  expect(Object.entries(row ?? {})).toEqual([
    ['__proto__', 1],
    ['constructor', 2],
  ]);
  expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
});

test('a statement that takes too long is ended by the server', async () => {
  const sleep = () =>
    run({ access: 'read', statements: one('SELECT pg_sleep(60)'), timeoutMs: 50 }).then(
      () => 'it slept',
      (error: unknown) => error,
    );
  // Where the machine pauses for two seconds in this moment, we hang up before the server's answer is read.
  await expect.poll(sleep).toMatchObject({ code: 'database.failed', details: { reason: '57014' } });
});

test('a cancelled step lets go of its connection', async () => {
  const controller = new AbortController();
  const reason = new Error('cancelled');
  const asked = run({ access: 'read', statements: one('SELECT pg_sleep(60)') }, { signal: controller.signal });
  setTimeout(() => controller.abort(reason), 100);
  await expect(asked).rejects.toBe(reason);
  expect(await query('SELECT 1 AS n')).toEqual([{ n: 1 }]);
});

test('nobody listening, a wrong password and another database are named, without the secret', async () => {
  const closed = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => closed.once('listening', resolve));
  const { port: free } = closed.address() as net.AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  const other = (change: object) => ({ ...bound, secret: { ...bound.secret, ...change } });
  const ask = (connection: BoundConnection) => run({ access: 'read', statements: one('SELECT 1') }, { connection });
  await expect(ask(other({ port: free }))).rejects.toMatchObject({ code: 'connector.unavailable' });
  await expect(ask(other({ password: 'wrong-password' }))).rejects.toMatchObject({
    code: 'connector.rejected',
    message: expect.not.stringContaining('wrong-password'),
  });
  await expect(ask(other({ database: 'nowhere' }))).rejects.toMatchObject({ code: 'connector.rejected' });
  await expect(ask(other({ tls: 'verify' }))).rejects.toMatchObject({
    code: 'connector.rejected',
    message: expect.stringContaining('encrypted'),
  });
  await expect(ask({ ...bound, hosts: ['db.example.com'] })).rejects.toMatchObject({
    code: 'connection.host_not_allowed',
  });
  await expect(ask({ ...bound, connector: 'http' })).rejects.toMatchObject({ code: 'config.invalid' });
  expect(await ask({ ...bound, hosts: [`${bound.secret.host}:${bound.secret.port}`] })).toHaveLength(1);
});

/** Between us and the database: cuts the connection when it sees a text. */
async function cuttingProxy(text: string, where: 'before' | 'after') {
  const { host, port: at } = database.owner;
  const server = net.createServer((near) => {
    const far = net.connect(at, host);
    let cut = false;
    const end = () => {
      near.destroy();
      far.destroy();
    };
    near.on('data', (part) => {
      const hit = part.includes(text);
      if (!hit || where === 'after') far.write(part);
      if (!hit) return;
      if (where === 'before') end();
      else cut = true;
    });
    far.on('data', (part) => (cut ? end() : near.write(part)));
    for (const socket of [near, far]) socket.on('error', end).on('close', end);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: open } = server.address() as net.AddressInfo;
  const connection = { ...bound, secret: { ...bound.secret, host: '127.0.0.1', port: open } };
  return { connection, close: () => new Promise((resolve) => server.close(resolve)) };
}

test('cut before the commit, nothing happened; cut during it, it may have, and its key tells', async () => {
  const before = await cuttingProxy('INSERT INTO t', 'before');
  await expect(run({ statements: insert(1) }, { key: 'a', connection: before.connection })).rejects.toMatchObject({
    code: 'connector.unavailable',
  });
  expect(await query('SELECT id FROM t')).toEqual([]);
  const during = await cuttingProxy('COMMIT', 'after');
  await expect(run({ statements: insert(2) }, { key: 'b', connection: during.connection })).rejects.toMatchObject({
    code: 'connector.unclear',
  });
  expect(await query('SELECT id FROM t')).toEqual([{ id: 2 }]);
  expect(await run({ statements: insert(2) }, { key: 'b' })).toEqual([{ rows: [{ id: 2 }], changed: 1 }]);
  await Promise.all([before.close(), during.close()]);
});

test('in a container it goes through the proxy alone, which may refuse', async () => {
  const seen: string[] = [];
  let allow = true;
  const proxy = (await import('node:http')).createServer();
  proxy.on('connect', (request, near) => {
    seen.push(`${request.url} ${request.headers['proxy-authorization']}`);
    if (!allow) return void near.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    const [host, at] = String(request.url).split(':');
    const far = net.connect(Number(at), host, () => {
      near.write('HTTP/1.1 200 OK\r\n\r\n');
      near.pipe(far).pipe(near);
    });
    for (const socket of [near, far]) socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const { port: at } = proxy.address() as net.AddressInfo;
  const env = { NODE_USE_ENV_PROXY: '1', HTTPS_PROXY: `http://tenant:pass@127.0.0.1:${at}` };
  const inside = createPostgresPort({ env });
  const ask = () =>
    inside.run(
      { access: 'read', statements: one('SELECT 1 AS n') },
      { stepId: 's', effectKey: 'k', signal: new AbortController().signal, connection: bound },
    );
  expect(await ask()).toEqual([{ rows: [{ n: 1 }], changed: 0 }]);
  expect(seen).toEqual([
    `${bound.secret.host}:${bound.secret.port} Basic ${Buffer.from('tenant:pass').toString('base64')}`,
  ]);
  await inside.close();
  allow = false;
  await expect(ask()).rejects.toMatchObject({ code: 'egress.refused' });
  await inside.close();
  proxy.closeAllConnections();
  proxy.close();
});

/** A certificate of nobody but itself, for `localhost`; undefined where there is no program to make one. */
function makeCertificate(): { key: string; cert: string } | undefined {
  const dir = mkdtempSync(join(tmpdir(), 'certificate-'));
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '2'];
  try {
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, ...subject],
      { stdio: 'ignore' },
    );
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  } catch {
    return undefined;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

test('an encrypted server must prove who it is, unless that is given up', async ({ skip }) => {
  const certificate = makeCertificate();
  if (!certificate) return skip('There is no openssl here.');
  // The database's own side of the protocol, before the database: asked for encryption, it says yes.
  const server = net.createServer((near) => {
    near.once('data', () => {
      near.write('S');
      const secure = new TLSSocket(near, { isServer: true, ...certificate });
      const far = net.connect(database.owner.port, database.owner.host);
      for (const socket of [secure, far]) socket.on('error', () => {});
      secure.pipe(far).pipe(secure);
    });
    near.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: at } = server.address() as net.AddressInfo;
  const ask = (change: object) => {
    const connection = { ...bound, secret: { ...bound.secret, host: 'localhost', port: at, ...change } };
    return run({ access: 'read', statements: one('SELECT 1 AS n') }, { connection });
  };
  expect(await ask({ tls: 'verify', ca: certificate.cert })).toEqual([{ rows: [{ n: 1 }], changed: 0 }]);
  expect(await ask({ tls: 'encrypt' })).toEqual([{ rows: [{ n: 1 }], changed: 0 }]);
  await expect(ask({ tls: 'verify' })).rejects.toMatchObject({ code: 'connector.rejected' });
  await expect(ask({ tls: 'verify', ca: certificate.cert, host: '127.0.0.1' })).rejects.toMatchObject({
    code: 'connector.rejected',
  });
  await port.close();
  port = createPostgresPort({ env: {} });
  server.close();
});
