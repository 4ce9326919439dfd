import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { send, startTestCloud } from '../tests/fixtures/cloud.ts';
import { startCloud } from './main.ts';
import { createLogger } from './platform/logger.ts';
import { identityCapabilities } from './server/capabilities.ts';
import { listen } from './server/main.ts';

const quiet = { logger: createLogger('error'), capabilities: identityCapabilities };

test('without any setting but a folder it brings its own database, and a second start finds everything again', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-start-'));
  chmodSync(dataDir, 0o755);
  const env = { SLUICE_DATA: dataDir, PORT: '0', CONTAINER_DRIVER: 'process' };
  try {
    const first = await startCloud(env, quiet);
    expect((await send(first.url, 'GET', '/readyz')).body).toEqual({ status: 'ok' });
    const account = { email: 'robin@example.com', password: 'four random words', name: 'Robin' };
    await send(first.url, 'POST', '/v1/auth/register', account);
    await first.stop();
    await expect(fetch(`${first.url}/livez`)).rejects.toThrow();
    expect(existsSync(join(dataDir, 'postgres', 'postmaster.pid'))).toBe(false);

    const second = await startCloud(env, quiet);
    const answer = await send(second.url, 'POST', '/v1/auth/sign-in', {
      email: account.email,
      password: account.password,
    });
    expect(answer.status).toBe(200);
    await second.stop();
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});

test('a port that is taken is named, with what to do, and nothing is left running', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const address = holder.address();
  const port = String(typeof address === 'object' && address ? address.port : 0);
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-taken-'));
  await expect(startCloud({ SLUICE_DATA: dataDir, PORT: port }, quiet)).rejects.toMatchObject({
    code: 'port.in_use',
    message: expect.stringContaining(port),
    advice: expect.stringContaining('PORT'),
  });
  expect(existsSync(join(dataDir, 'postgres'))).toBe(false);
  holder.close();
  rmSync(dataDir, { recursive: true, force: true });
});

test('a stop under load answers everything that was accepted', async () => {
  const cloud = await startTestCloud();
  const person = await cloud.newPerson();
  const answers: number[] = [];
  let refused = 0;
  let asking = true;
  const begun = new Set<unknown>();
  const onRequest = (message: unknown) => {
    begun.add((message as { request: IncomingMessage }).request.headers['x-ask']);
  };
  subscribe('http.server.request.start', onRequest);
  onTestFinished(() => void unsubscribe('http.server.request.start', onRequest));
  const callers = Array.from({ length: 8 }, async (_, caller) => {
    for (let n = 0; asking; n++) {
      const ask = `${caller}-${n}`;
      try {
        answers.push((await person.call('GET', '/v1/workspaces', undefined, { 'x-ask': ask })).status);
      } catch (thrown) {
        // The system takes connections, too, that the server then never sees: what it has seen, it must answer.
        if (begun.has(ask)) throw thrown;
        refused++;
        return;
      }
    }
  });
  await expect.poll(() => answers.length).toBeGreaterThan(40);
  await cloud.stop();
  asking = false;
  await Promise.all(callers);
  expect(answers.filter((status) => status !== 200)).toEqual([]);
  expect(begun.size).toBeGreaterThanOrEqual(answers.length);
  expect(refused).toBeGreaterThan(0);
});

test('readiness ends with the database, liveness does not', async () => {
  const cloud = await startTestCloud();
  const { database } = cloud;
  const name = database.owner.database;
  await database.ownerSql(`alter database ${name} connection limit 0`);
  await database.ownerSql(
    `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'sluice_app' and datname = '${name}'`,
  );
  // The ends of its connections may be heard of a moment later.
  await expect
    .poll(() => send(cloud.url, 'GET', '/readyz'))
    .toMatchObject({
      status: 503,
      body: { code: 'service.unavailable' },
    });
  const live = await send(cloud.url, 'GET', '/livez');
  await database.ownerSql(`alter database ${name} connection limit -1`);
  expect(live.status).toBe(200);
  await expect.poll(async () => (await send(cloud.url, 'GET', '/readyz')).status).toBe(200);
  await cloud.stop();
});

test('who asks while it is still starting is told so, and when to ask again', async () => {
  const { server, url } = await listen('127.0.0.1', 0);
  const answer = await fetch(`${url}/v1/projects`);
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
  expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  expect(await answer.json()).toMatchObject({
    code: 'service.unavailable',
    status: 503,
    requestId: answer.headers.get('sluice-request'),
  });
  server.closeAllConnections();
  server.close();
});

test('metrics are given to this computer', async () => {
  const cloud = await startTestCloud();
  await send(cloud.url, 'GET', '/livez');
  // A request is counted once its answer is out.
  await expect
    .poll(async () => (await fetch(`${cloud.url}/metrics`)).text())
    .toMatch(/sluice_http_request_seconds_count\{route="health.live",status="200"\} 1/);
  // A proxy on this computer asks for somebody else.
  const forwarded: Record<string, string>[] = [{ 'x-forwarded-for': '203.0.113.9' }, { forwarded: 'for=203.0.113.9' }];
  for (const headers of forwarded) expect((await fetch(`${cloud.url}/metrics`, { headers })).status).toBe(404);
  await cloud.stop();
});
