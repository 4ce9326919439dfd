import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { type Person, send, startTestCloud, type TestCloud } from '../../tests/fixtures/cloud.ts';
import { pageBrowser } from '../../tests/fixtures/pageBrowser.ts';
import { openChannel } from '../platform/channel.ts';
import { systemClock } from '../platform/clock.ts';
import type { Signal } from '../runs/signals.ts';
import { identityCapabilities } from '../server/capabilities.ts';
import { createFeed } from '../server/feed.ts';
import { createIdentities } from './identities.ts';

type Tokens = { accessToken: string; refreshToken: string };
type Session = { id: string; kind: string; name: string; current: boolean; ip: string; userAgent: string };

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startTestCloud({}, async (platform) => {
    const signals = await openChannel<Signal>({ connection: platform.connection, name: 'sluice' });
    const identities = createIdentities(platform);
    const deps = { ...platform, database: platform.db, clock: systemClock, signals, identities };
    const feed = createFeed({ ...deps, deploymentOf: async () => undefined });
    const upgrades = [{ path: '/v1/feed', handle: feed.handle }];
    return [
      ...(await identityCapabilities(platform)),
      { upgrades, drain: () => feed.drain(), stop: () => signals.close() },
    ];
  });
});
afterAll(() => cloud.stop());

const asked = (token: string, method = 'GET', path = '/v1/auth/whoami', body?: unknown) =>
  send<{ code?: string }>(cloud.url, method, path, body, { authorization: `Bearer ${token}` });
const refresh = (refreshToken: string) =>
  send<Tokens>(cloud.url, 'POST', '/v1/auth/token', { grantType: 'refresh_token', refreshToken });
const signIn = async ({ email, password }: Person, deviceName: string) =>
  (await send<Tokens>(cloud.url, 'POST', '/v1/auth/sign-in', { email, password, deviceName })).body;
const list = async (token: string) =>
  (await send<Session[]>(cloud.url, 'GET', '/v1/sessions', undefined, { authorization: `Bearer ${token}` })).body;

/** A connection to the feed that was let in. `closed` tells with which code it ended. */
async function connect(accessToken: string, workspaceId: string) {
  const socket = new WebSocket(`${cloud.url.replace('http', 'ws')}/v1/feed`);
  const codes: number[] = [];
  socket.on('close', (code) => codes.push(code));
  const heard: string[] = [];
  socket.on('message', (data) => heard.push((JSON.parse(String(data)) as { type: string }).type));
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'hello', accessToken, workspaceId }));
  await expect.poll(() => heard).toContain('ready');
  return { socket, heard, codes };
}

test('a person sees their own sign-ins, which one they are, and nobody else’s', async () => {
  const person = await cloud.newPerson();
  await cloud.newPerson();
  await signIn(person, 'Laptop “Ünï” <b>');
  const sessions = await list(person.accessToken);
  expect(sessions.map(({ name, current, kind }) => ({ name, current, kind }))).toEqual([
    { name: 'Laptop “Ünï” <b>', current: false, kind: 'device' },
    { name: 'API', current: true, kind: 'device' },
  ]);
  const renewed = (await refresh(person.refreshToken)).body;
  expect((await list(renewed.accessToken)).map(({ id }) => id).sort()).toEqual(sessions.map(({ id }) => id).sort());
});

test('a device that is ended is refused within five seconds, by HTTP and on the feed; the others go on', async () => {
  const person = await cloud.newPerson();
  const laptop = await signIn(person, 'Laptop');
  const [ended, kept] = [
    await connect(laptop.accessToken, person.workspaceId),
    await connect(person.accessToken, person.workspaceId),
  ];
  expect((await asked(laptop.accessToken)).status).toBe(200);
  const id = (await list(person.accessToken)).find(({ name }) => name === 'Laptop')?.id;
  expect((await asked(person.accessToken, 'DELETE', `/v1/sessions/${id}`)).status).toBe(200);
  await Promise.all([
    expect.poll(async () => (await asked(laptop.accessToken)).status, { timeout: 60_000 }).toBe(401),
    expect.poll(() => ended.codes, { timeout: 60_000 }).toEqual([4401]),
  ]);
  expect(ended.heard).toContain('revoked');
  expect((await refresh(laptop.refreshToken)).status).toBe(401);
  expect(kept.socket.readyState).toBe(kept.socket.OPEN);
  expect((await asked(person.accessToken)).status).toBe(200);
  kept.socket.close();
});

