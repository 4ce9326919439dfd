import { createHash, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ConnectionRecord } from '#shared/contract/cloud/common.ts';
import type { ConnectionTrial } from '#shared/contract/cloud/connections.ts';
import { startTestCloud, type TestCloud } from '../../tests/fixtures/cloud.ts';
import { createPeople, type QuickPerson } from '../../tests/fixtures/people.ts';
import { findSealed } from './connectionStore.ts';
import { createOAuth } from './oauth.ts';
import { createOutside } from './outside.ts';
import { createVault } from './vault.ts';

const CLIENT_SECRET = 'canary-client-91d2';
/** A service with accounts of its own: a code once, with its proof; each refresh token once. */
const service = {
  codes: new Map<string, { challenge: string; redirectUri: string }>(),
  access: new Set<string>(),
  refresh: new Set<string>(),
  asked: [] as string[],
  lasts: 3_600,
  down: false,
  refuses: false,
};
const server = createServer(async (req, res) => {
  const answer = (status: number, body: object) =>
    void res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  if (req.url === '/me') return answer(service.access.has(req.headers.authorization?.slice(7) ?? '') ? 200 : 401, {});
  const parts: Buffer[] = [];
  for await (const part of req) parts.push(part as Buffer);
  const form = new URLSearchParams(Buffer.concat(parts).toString('utf8'));
  const grant = form.get('grant_type') ?? '';
  service.asked.push(grant);
  if (service.down) return answer(503, {});
  const code = service.codes.get(form.get('code') ?? '');
  service.codes.delete(form.get('code') ?? '');
  const proof = createHash('sha256')
    .update(form.get('code_verifier') ?? '')
    .digest('base64url');
  const good =
    form.get('client_id') === 'sluice' &&
    form.get('client_secret') === CLIENT_SECRET &&
    !service.refuses &&
    (grant === 'client_credentials' ||
      (grant === 'authorization_code' && code?.challenge === proof && code.redirectUri === form.get('redirect_uri')) ||
      (grant === 'refresh_token' && service.refresh.delete(form.get('refresh_token') ?? '')));
  if (!good) return answer(400, { error: 'invalid_grant' });
  const [access, refresh] = [`access-${randomUUID()}`, `refresh-${randomUUID()}`];
  service.access.add(access);
  const tokens = { access_token: access, token_type: 'Bearer', expires_in: service.lasts };
  if (grant === 'client_credentials') return answer(200, tokens);
  service.refresh.add(refresh);
  // Of whoever asks for a scope of identity, too, which is nothing to us.
  answer(200, { ...tokens, refresh_token: refresh, id_token: 'not.a.token' });
});

let cloud: TestCloud;
let people: ReturnType<typeof createPeople>;
let robin: QuickPerson;
let base = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  base = `http://127.0.0.1:${port}`;
  cloud = await startTestCloud({ EGRESS_ALLOW_PRIVATE: `127.0.0.1:${port}` });
  people = createPeople(cloud);
});
afterAll(async () => {
  await cloud?.stop();
  await new Promise((resolve) => server.close(resolve));
});
beforeEach(async () => {
  Object.assign(service, { asked: [], lasts: 3_600, down: false, refuses: false });
  robin = await people.newPerson('Robin', { plan: 'pro' });
});

const secret = (more: object = {}) => ({
  kind: 'oauth2',
  authorizeUrl: `${base}/authorize`,
  tokenUrl: `${base}/token`,
  clientId: 'sluice',
  clientSecret: CLIENT_SECRET,
  scope: 'items:read',
  ...more,
});
const set = (name: string, more: object = {}) =>
  robin.call<ConnectionRecord>('PUT', `/v1/connections/${name}`, {
    connector: 'http',
    secret: secret(more),
    hosts: [new URL(base).host],
  });
const kept = async (name: string) =>
  (await robin.call<ConnectionRecord[]>('GET', '/v1/connections')).body.find((one) => one.name === name);
