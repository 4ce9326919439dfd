import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Person, send, startTestCloud, type TestCloud } from '../../tests/fixtures/cloud.ts';

let cloud: TestCloud;
beforeAll(async () => {
  // The address is what the proxy in front says: so one test can come from many.
  cloud = await startTestCloud({ TRUST_PROXY: '1', SIGN_INS_PER_MINUTE: '60' });
});
afterAll(() => cloud.stop());

type Tokens = { accessToken: string; refreshToken: string; code?: string };
type From = { ip?: string; agent?: string; deviceName?: string; password?: string };

const signIn = ({ email, password }: Pick<Person, 'email' | 'password'>, from: From = {}) =>
  send<Tokens>(
    cloud.url,
    'POST',
    '/v1/auth/sign-in',
    { email, password: from.password ?? password, deviceName: from.deviceName ?? 'Laptop' },
    { 'x-forwarded-for': from.ip ?? '127.0.0.1', 'user-agent': from.agent ?? 'Sluice/0.1.0 (linux)' },
  );
const works = async ({ accessToken }: Tokens) =>
  (await send(cloud.url, 'GET', '/v1/auth/whoami', undefined, { authorization: `Bearer ${accessToken}` })).status ===
  200;
const subjects = (person: Person) => cloud.letters(person.email).map(({ subject }) => subject);
const byPage = ({ email, password }: Person, ip: string, agent: string) =>
  fetch(`${cloud.url}/sign-in`, {
    method: 'POST',
    redirect: 'manual',
    headers: { origin: cloud.url, 'x-forwarded-for': ip, 'user-agent': agent },
    body: new URLSearchParams({ email, password }),
  });

test('one sign-in more than the plan has room for ends the oldest, which is told, and no other', {
  timeout: 300_000,
}, async () => {
  const person = await cloud.newPerson();
  const second = (await signIn(person, { deviceName: 'Second' })).body;
  expect(subjects(person)).not.toContain('You were signed out on a device');
  const third = (await signIn(person, { deviceName: 'Third' })).body;
  const renew = (refreshToken: string) =>
    send<Tokens>(cloud.url, 'POST', '/v1/auth/token', { grantType: 'refresh_token', refreshToken });
  expect((await renew(person.refreshToken)).status).toBe(401);
  for (const { refreshToken } of [second, third]) expect((await renew(refreshToken)).status).toBe(200);
  // Letters of a transaction are sent when it is over.
  await expect.poll(() => subjects(person), { timeout: 60_000 }).toContain('You were signed out on a device');
  const letter = cloud.letters(person.email).find(({ subject }) => subject === 'You were signed out on a device');
  expect(letter?.text).toContain('- API');
  expect(letter?.text).toContain('the Free plan has room for 2 sign-ins');

  // A browser is no device: connecting a desktop takes one of each.
  for (const agent of ['One', 'Two']) expect((await byPage(person, '127.0.0.1', agent)).status).toBe(303);
  const sessions = await send<{ kind: string }[]>(cloud.url, 'GET', '/v1/sessions', undefined, {
    authorization: `Bearer ${third.accessToken}`,
  });
  expect(sessions.body.map(({ kind }) => kind).sort()).toEqual(['browser', 'browser', 'device', 'device']);

  await cloud.database.ownerSql("update workspace set plan = 'enterprise' where id = $1", [person.workspaceId]);
  for (let more = 0; more < 4; more++) await signIn(person);
  expect(await works(third)).toBe(true);
});

