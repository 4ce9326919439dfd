import { mkdtempSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 as uuid } from 'uuid';
import { expect, onTestFinished, test } from 'vitest';
import { memoryStore } from '../vault/secretStore.ts';
import { createCloudClient } from './cloudClient.ts';
import { createKeyAccount } from './keyAccount.ts';

const apiKey = 'slk_aaaaaaaa_the-secret';
const user = { id: uuid(), email: 'robin@example.com', name: 'Robin', emailVerified: true };
const workspace = { id: uuid(), name: 'Robin’s workspace', slug: 'robin', role: 'owner', plan: 'free' };
const time = new Date(0).toISOString();
const key = {
  id: uuid(),
  name: 'CI',
  prefix: 'slk_aaaaaaaa',
  scopes: ['run:read'],
  createdByName: 'Robin',
  createdAt: time,
  expiresAt: time,
};

/** A control plane that takes one key, after refusing as often as it is told to. */
async function startCloud() {
  const state = { busy: 0, wait: '0', revoked: false, asked: [] as string[] };
  const server = createServer((request, response) => {
    state.asked.push(`${request.headers.authorization} ${request.headers['idempotency-key'] ?? ''}`.trim());
    const answer = (status: number, body: object, headers = {}) =>
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    if (state.busy-- > 0) {
      const problem = { code: 'rate.exceeded', title: 'Too much.', details: { retryAfterSeconds: Number(state.wait) } };
      return answer(429, problem, { 'retry-after': state.wait });
    }
    if (state.revoked || request.headers.authorization !== `Bearer ${apiKey}`) {
      return answer(401, { code: 'access.unauthenticated', title: 'No.' });
    }
    answer(200, { key, workspace, user });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const stop = async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  };
  onTestFinished(stop);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, state, stop };
}

function accountOf(cloudUrl: string) {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-key-'));
  const deps = { cloudUrl, dataDir, vault: memoryStore(), version: '0.1.0', onChanged: () => undefined };
  return { account: createKeyAccount({ ...deps, apiKey }), dataDir };
}

test('a key is an account with its one workspace, and is written nowhere', async () => {
  const cloud = await startCloud();
  const { account, dataDir } = accountOf(cloud.url);
  expect(await account.refresh()).toMatchObject({ status: 'signed_in', user, workspaces: [workspace] });
  expect(readdirSync(dataDir)).toEqual([]);
  await expect(account.signIn()).rejects.toMatchObject({ code: 'host.not_supported' });
  await expect(account.signOut()).rejects.toMatchObject({ code: 'host.not_supported' });
});

test('a key that is refused has expired, and says what to do; without an answer it is unreachable', async () => {
  const cloud = await startCloud();
  const { account } = accountOf(cloud.url);
  cloud.state.revoked = true;
  expect((await account.refresh()).status).toBe('expired');
  await expect(account.client().sessions.list({})).rejects.toMatchObject({
    code: 'access.unauthenticated',
    message: expect.stringContaining('SLUICE_API_KEY'),
  });
  await cloud.stop();
  expect((await account.refresh()).status).toBe('unreachable');
});

test('a program waits where it is asked to for a moment, and not for an hour; a person is told at once', async () => {
  const cloud = await startCloud();
  const { account } = accountOf(cloud.url);
  cloud.state.busy = 2;
  expect((await account.refresh()).status).toBe('signed_in');
  expect(cloud.state.asked).toHaveLength(3);

  cloud.state.busy = 1;
  cloud.state.wait = '3600';
  await expect(account.client().apiKeys.self({})).rejects.toMatchObject({ code: 'rate.exceeded' });
  cloud.state.busy = 1;
  cloud.state.wait = '0';
  const person = createCloudClient({ cloudUrl: cloud.url, userAgent: 'x', session: account.session });
  await expect(person.apiKeys.self({})).rejects.toMatchObject({ code: 'rate.exceeded' });

  cloud.state.asked.length = 0;
  cloud.state.busy = 1;
  await account
    .client()
    .sessions.revokeAll({})
    .catch(() => undefined);
  // The same request twice, not two requests.
  expect(cloud.state.asked).toHaveLength(2);
  expect(new Set(cloud.state.asked).size).toBe(1);
});