const open = async (path: string, who = robin) => {
  const response = await fetch(new URL(path, cloud.url), { headers: { cookie: who.cookie }, redirect: 'manual' });
  return { status: response.status, text: await response.text() };
};
const pageOf = (name: string) => `/connections/connect?connection=${robin.workspaceId}_${name}`;
/** What the page's link says, as the service reads it; there the person allows it. */
async function allow(name: string) {
  const { text } = await open(pageOf(name));
  const link = /href="([^"]*\/authorize\?[^"]*)"/.exec(text)?.[1]?.replaceAll('&amp;', '&') ?? '';
  const asked = new URL(link).searchParams;
  const code = randomUUID();
  service.codes.set(code, {
    challenge: asked.get('code_challenge') ?? '',
    redirectUri: asked.get('redirect_uri') ?? '',
  });
  return { asked, back: `/connections/answer?${new URLSearchParams({ code, state: asked.get('state') ?? '' })}` };
}
/** What a process of the control plane hands to steps. */
const processOf = () => {
  const { db, secrets } = cloud.database;
  const outside = createOutside(async ({ host, port }) => ({
    allowed: true,
    addresses: [host],
    port,
    internal: false,
  }));
  const vault = createVault({ database: db, secrets, oauth: createOAuth(outside.fetch) });
  return async (name: string) => {
    const [sealed] = await db.withWorkspaceSql(robin, (sql) => findSealed(sql, robin.workspaceId, [name]));
    if (!sealed) throw new Error('not kept');
    return (await vault.use(robin.workspaceId, sealed)).reveal();
  };
};

test('a person signs in at the service, and from then on steps get a token and nothing else', async () => {
  expect((await set('crm')).body).toMatchObject({ signIn: 'needed', status: 'configuring' });
  const use = processOf();
  expect(await use('crm')).toEqual({ kind: 'oauth2' });
  const { asked, back } = await allow('crm');
  expect(Object.fromEntries(asked)).toMatchObject({
    response_type: 'code',
    client_id: 'sluice',
    scope: 'items:read',
    redirect_uri: `${cloud.url}/connections/answer`,
    code_challenge_method: 'S256',
  });
  expect((await open(back)).text).toContain('crm is connected');
  expect(await kept('crm')).toMatchObject({ signIn: 'done', status: 'connected' });
  const given = await use('crm');
  expect(Object.keys(given).sort()).toEqual(['kind', 'token']);
  expect(service.access).toContain(given.token);
  const trial = await robin.call<ConnectionTrial>('POST', '/v1/connections/crm/test', { url: `${base}/me` });
  expect(trial.body.ok).toBe(true);
  const audit = await robin.call<{ data: { action: string }[] }>('GET', '/v1/audit?action=connection.');
  expect(audit.body.data.map(({ action }) => action)).toEqual(['connection.connect', 'connection.create']);
  // The answer is taken once.
  expect((await open(back)).text).toContain('crm was not connected');
  expect(await use('crm')).toEqual(given);
  expect(cloud.log.join('\n')).not.toContain(CLIENT_SECRET);
});

test('an answer that is somebody else’s, made up, too late or of another connection connects nothing', async () => {
  await set('crm');
  const kim = await people.newPerson('Kim');
  const [viewer, editor] = [await people.newPerson('Viewer'), await people.newPerson('Editor')];
  await people.join(robin.workspaceId, viewer, 'viewer');
  await people.join(robin.workspaceId, editor, 'editor');
  for (const who of [kim, viewer]) expect((await open(pageOf('crm'), who)).status).toBe(404);
  expect((await open(pageOf('nothing'))).status).toBe(404);
  const { back } = await allow('crm');
  // Also who may connect it does not with the answer to another's question.
  for (const who of [kim, viewer, editor]) expect((await open(back, who)).status).toBe(404);
  const state = new URLSearchParams(back.split('?')[1]).get('state') ?? '';
  const forged = `${state.slice(0, -2)}${state.endsWith('AA') ? 'BB' : 'AA'}`;
  expect((await open(`/connections/answer?${new URLSearchParams({ code: 'x', state: forged })}`)).status).toBe(404);
  expect((await open(`/connections/answer?${new URLSearchParams({ error: 'access_denied', state })}`)).text).toContain(
    'was not allowed',
  );
  expect(service.asked).toEqual([]);
  expect(await kept('crm')).toMatchObject({ signIn: 'needed' });
  expect((await open(back)).text).toContain('crm is connected');
});