test('a sign-in of another person is not found, exactly as one that never was, and goes on', async () => {
  const [ours, theirs] = [await cloud.newPerson(), await cloud.newPerson()];
  const [foreign] = await list(theirs.accessToken);
  const one = await asked(ours.accessToken, 'DELETE', `/v1/sessions/${foreign?.id}`);
  const other = await asked(ours.accessToken, 'DELETE', '/v1/sessions/00000000-0000-7000-8000-000000000000');
  expect(one).toMatchObject({ status: 404, body: { code: 'session.not_found' } });
  expect({ ...one.body, requestId: '' }).toEqual({ ...other.body, requestId: '' });
  expect((await asked(theirs.accessToken)).status).toBe(200);
});

test('signing out everywhere else keeps this one; everywhere ends it too', async () => {
  const person = await cloud.newPerson();
  await cloud.database.ownerSql("update workspace set plan = 'enterprise' where id = $1", [person.workspaceId]);
  const [laptop, tablet] = [await signIn(person, 'Laptop'), await signIn(person, 'Tablet')];
  const others = await asked(person.accessToken, 'POST', '/v1/sessions/revoke-all', { keepThisOne: true });
  expect(others.body).toEqual({ ended: 2 });
  for (const { refreshToken } of [laptop, tablet]) expect((await refresh(refreshToken)).status).toBe(401);
  const renewed = await refresh(person.refreshToken);
  expect(renewed.status).toBe(200);
  const all = await asked(renewed.body.accessToken, 'POST', '/v1/sessions/revoke-all', {});
  expect(all.body).toEqual({ ended: 1 });
  await expect.poll(async () => (await asked(renewed.body.accessToken)).status, { timeout: 60_000 }).toBe(401);
  expect((await refresh(renewed.body.refreshToken)).status).toBe(401);
});

test('tokens that are being renewed while everything is ended do not outlive it', async () => {
  const person = await cloud.newPerson();
  await cloud.database.ownerSql("update workspace set plan = 'enterprise' where id = $1", [person.workspaceId]);
  const devices = await Promise.all(Array.from({ length: 6 }, (_, index) => signIn(person, `Device ${index}`)));
  const [ended, ...renewed] = await Promise.all([
    asked(person.accessToken, 'POST', '/v1/sessions/revoke-all', {}),
    ...devices.map(({ refreshToken }) => refresh(refreshToken)),
  ]);
  expect(ended.status).toBe(200);
  for (const { status, body } of renewed) {
    if (status === 200) expect((await refresh(body.refreshToken)).status).toBe(401);
  }
  const live = 'select id from session where user_id = $1 and revoked_at is null';
  expect(await cloud.database.ownerSql(live, [person.userId])).toEqual([]);
});

test('on the page a person sees where they are signed in, and ends one, all others, or this one', async () => {
  const person = await cloud.newPerson();
  await cloud.database.ownerSql("update workspace set plan = 'enterprise' where id = $1", [person.workspaceId]);
  await signIn(person, 'Laptop <b>');
  const open = pageBrowser(cloud.url);
  expect((await open('GET', '/sessions')).location).toBe('/sign-in?next=%2Fsessions');
  await open('POST', '/sign-in', { email: person.email, password: person.password });
  const page = await open('GET', '/sessions');
  expect(page.text).toContain('Laptop &lt;b&gt;');
  expect(page.text).toContain('Browser (this one)');
  const id = (await list(person.accessToken)).find(({ name }) => name.startsWith('Laptop'))?.id ?? '';
  expect((await open('POST', '/sessions', { end: id })).location).toBe('/sessions');
  expect((await open('POST', '/sessions', { end: id })).text).toContain('There is no such sign-in');
  expect((await list(person.accessToken)).map(({ name }) => name)).not.toContain('Laptop <b>');
  const other = await cloud.newPerson();
  const [theirs] = await list(other.accessToken);
  expect((await open('POST', '/sessions', { end: theirs?.id ?? '' })).status).toBe(404);
  expect((await open('POST', '/sessions', { end: 'others' })).location).toBe('/sessions');
  expect((await refresh(person.refreshToken)).status).toBe(401);
  const mine =
    /value="([^"]+)" aria-label="End the sign-in on Browser"/.exec((await open('GET', '/sessions')).text)?.[1] ?? '';
  expect((await open('POST', '/sessions', { end: mine })).location).toBe('/sign-in');
  expect((await open('GET', '/sessions')).location).toBe('/sign-in?next=%2Fsessions');
});
