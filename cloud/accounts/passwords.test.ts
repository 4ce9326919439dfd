import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Person, send, startTestCloud, type TestCloud } from '../../tests/fixtures/cloud.ts';
import { hashPassword, passwordMatches } from './passwords.ts';

type Tokens = { accessToken: string; refreshToken: string };

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startTestCloud({ RESETS_PER_HOUR: '1000' });
});
afterAll(() => cloud.stop());

const post = <T = { code?: string }>(path: string, body: unknown, headers?: Record<string, string>) =>
  send<T>(cloud.url, 'POST', `/v1/auth/${path}`, body, headers);
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const signIn = (email: string, password: string) => post<Tokens>('sign-in', { email, password });
const linksTo = (email: string) =>
  cloud.letters(email).flatMap(({ text }) => /\/reset\?token=(\S+)/.exec(text)?.[1] ?? []);
const refresh = (refreshToken: string) => post('token', { grantType: 'refresh_token', refreshToken });

async function forgotten(person: Person): Promise<string> {
  const before = linksTo(person.email).length;
  await post('forgot-password', { email: person.email });
  await expect.poll(() => linksTo(person.email).length).toBe(before + 1);
  return linksTo(person.email).at(-1) ?? '';
}

test('a forgotten password is replaced by a link, which ends every sign-in and works once', async () => {
  const person = await cloud.newPerson();
  const token = await forgotten(person);
  expect((await signIn(person.email, person.password)).status).toBe(200);
  expect((await post('reset-password', { token, password: 'another few words' })).status).toBe(200);
  expect((await signIn(person.email, person.password)).status).toBe(401);
  expect((await signIn(person.email, 'another few words')).status).toBe(200);
  expect((await refresh(person.refreshToken)).status).toBe(401);
  expect(await post('reset-password', { token, password: 'a third few words' })).toMatchObject({
    status: 401,
    body: { code: 'token.invalid' },
  });
  await expect
    .poll(() => cloud.letters(person.email).map(({ subject }) => subject))
    .toContain('Your Sluice password was changed');
});

test('an address without an account gets the same answer, and no letter', async () => {
  const person = await cloud.newPerson();
  const known = await post('forgot-password', { email: person.email });
  const unknown = await post('forgot-password', { email: 'nobody-here@example.com' });
  expect([unknown.status, unknown.body]).toEqual([known.status, known.body]);
  await expect.poll(() => linksTo(person.email).length).toBe(1);
  expect(cloud.letters('nobody-here@example.com')).toEqual([]);
});

test('a link that is too old is refused, and so is one to confirm an address; the good one of the same person works', async () => {
  const person = await cloud.newPerson();
  const old = await forgotten(person);
  await cloud.database.ownerSql(
    "update verification_token set expires_at = now() - interval '1 second' where user_id = $1",
    [person.userId],
  );
  const good = await forgotten(person);
  const email = 'unconfirmed@example.com';
  await post('register', { email, password: 'four random words', name: 'Uma' });
  const confirming = /verify\?token=(\S+)/.exec(cloud.letters(email)[0]?.text ?? '')?.[1];
  for (const token of [old, confirming, 'slp_made-up']) {
    expect((await post('reset-password', { token, password: 'another few words' })).status).toBe(401);
  }
  expect((await post('verify-email', { token: good })).status).toBe(401);
  expect((await post('reset-password', { token: good, password: 'password1' })).status).toBe(422);
  expect((await post('reset-password', { token: good, password: 'another few words' })).status).toBe(200);
});

test('setting a password by one link makes the other links worthless', async () => {
  const person = await cloud.newPerson();
  const [first, second] = [await forgotten(person), await forgotten(person)];
  expect((await post('reset-password', { token: first, password: 'another few words' })).status).toBe(200);
  expect((await post('reset-password', { token: second, password: 'a third few words' })).status).toBe(401);
});

test('nobody’s mailbox is filled: the fourth letter of an hour is not sent, and the links before it stay good', async () => {
  const person = await cloud.newPerson();
  const first = await forgotten(person);
  await forgotten(person);
  await forgotten(person);
  expect((await post('forgot-password', { email: person.email })).status).toBe(200);
  const other = await cloud.newPerson();
  await forgotten(other);
  expect(linksTo(person.email)).toHaveLength(3);
  expect((await post('reset-password', { token: first, password: 'another few words' })).status).toBe(200);
});

