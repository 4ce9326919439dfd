import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tryConnection } from '#runtime/engine/ports/tryConnection.ts';
import type { ConnectionRecord } from '#shared/contract/cloud/common.ts';
import type { ConnectionTrial } from '#shared/contract/cloud/connections.ts';
import { startTestCloud, type TestCloud } from '../../tests/fixtures/cloud.ts';
import { createPeople, type QuickPerson } from '../../tests/fixtures/people.ts';
import { createOutside } from './outside.ts';

const SECRET = 'canary-5b1e70';
const asked: string[] = [];
/** A service that lets one token in, and leads away from one address. */
const service = createServer((req, res) => {
  asked.push(`${req.method} ${req.url} ${req.headers.authorization ?? ''}`);
  if (req.url === '/away') return void res.writeHead(302, { location: `http://127.0.0.1:${hidden}/` }).end();
  if (req.url === '/large') return void res.end('x'.repeat(1_000_000));
  res.statusCode = req.headers.authorization === `Bearer ${SECRET}` ? 200 : 401;
  res.end('{}');
});
/** One that nobody may reach from here. */
const secretPlace = createServer((_req, res) => void res.end('found'));
let reached = 0;
secretPlace.on('connection', () => reached++);
const mailServer = new SMTPServer({
  disabledCommands: ['STARTTLS'],
  logger: false,
  onAuth: ({ username, password }, _session, done) =>
    username === 'robin' && password === SECRET ? done(null, { user: username }) : done(new Error('no')),
});

let cloud: TestCloud;
let robin: QuickPerson;
let people: ReturnType<typeof createPeople>;
let [port, hidden, mailPort, database] = [0, 0, 0, 0];
beforeAll(async () => {
  for (const server of [service, secretPlace, mailServer.server]) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  }
  [port, hidden, mailPort] = [service, secretPlace, mailServer.server].map(
    (server) => (server.address() as AddressInfo).port,
  ) as [number, number, number];
  cloud = await startTestCloud({
    EGRESS_ALLOW_PRIVATE: [port, mailPort].map((one) => `127.0.0.1:${one}`).join(','),
  });
  database = Number(new URL(cloud.database.url).port);
  people = createPeople(cloud);
  robin = await people.newPerson('Robin', { plan: 'pro' });
});
afterAll(async () => {
  await cloud?.stop();
  for (const server of [service, secretPlace, mailServer])
    await new Promise((resolve) => server.close(() => resolve(0)));
});

const bearer = (token: string) => ({ kind: 'bearer', token });
const attempt = (body: object, who = robin) => who.call<ConnectionTrial>('POST', '/v1/connections/test', body);
const http = (token: string, path = '/', hosts = [`127.0.0.1:${port}`]) =>
  attempt({ connector: 'http', secret: bearer(token), hosts, url: `http://127.0.0.1:${port}${path}` });

test('what is entered is tried before it is kept: the right secret works, the wrong one is said to be wrong', async () => {
  expect((await http(SECRET)).body).toMatchObject({ ok: true, message: `127.0.0.1:${port} answered 200.` });
  expect(asked.at(-1)).toBe(`GET / Bearer ${SECRET}`);
  expect((await http('another')).body).toMatchObject({
    ok: false,
    message: `127.0.0.1:${port} answered 401: it does not let this connection in.`,
  });
  // Nothing of it is kept.
  expect((await robin.call<ConnectionRecord[]>('GET', '/v1/connections')).body).toEqual([]);
});