test('tokens are renewed before they end, once, however many runs of however many processes want one', async () => {
  service.lasts = 60;
  await set('crm');
  expect((await open((await allow('crm')).back)).text).toContain('is connected');
  expect(service.asked).toEqual(['authorization_code']);
  service.lasts = 3_600;
  const processes = [processOf(), processOf(), processOf()];
  const given = await Promise.all(processes.flatMap((use) => Array.from({ length: 6 }, () => use('crm'))));
  expect(service.asked).toEqual(['authorization_code', 'refresh_token']);
  expect(new Set(given.map(({ token }) => token)).size).toBe(1);
  expect(service.access).toContain(given[0]?.token);
  expect(await kept('crm')).toMatchObject({ status: 'connected', signIn: 'done' });
});

test('while the service is down the token holds that is there; once it refuses for good, somebody is told', async () => {
  service.lasts = 280;
  await set('crm');
  await open((await allow('crm')).back);
  const use = processOf();
  service.down = true;
  expect(await use('crm')).toMatchObject({ kind: 'bearer' });
  expect(await kept('crm')).toMatchObject({ signIn: 'done', status: 'connected' });
  Object.assign(service, { down: false, refuses: true });
  // It holds for some minutes still, and nobody asks for another one again.
  expect(await use('crm')).toMatchObject({ kind: 'bearer' });
  const before = service.asked.length;
  expect(await use('crm')).toMatchObject({ kind: 'bearer' });
  expect(service.asked).toHaveLength(before);
  expect((await kept('crm'))?.expiresAt).toBeDefined();
  await expect
    .poll(async () => (await robin.call<{ data: { title: string }[] }>('GET', '/v1/notifications')).body.data, {
      timeout: 90_000,
      interval: 200,
    })
    .toMatchObject([{ title: expect.stringMatching(/^The connection crm expires on /) }]);
});

test('another secret that is set while tokens are renewed stays', async () => {
  service.lasts = 60;
  await set('crm');
  await open((await allow('crm')).back);
  const { db, secrets } = cloud.database;
  const vault = createVault({
    database: db,
    secrets,
    oauth: {
      async renew() {
        await set('crm', { scope: 'other' });
        return { accessToken: 'late', refreshToken: 'late' };
      },
    },
  });
  const [sealed] = await db.withWorkspaceSql(robin, (sql) => findSealed(sql, robin.workspaceId, ['crm']));
  if (!sealed) throw new Error('not kept');
  await vault.use(robin.workspaceId, sealed);
  expect(await processOf()('crm')).toEqual({ kind: 'oauth2' });
  expect(await kept('crm')).toMatchObject({ signIn: 'needed' });
});

test('a program that signs in by itself needs no person, is tried before it is kept, and says what it lacks', async () => {
  const grant = { grant: 'client_credentials', authorizeUrl: undefined };
  const attempt = (more: object) =>
    robin.call<ConnectionTrial>('POST', '/v1/connections/test', {
      ...{ connector: 'http', secret: secret(more), hosts: [new URL(base).host], url: `${base}/me` },
    });
  expect((await attempt(grant)).body.ok).toBe(true);
  const wrong = await attempt({ ...grant, clientSecret: 'another' });
  expect(wrong.body).toMatchObject({ ok: false, message: expect.stringContaining('gave no token: invalid_grant') });
  expect((await attempt({})).body).toMatchObject({ ok: false, message: expect.stringContaining('has to connect it') });
  expect((await set('own', grant)).body.signIn).toBeUndefined();
  const use = processOf();
  const [first, second] = [await use('own'), await use('own')];
  expect(first).toEqual(second);
  expect(service.access).toContain(first.token);
  expect((await open(pageOf('own'))).status).toBe(404);
  for (const lacking of [{ tokenUrl: 'http://elsewhere.example/token' }, { clientId: '' }, { authorizeUrl: '' }]) {
    expect(await set('none', lacking)).toMatchObject({ status: 422, body: { code: 'config.invalid' } });
  }
});
