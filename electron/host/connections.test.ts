import { mkdtempSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Client } from '#shared/contract/contract.ts';
import type { HostApi } from '#shared/contract/hostApi.ts';
import type { Host } from './host.ts';
import { startSignedOutHost } from './signedOutHost.fixture.ts';

const SECRET = 'canary-31f0a9';

let host: Host;
let client: Client<HostApi>;
let projectId: string;
beforeAll(async () => {
  ({ host, client } = startSignedOutHost(mkdtempSync(join(tmpdir(), 'sluice-host-'))));
  projectId = (await client.projects.create({ name: 'Triage', template: 'issue-triage' })).id;
});
afterAll(() => host?.close());

const tryHttp = (token: string, url: string, hosts = [new URL(url).host]) =>
  client.connections.test({
    ...{ projectId, connector: 'http', where: 'local', hosts, url },
    secret: { kind: 'bearer', token },
  });

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** A service that lets one token in. */
async function service(answer: RequestListener = (_req, res) => void res.end('{}')) {
  const asked: string[] = [];
  const port = await listen(
    createServer((req, res) => {
      const { method, url, headers } = req;
      asked.push([method, url, headers.authorization].filter(Boolean).join(' '));
      if (headers.authorization !== `Bearer ${SECRET}`) res.statusCode = 401;
      answer(req, res);
    }),
  );
  return { asked, host: `127.0.0.1:${port}`, url: `http://127.0.0.1:${port}/me` };
}

test('what is entered is tried from this computer before it is kept: the right secret works, the wrong one is said to be wrong', async () => {
  const { asked, host, url } = await service();
  expect(await tryHttp(SECRET, url)).toMatchObject({ ok: true, message: `${host} answered 200.` });
  expect(asked).toEqual([`GET /me Bearer ${SECRET}`]);
  const wrong = await tryHttp('another', url);
  expect(wrong).toMatchObject({ ok: false, message: `${host} answered 401: it does not let this connection in.` });
  expect(JSON.stringify(wrong)).not.toContain('another');
  // Nothing of it is kept.
  const listed = await client.connections.list({ projectId });
  expect(listed.filter(({ local }) => local)).toEqual([]);
});

test('a secret goes to the hosts of its connection alone, also when the service leads elsewhere', async () => {
  const { asked, host, url } = await service();
  expect(await tryHttp(SECRET, url, ['api.example'])).toMatchObject({
    ok: false,
    message: `This connection may not be used for ${host}.`,
    advice: expect.stringContaining('api.example'),
  });
  const leading = await service((_req, res) => void res.writeHead(302, { location: url }).end());
  expect(await tryHttp(SECRET, leading.url)).toMatchObject({ ok: false });
  expect(asked).toEqual([]);
  // One that may go to both is led there, and its secret is not.
  expect(await tryHttp(SECRET, leading.url, [leading.host, host])).toMatchObject({ ok: false });
  expect(leading.asked.at(-1)).toBe(`GET /me Bearer ${SECRET}`);
  expect(asked).toEqual(['GET /me']);
});

test('what a service answers with is not read to its end, and a picture says as much as a text', async () => {
  const large = await service((_req, res) => void res.end('x'.repeat(1_000_000)));
  expect(await tryHttp(SECRET, large.url)).toMatchObject({ ok: false, message: expect.stringContaining('262144') });
  const picture = await service(
    (_req, res) => void res.setHeader('content-type', 'image/png').end(Buffer.alloc(9, 255)),
  );
  expect(await tryHttp(SECRET, picture.url)).toMatchObject({ ok: true });
});

test('a mail server is signed in to from here, and no letter is sent', async () => {
  const letters: string[] = [];
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    logger: false,
    onAuth: ({ username, password }, _session, done) =>
      username === 'robin' && password === SECRET ? done(null, { user: username }) : done(new Error('no')),
    onData: (_stream, session, done) => {
      letters.push(session.id);
      done();
    },
  });
  const port = await listen(server.server);
  const attempt = (password: string) =>
    client.connections.test({
      ...{ projectId, connector: 'smtp', where: 'local', hosts: [] },
      secret: { host: '127.0.0.1', port, encryption: 'none', user: 'robin', password, from: 'robin@example.com' },
    });
  expect(await attempt(SECRET)).toMatchObject({ ok: true, message: `127.0.0.1:${port} lets robin in.` });
  expect(await attempt('another')).toMatchObject({
    ok: false,
    advice: 'Look at the user and password of the connection.',
  });
  expect(letters).toEqual([]);
});

test('what cannot be tried is said: no address, fields that are wrong, a sign-in that is not for here, no workspace', async () => {
  const { url, host } = await service();
  const entered = { projectId, connector: 'http', where: 'local' as const, hosts: [host] };
  const secret = { kind: 'bearer', token: SECRET };
  expect(await client.connections.test({ ...entered, secret })).toMatchObject({
    ok: false,
    message: 'It is not said which address to try.',
  });
  const oauth = { kind: 'oauth2', grant: 'client_credentials', tokenUrl: 'https://service.example/t', clientId: 'a' };
  expect(await client.connections.test({ ...entered, secret: oauth, url })).toMatchObject({
    ok: false,
    advice: expect.stringContaining('token of kind bearer'),
  });
  const nonsense = client.connections.test({ ...entered, secret: { nonsense: SECRET }, url });
  await expect(nonsense).rejects.toMatchObject({
    code: 'config.invalid',
    message: expect.not.stringContaining(SECRET),
  });
  await expect(client.connections.test({ ...entered, connector: 'none', secret, url })).rejects.toMatchObject({
    code: 'connection.not_found',
  });
  await expect(client.connections.test({ ...entered, where: 'hosted', secret, url })).rejects.toMatchObject({
    code: 'access.unauthenticated',
  });
  expect(await tryHttp(SECRET, url)).toMatchObject({ ok: true });
});