test('many sign-ins in the same moment leave as many as the plan has room for', { timeout: 300_000 }, async () => {
  const person = await cloud.newPerson();
  await Promise.all(Array.from({ length: 5 }, (_, index) => signIn(person, { deviceName: `Device ${index}` })));
  const live = 'select id from session where user_id = $1 and revoked_at is null and rotated_at is null';
  expect(await cloud.database.ownerSql(live, [person.userId])).toHaveLength(2);
  // Beside those that end all of them: neither waits for the other for ever.
  const other = await cloud.newPerson();
  const answers = await Promise.all(
    [1, 2, 3, 4].flatMap((n) => [
      signIn(other, { deviceName: `Device ${n}` }),
      other.call('POST', '/v1/sessions/revoke-all', { keepThisOne: true }),
    ]),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
});

test('a sign-in from an address and on a device that were never seen is told by a letter, and nothing else is', {
  timeout: 300_000,
}, async () => {
  const person = await cloud.newPerson();
  await cloud.database.ownerSql("update workspace set plan = 'enterprise' where id = $1", [person.workspaceId]);
  const news = () => subjects(person).filter((subject) => subject === 'A new sign-in to your Sluice account').length;
  const chrome = 'Mozilla/5.0 Chrome';
  await byPage(person, '127.0.0.1', chrome);
  await byPage(person, '203.0.113.1', chrome);
  await byPage(person, '203.0.113.1', 'Mozilla/5.0 Firefox');
  await signIn(person, { deviceName: 'Known address' });
  await byPage(person, '203.0.113.2', 'Mozilla/5.0 Safari');
  await expect.poll(news, { timeout: 60_000 }).toBe(1);
  expect(cloud.letters(person.email).find(({ subject }) => subject.startsWith('A new'))?.text).toContain('203.0.113.2');
  await signIn(person, { ip: '203.0.113.3', deviceName: 'The stranger’s\nlaptop' });
  await expect.poll(news, { timeout: 60_000 }).toBe(2);
  await signIn(person, { ip: '203.0.113.3' });
  await expect.poll(() => cloud.database.ownerSql('select id from mail_outbox'), { timeout: 60_000 }).toEqual([]);
  expect(news()).toBe(2);
});

test('guessing one account from many addresses ends after twenty, and keeps the person out nowhere', {
  timeout: 300_000,
}, async () => {
  const [person, other] = [await cloud.newPerson(), await cloud.newPerson()];
  // At home, where the address changes every day and its first half does not.
  expect((await signIn(person, { ip: '2001:db8:1:1::1' })).status).toBe(200);
  const guess = (n: number) => signIn(person, { ip: `198.51.100.${n}`, password: 'not this one' });
  const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => guess(n)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
  expect((await guess(50)).status).toBe(429);
  // Also with the right password: otherwise the answer would tell it.
  expect((await signIn(person, { ip: '198.51.100.51' })).status).toBe(429);

  expect((await signIn(person)).status).toBe(200);
  expect((await signIn(person, { ip: '2001:db8:1:1:8:9:a:b' })).status).toBe(200);
  expect((await signIn(person, { ip: '2001:db8:1:2::1' })).status).toBe(429);
  expect((await signIn(other, { ip: '198.51.100.50' })).status).toBe(200);
  // From a new address: by a letter.
  const ip = '192.0.2.7';
  expect((await signIn(person, { ip })).status).toBe(429);
  const headers = { 'x-forwarded-for': ip };
  await send(cloud.url, 'POST', '/v1/auth/forgot-password', { email: person.email }, headers);
  await expect.poll(() => subjects(person)).toContain('Set a new password for Sluice');
  const letter = cloud.letters(person.email).find(({ subject }) => subject === 'Set a new password for Sluice');
  const token = /token=(\S+)/.exec(letter?.text ?? '')?.[1];
  const password = 'four other words';
  expect((await send(cloud.url, 'POST', '/v1/auth/reset-password', { token, password }, headers)).status).toBe(200);
  expect((await signIn(person, { ip, password })).status).toBe(200);
  expect((await signIn(person, { ip: '192.0.2.8', password })).status).toBe(429);
});

test('an address that nobody has is answered like one that is guessed, also when it is closed', {
  timeout: 300_000,
}, async () => {
  const person = await cloud.newPerson();
  const tried = async (email: string) => {
    const words: unknown[] = [];
    for (let n = 0; n < 7; n++) {
      const { status, body } = await signIn({ email, password: 'not this one' }, { ip: '198.51.100.200' });
      const { title, code, details } = body as { title?: string; code?: string; details?: unknown };
      words.push({ status, title, code, triesLeft: (details as { triesLeft?: number } | undefined)?.triesLeft });
    }
    return words;
  };
  expect(await tried('nobody-at-all@example.com')).toEqual(await tried(person.email));
});

test('one address tries no more accounts in a minute than it may, whoever they belong to; others go on', {
  timeout: 300_000,
}, async () => {
  const person = await cloud.newPerson();
  const ip = '198.51.100.240';
  // What is not even read counts as well: it is cheap to send.
  const tried = await Promise.all(
    Array.from({ length: 60 }, (_, n) => signIn({ email: `not an address ${n}`, password: 'x' }, { ip })),
  );
  expect(new Set(tried.map(({ status }) => status))).toEqual(new Set([422]));
  expect(await signIn(person, { ip })).toMatchObject({ status: 429, body: { code: 'rate.exceeded' } });
  expect((await signIn(person, { ip: '198.51.100.241' })).status).toBe(200);
});