test('a secret goes to the hosts of its connection alone, and nobody is reached who may not be', async () => {
  const before = asked.length;
  expect((await http(SECRET, '/', ['api.example'])).body).toMatchObject({
    ok: false,
    message: `This connection may not be used for 127.0.0.1:${port}.`,
  });
  expect(asked).toHaveLength(before);
  const inside = await attempt({
    connector: 'http',
    secret: bearer(SECRET),
    hosts: [`127.0.0.1:${hidden}`],
    url: `http://127.0.0.1:${hidden}/`,
  });
  expect(inside.body).toMatchObject({ ok: false, message: expect.stringContaining('cannot be reached from here') });
  // Nor by being led there.
  const both = [`127.0.0.1:${port}`, `127.0.0.1:${hidden}`];
  expect((await http(SECRET, '/away', both)).body).toMatchObject({
    ok: false,
    message: expect.stringContaining('cannot be reached from here'),
  });
  const postgres = { host: '127.0.0.1', port: database, database: 'postgres', user: 'x', password: SECRET, tls: 'off' };
  expect((await attempt({ connector: 'postgres', secret: postgres, hosts: [] })).body).toMatchObject({
    ok: false,
    message: expect.stringContaining('cannot be reached from here'),
  });
  expect(reached).toBe(0);
  expect((await http(SECRET, '/large')).body).toMatchObject({ ok: false });
});

test('a mail server is signed in to, and no letter is sent', async () => {
  const secret = (password: string) => ({
    ...{ host: '127.0.0.1', port: mailPort, encryption: 'none', user: 'robin', password, from: 'robin@example.com' },
  });
  const right = await attempt({ connector: 'smtp', secret: secret(SECRET), hosts: [] });
  expect(right.body).toMatchObject({ ok: true, message: `127.0.0.1:${mailPort} lets robin in.` });
  const wrong = await attempt({ connector: 'smtp', secret: secret('another'), hosts: [] });
  expect(wrong.body).toMatchObject({ ok: false, advice: 'Look at the user and password of the connection.' });
});

test('a database is signed in to, and whoever it does not know is told so', async () => {
  const { host, port: at, user, password, database: name } = cloud.database.owner;
  const outside = createOutside(async (target) => ({
    allowed: true,
    addresses: [target.host],
    port: target.port,
    internal: false,
  }));
  const attempt = (given: string) =>
    tryConnection(
      outside,
      {
        connector: 'postgres',
        secret: { host, port: at, user, password: given, database: name, tls: 'off' },
        hosts: [],
      },
      undefined,
    );
  expect(await attempt(password)).toMatchObject({ ok: true, message: `${host}:${at} lets ${user} into ${name}.` });
  const refused = await attempt(SECRET);
  expect(refused).toMatchObject({ ok: false, message: expect.stringContaining('password authentication failed') });
  expect(JSON.stringify(refused)).not.toContain(SECRET);
});

test('a kept connection is tried with the secret that nobody sees, and then says whether it works', async () => {
  const set = (token: string) =>
    robin.call('PUT', '/v1/connections/kept', {
      connector: 'http',
      secret: bearer(token),
      hosts: [`127.0.0.1:${port}`],
    });
  const tried = () =>
    robin.call<ConnectionTrial>('POST', '/v1/connections/kept/test', { url: `http://127.0.0.1:${port}/` });
  const status = async () => (await robin.call<ConnectionRecord[]>('GET', '/v1/connections')).body[0]?.status;
  await set(SECRET);
  expect(await status()).toBe('configuring');
  expect((await tried()).body.ok).toBe(true);
  expect(await status()).toBe('connected');
  await set('another');
  expect((await tried()).body.ok).toBe(false);
  expect(await status()).toBe('error');
  expect(await robin.call('POST', '/v1/connections/nothing/test', {})).toMatchObject({ status: 404 });
});

test('who may not set connections, or has confirmed no address, has nothing tried; no secret is logged', async () => {
  const kim = await people.newPerson('Kim');
  await people.join(robin.workspaceId, kim, 'viewer');
  const body = {
    connector: 'http',
    secret: bearer(SECRET),
    hosts: [`127.0.0.1:${port}`],
    url: `http://127.0.0.1:${port}/`,
  };
  const at = { workspaceId: robin.workspaceId };
  const before = asked.length;
  expect((await kim.call('POST', '/v1/connections/test', body, at)).status).toBe(403);
  const eve = await people.newPerson('Eve', { verified: false });
  expect(await attempt(body, eve)).toMatchObject({ status: 403, body: { code: 'mail.not_verified' } });
  expect(asked).toHaveLength(before);
  expect((await attempt(body)).body.ok).toBe(true);
  expect(cloud.log.join('\n')).not.toContain(SECRET);
});