test('asking for links is limited per address of the network', async () => {
  const strict = await startTestCloud({ RESETS_PER_HOUR: '2' });
  try {
    const ask = () => send(strict.url, 'POST', '/v1/auth/forgot-password', { email: 'x@example.com' });
    expect([(await ask()).status, (await ask()).status, (await ask()).status]).toEqual([200, 200, 429]);
  } finally {
    await strict.stop();
  }
});

test('changing the password ends the other sign-ins and keeps this one', async () => {
  const person = await cloud.newPerson();
  const other = (await signIn(person.email, person.password)).body;
  const change = (currentPassword: string, newPassword: string) =>
    post('change-password', { currentPassword, newPassword }, bearer(person.accessToken));
  expect(await change('not my password', 'another few words')).toMatchObject({
    status: 403,
    body: { code: 'access.denied', details: { triesLeft: 4 } },
  });
  expect((await refresh(other.refreshToken)).status).toBe(200);
  expect((await change(person.password, 'password1')).status).toBe(422);
  expect((await change(person.password, 'another few words')).status).toBe(200);
  expect((await refresh(person.refreshToken)).status).toBe(200);
  expect((await signIn(person.email, person.password)).status).toBe(401);
  expect((await signIn(person.email, 'another few words')).status).toBe(200);
  const families = await cloud.database.ownerSql(
    'select family from session where user_id = $1 and revoked_at is null group by family',
    [person.userId],
  );
  expect(families).toHaveLength(2);
});

test('a person who forgot the password sets another one by the pages alone', async () => {
  const person = await cloud.newPerson();
  const form = async (path: string, fields: Record<string, string>) => {
    const body = new URLSearchParams(fields);
    const answer = await fetch(`${cloud.url}${path}`, { method: 'POST', headers: { origin: cloud.url }, body });
    return { status: answer.status, text: await answer.text() };
  };
  const unknown = await form('/forgot', { email: 'nobody-there@example.com' });
  const known = await form('/forgot', { email: person.email });
  expect(known.text.replace(person.email, '')).toBe(unknown.text.replace('nobody-there@example.com', ''));
  await expect.poll(() => linksTo(person.email).length).toBe(1);
  const [token = ''] = linksTo(person.email);
  expect(await (await fetch(`${cloud.url}/reset?token=${token}`)).text()).toContain(`value="${token}"`);
  const common = await form('/reset', { token, password: 'password1' });
  expect([common.status, common.text]).toEqual([422, expect.stringContaining('one of the first')]);
  expect((await form('/reset', { token, password: 'another few words' })).text).toContain('Your password is set');
  expect((await form('/reset', { token, password: 'a third few words' })).status).toBe(401);
  expect((await signIn(person.email, 'another few words')).status).toBe(200);
});

test('a password is the same however a keyboard puts its letters together, and another one is not', async () => {
  const typed = 'Schöne große Wörter';
  const stored = await hashPassword(typed.normalize('NFD'));
  expect(await passwordMatches(stored, typed.normalize('NFC'))).toBe(true);
  expect(await passwordMatches(stored, 'Schone große Worter')).toBe(false);
});

test('who forgot that the account is being deleted is told by a letter, and its address is not taken meanwhile', async () => {
  const person = await cloud.newPerson('Leaver');
  const { email } = person;
  const leaving = (at: string) =>
    cloud.database.ownerSql(`update user_account set deleted_at = ${at} where email = $1`, [email]);
  await leaving('now()');
  const subjects = () => cloud.letters(email).map(({ subject }) => subject);
  const told = () => subjects().filter((subject) => subject === 'Your Sluice account is still being deleted').length;
  const before = subjects().length;
  expect((await send(cloud.url, 'POST', '/v1/auth/forgot-password', { email })).status).toBe(200);
  await expect.poll(told, { timeout: 20_000 }).toBe(1);
  const account = { email, password: 'four other words', name: 'Again' };
  expect((await send(cloud.url, 'POST', '/v1/auth/register', account)).status).toBe(200);
  await expect.poll(told, { timeout: 20_000 }).toBe(2);
  expect(subjects()).toHaveLength(before + 2);
  const signIn = (password: string) => send(cloud.url, 'POST', '/v1/auth/sign-in', { email, password });
  expect([(await signIn(person.password)).status, (await signIn(account.password)).status]).toEqual([401, 401]);
  await leaving('null');
  expect([(await signIn(person.password)).status, (await signIn(account.password)).status]).toEqual([200, 401]);
});
