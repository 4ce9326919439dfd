import { SignJWT } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConnectionRecord } from '#shared/contract/cloud/common.ts';
import type { Notification } from '#shared/contract/cloud/notifications.ts';
import { startTestCloud, type TestCloud } from '../../tests/fixtures/cloud.ts';
import { createPeople, type QuickPerson } from '../../tests/fixtures/people.ts';
import { createNotices } from '../notifications/notices.ts';
import { identityCapabilities } from '../server/capabilities.ts';
import type { Platform } from '../server/platform.ts';
import { expiryOf } from './secretExpiry.ts';
import { warnOfExpiry } from './warnOfExpiry.ts';

let cloud: TestCloud;
let platform: Platform;
let people: ReturnType<typeof createPeople>;
beforeAll(async () => {
  cloud = await startTestCloud({}, (made) => {
    platform = made;
    return identityCapabilities(made);
  });
  people = createPeople(cloud);
});
afterAll(() => cloud.stop());

const DAY_MS = 86_400_000;
const soon = { timeout: 60_000, interval: 200 };
const inDays = (days: number) => new Date(Math.floor((Date.now() + days * DAY_MS) / 1_000) * 1_000);
const token = (until: Date) =>
  new SignJWT({ exp: until.getTime() / 1_000 }).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.alloc(32, 1));
const set = (person: QuickPerson, name: string, more: object = {}) =>
  person.call<ConnectionRecord>('PUT', `/v1/connections/${name}`, {
    connector: 'http',
    secret: { kind: 'bearer', token: 'opaque' },
    hosts: ['api.example'],
    ...more,
  });
const told = async (person: QuickPerson) =>
  (await person.call<{ data: Notification[] }>('GET', '/v1/notifications')).body.data.filter(
    ({ kind }) => kind === 'connection_expires',
  );
/** What is done once a day; that it is, the test of tokens that are refused sees. */
const look = (person: QuickPerson) =>
  warnOfExpiry({ ...platform, notices: createNotices(platform) }, person.workspaceId);

test('a secret that says itself until when it is good need not be asked, and any other may be told', async () => {
  const until = inDays(40);
  expect(expiryOf({ kind: 'bearer', token: await token(until) })).toEqual(until);
  expect(
    expiryOf({ token: 'a.b.c', other: 'x', ca: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----' }),
  ).toBe(undefined);
  const robin = await people.newPerson('Robin', { plan: 'pro' });
  const own = await set(robin, 'own', { secret: { kind: 'bearer', token: await token(until) } });
  expect(own.body.expiresAt).toBe(until.toISOString());
  const later = inDays(3).toISOString();
  expect((await set(robin, 'said', { expiresAt: later })).body.expiresAt).toBe(later);
  expect((await set(robin, 'plain')).body.expiresAt).toBeUndefined();
});

test('who may replace it is told before a connection expires and when it has, each time once, and nobody else is', async () => {
  const robin = await people.newPerson('Robin', { plan: 'pro' });
  const kim = await people.newPerson('Kim');
  await people.join(robin.workspaceId, kim, 'viewer');
  const [before, over] = [inDays(10), inDays(-1)];
  await set(robin, 'far', { expiresAt: inDays(60).toISOString() });
  await set(robin, 'near', { expiresAt: before.toISOString() });
  await set(robin, 'over', { expiresAt: over.toISOString() });
  const titles = [
    'The connection over has expired',
    `The connection near expires on ${before.toISOString().slice(0, 10)}`,
  ];
  const known = async () => (await told(robin)).map(({ title, count }) => `${title} ${count}`).sort();
  await Promise.all([look(robin), look(robin), look(robin)]);
  expect(await known()).toEqual(titles.map((title) => `${title} 1`).sort());
  await expect
    .poll(() => cloud.letters(robin.email).map(({ subject }) => subject), soon)
    .toEqual(expect.arrayContaining(titles));
  // Whoever looks on the next day finds nothing new, and says nothing.
  await look(robin);
  expect(await known()).toEqual(titles.map((title) => `${title} 1`).sort());
  expect(await told(kim)).toEqual([]);
});

test('another secret of the same service is a rotation, of another service a change', async () => {
  const robin = await people.newPerson('Robin', { plan: 'pro' });
  await set(robin, 'one');
  await set(robin, 'one', { secret: { kind: 'bearer', token: 'another' } });
  await set(robin, 'one', { connector: 'webhook', secret: { secret: 'something long enough' }, hosts: [] });
  const { body } = await robin.call<{ data: { action: string }[] }>('GET', '/v1/audit?action=connection.');
  expect(body.data.map(({ action }) => action)).toEqual([
    'connection.update',
    'connection.rotate',
    'connection.create',
  ]);
});
