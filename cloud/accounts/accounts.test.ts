import { afterAll, beforeAll, expect, test } from 'vitest';
import { send, startTestCloud, type TestCloud } from '../../tests/fixtures/cloud.ts';
import { hashToken } from '../platform/tokens.ts';

const COPIED = 'A sign-in to your Sluice account was ended, because it may have been copied';
const soon = { timeout: 60_000, interval: 100 };

type Tokens = { accessToken: string; refreshToken: string; expiresIn: number };

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startTestCloud();
});
afterAll(() => cloud.stop());

const post = <T = unknown>(path: string, body: unknown, headers?: Record<string, string>) =>
  send<T>(cloud.url, 'POST', `/v1/auth/${path}`, body, headers);
const whoami = (accessToken: string) =>
  send(cloud.url, 'GET', '/v1/auth/whoami', undefined, { authorization: `Bearer ${accessToken}` });
const refresh = (refreshToken: string, headers?: Record<string, string>) =>
  post<Tokens>('token', { grantType: 'refresh_token', refreshToken }, headers);
const actions = async (userId: string) =>
  (
    await cloud.database.ownerSql<{ action: string }>(
      'select action from account_event where user_id = $1 order by seq',
      [userId],
    )
  ).map((row) => row.action);
/** Makes what happened to a session look as if it was longer ago. */
const age = (refreshToken: string, seconds: number) =>
  cloud.database.ownerSql(
    'update session set rotated_at = rotated_at - make_interval(secs => $2) where refresh_hash = $1',
    [hashToken(refreshToken), seconds],
  );

test('a person registers, confirms the address and signs in, and has a workspace of their own', async () => {
  const answer = await post('register', { email: ' Ada@Example.com ', password: 'four random words', name: 'Ada' });
  expect(answer).toMatchObject({ status: 200, body: { done: true } });
  const tokens = (await post<Tokens>('sign-in', { email: 'ada@example.com', password: 'four random words' })).body;
  const workspaces = [
    {
      id: expect.any(String),
      name: 'Ada’s workspace',
      slug: expect.stringMatching(/^ada-s-workspace-[0-9a-f]{8}$/),
      role: 'owner',
      plan: 'free',
    },
  ];
  expect((await whoami(tokens.accessToken)).body).toMatchObject({
    user: { email: 'ada@example.com', name: 'Ada', emailVerified: false },
    workspaces,
  });

  const [letter] = cloud.letters('ada@example.com');
  const token = /verify\?token=(\S+)/.exec(letter?.text ?? '')?.[1];
  expect((await post('verify-email', { token })).status).toBe(200);
  expect((await post('verify-email', { token })).body).toMatchObject({ code: 'token.invalid' });
  const later = (await post<Tokens>('sign-in', { email: 'ada@example.com', password: 'four random words' })).body;
  expect((await whoami(later.accessToken)).body).toMatchObject({ user: { emailVerified: true } });
});

test('no password, token or code is stored as it is, nor logged', async () => {
  const person = await cloud.newPerson();
  const rows = await cloud.database.ownerSql<{ text: string }>(
    'select row_to_json(s)::text as text from session s union all select row_to_json(u)::text from user_account u union all select row_to_json(v)::text from verification_token v',
  );
  const stored = rows.map((row) => row.text).join('\n');
  const secrets = [
    person.password,
    person.accessToken,
    person.refreshToken,
    ...cloud.letters(person.email).map((letter) => /token=(\S+)/.exec(letter.text)?.[1] ?? '?'),
  ];
  for (const secret of secrets) {
    expect(stored).not.toContain(secret);
    expect(cloud.log.join('\n')).not.toContain(secret);
  }
  expect(stored).toContain('$argon2id$');
});

test('registering again with a confirmed address answers the same and changes nothing', async () => {
  const person = await cloud.newPerson();
  const fresh = await post('register', {
    email: 'somebody-new@example.com',
    password: 'other random words',
    name: 'X',
  });
  const again = await post('register', { email: person.email, password: 'other random words', name: 'Mallory' });
  expect([again.status, again.body]).toEqual([fresh.status, fresh.body]);
  expect((await post('sign-in', { email: person.email, password: 'other random words' })).status).toBe(401);
  expect(cloud.letters(person.email).at(-1)?.subject).toBe('You already have a Sluice account');
});

test('signing up again with an address that is not confirmed opens nothing of it, and the letter decides whose it is', async () => {
  const email = 'twice@example.com';
  const signIn = async (password: string) => (await post<Tokens>('sign-in', { email, password })).status;
  await post('register', { email, password: 'the first password', name: 'Kim' });
  const first = (await post<Tokens>('sign-in', { email, password: 'the first password' })).body;
  // Somebody who knows the address and cannot read its mail.
  await post('register', { email, password: 'the second password', name: 'Mallory' });
  expect(await signIn('the second password')).toBe(401);
  expect((await whoami(first.accessToken)).body).toMatchObject({ user: { name: 'Kim' } });
  expect((await refresh(first.refreshToken)).status).toBe(200);
  expect(await signIn('the first password')).toBe(200);

  const [own, others] = cloud.letters(email).map((letter) => /token=(\S+)/.exec(letter.text)?.[1]);
  expect((await post('verify-email', { token: own })).status).toBe(200);
  // What the other letter would have set is worth nothing any more.
  expect((await post('verify-email', { token: others })).status).toBe(401);
  expect(await signIn('the second password')).toBe(401);
  expect(await signIn('the first password')).toBe(200);
});

test('who reads the mail gets the account that somebody else had begun with the address, and they are put out', async () => {
  const email = 'squatted@example.com';
  const signIn = (password: string) => post<Tokens>('sign-in', { email, password });
  await post('register', { email, password: 'the first password', name: 'Mallory' });
  const squatter = (await signIn('the first password')).body;
  const made = await send(
    cloud.url,
    'POST',
    '/v1/second-factor/enrol',
    { password: 'the first password' },
    { authorization: `Bearer ${squatter.accessToken}` },
  );
  expect(made).toMatchObject({ status: 403, body: { code: 'mail.not_verified' } });
  await post('register', { email, password: 'the second password', name: 'Kim' });
  const tokens = cloud.letters(email).map((letter) => /token=(\S+)/.exec(letter.text)?.[1]);
  // All in the same moment, as often as they like: one of them holds, whole.
  await post('register', { email, password: 'the third password', name: 'Mallory' });
  const answers = await Promise.all([1, 2, 3].map(() => post('verify-email', { token: tokens[1] })));
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401]);
  expect((await signIn('the first password')).status).toBe(401);
  expect((await signIn('the third password')).status).toBe(401);
  expect((await refresh(squatter.refreshToken)).status).toBe(401);
  const owner = await signIn('the second password');
  expect((await whoami(owner.body.accessToken)).body).toMatchObject({ user: { name: 'Kim', emailVerified: true } });
});

test('a letter that got lost is sent again by signing up again, which ends no sign-in', async () => {
  const email = 'lost-letter@example.com';
  const account = { email, password: 'the only password', name: 'Kim' };
  await post('register', account);
  const { accessToken, refreshToken } = (await post<Tokens>('sign-in', { email, password: account.password })).body;
  await post('register', account);
  const token = /token=(\S+)/.exec(cloud.letters(email).at(-1)?.text ?? '')?.[1];
  expect((await post('verify-email', { token })).status).toBe(200);
  expect((await whoami(accessToken)).body).toMatchObject({ user: { emailVerified: true } });
  expect((await refresh(refreshToken)).status).toBe(200);
  expect((await post('verify-email', { token })).status).toBe(401);
});

test('nobody’s mailbox is filled by signing up with its address; the letters before stay good', async () => {
  const email = 'filled@example.com';
  const account = { email, password: 'the only password', name: 'Kim' };
  for (let n = 0; n < 5; n++) expect((await post('register', account)).status).toBe(200);
  expect(cloud.letters(email)).toHaveLength(4);
  const token = /token=(\S+)/.exec(cloud.letters(email)[0]?.text ?? '')?.[1];
  expect((await post('verify-email', { token })).status).toBe(200);
});

test('a password that everybody tries is refused, and so is one that is too short', async () => {
  const common = await post('register', { email: 'lazy@example.com', password: 'Password123', name: 'L' });
  expect(common).toMatchObject({
    status: 422,
    body: { code: 'request.invalid', details: { issues: [{ path: 'password' }] } },
  });
  expect((await post('register', { email: 'lazy@example.com', password: 'short', name: 'L' })).status).toBe(422);
});

test('a wrong password and an unknown address get the same words', async () => {
  const person = await cloud.newPerson();
  const wrong = await post<object>('sign-in', { email: person.email, password: 'not my password' });
  const unknown = await post<object>('sign-in', { email: 'nobody-at-all@example.com', password: 'not my password' });
  expect({ ...wrong.body, requestId: '' }).toEqual({ ...unknown.body, requestId: '' });
  expect(wrong.body).toMatchObject({ code: 'sign_in.failed', details: { triesLeft: 4 } });
  await expect.poll(() => actions(person.userId)).toContain('auth.login_failed');
});

test('after five failures this address may not try this account, also with the right password; others may', async () => {
  const person = await cloud.newPerson();
  for (let left = 4; left >= 0; left--) {
    expect((await post('sign-in', { email: person.email, password: 'guess' })).body).toMatchObject({
      details: { triesLeft: left },
    });
  }
  const closed = await post('sign-in', { email: person.email, password: person.password });
  expect(closed).toMatchObject({ status: 429, body: { code: 'rate.exceeded' } });
  expect(Number(closed.headers.get('retry-after'))).toBeGreaterThan(800);
  // The account itself stays open: who is signed in goes on, and another account signs in from here.
  expect((await refresh(person.refreshToken)).status).toBe(200);
  const other = await cloud.newPerson();
  expect((await post('sign-in', { email: other.email, password: other.password })).status).toBe(200);
});

test('an access token ends when its session is signed out, within five seconds', async () => {
  const person = await cloud.newPerson();
  expect((await whoami(person.accessToken)).status).toBe(200);
  expect((await post('sign-out', {}, { authorization: `Bearer ${person.accessToken}` })).status).toBe(200);
  await expect.poll(async () => (await whoami(person.accessToken)).status, { timeout: 60_000 }).toBe(401);
  expect((await refresh(person.refreshToken)).body).toMatchObject({ code: 'session.expired' });
});

test('a refresh gives new tokens; the same client that asks again at once gets the same ones', async () => {
  const person = await cloud.newPerson();
  const first = await refresh(person.refreshToken);
  const again = await refresh(person.refreshToken);
  expect(first.body.refreshToken).not.toBe(person.refreshToken);
  expect(again.body).toEqual(first.body);
  expect((await whoami(first.body.accessToken)).status).toBe(200);
});

test('many refreshes with one token at once give one successor', async () => {
  const person = await cloud.newPerson();
  const answers = await Promise.all(Array.from({ length: 6 }, () => refresh(person.refreshToken)));
  expect(new Set(answers.map(({ body }) => body.refreshToken)).size).toBe(1);
  expect((await refresh(answers[0]?.body.refreshToken ?? '')).status).toBe(200);
});

test.each([
  ['ten seconds later', (token: string) => age(token, 11), {}],
  ['by another client', async () => undefined, { 'user-agent': 'somebody else' }],
])('a refresh token used again %s ends its whole family', async (_when, prepare, headers) => {
  const person = await cloud.newPerson();
  const next = (await refresh(person.refreshToken)).body;
  await prepare(person.refreshToken);
  expect((await refresh(person.refreshToken, headers)).body).toMatchObject({ code: 'session.expired' });
  expect((await refresh(next.refreshToken)).status).toBe(401);
  await expect.poll(async () => (await whoami(next.accessToken)).status, { timeout: 60_000 }).toBe(401);
  expect(await actions(person.userId)).toContain('auth.refresh_reuse');

  // Whoever is signed out by this is told why, once, however often it is tried.
  const news = () => cloud.letters(person.email).filter(({ subject }) => subject === COPIED);
  expect((await refresh(person.refreshToken, headers)).status).toBe(401);
  expect((await refresh(next.refreshToken)).status).toBe(401);
  await expect.poll(() => news().length, soon).toBe(1);
  expect(news()[0]?.text).toContain('a key of your sign-in on API was used a second time, from the address');
  expect(news()[0]?.text).toContain(`${cloud.url}/sessions`);
  await expect.poll(() => cloud.database.ownerSql('select id from mail_outbox'), soon).toEqual([]);
  expect(news()).toHaveLength(1);
});

test('renewing in time, and with a token that nobody had, is told by no letter', async () => {
  const person = await cloud.newPerson();
  const next = (await refresh(person.refreshToken)).body;
  expect((await refresh(person.refreshToken)).status).toBe(200);
  expect((await refresh(next.refreshToken)).status).toBe(200);
  expect((await refresh(`slr_${'A'.repeat(43)}`)).status).toBe(401);
  await expect.poll(() => cloud.database.ownerSql('select id from mail_outbox'), soon).toEqual([]);
  expect(cloud.letters(person.email).map(({ subject }) => subject)).not.toContain(COPIED);
});

test('a grandparent’s refresh token has no grace', async () => {
  const person = await cloud.newPerson();
  const parent = (await refresh(person.refreshToken)).body;
  const child = (await refresh(parent.refreshToken)).body;
  expect((await refresh(person.refreshToken)).status).toBe(401);
  expect((await refresh(child.refreshToken)).status).toBe(401);
});

test('a member of one workspace finds nothing in another, and every change is in its own audit log', async () => {
  const [ours, theirs] = [await cloud.newPerson(), await cloud.newPerson()];
  const own = await ours.call<{ data: { action: string; actorName: string }[] }>('GET', '/v1/audit');
  expect(own.body.data).toMatchObject([{ action: 'workspace.create', actorName: 'Robin', outcome: 'ok' }]);
  expect(
    (await ours.call('GET', '/v1/audit', undefined, { 'sluice-workspace': theirs.workspaceId })).body,
  ).toMatchObject({ code: 'workspace.not_found' });
  expect((await ours.call('POST', '/v1/workspaces', { name: 'Second mill' })).body).toMatchObject({
    name: 'Second mill',
    role: 'owner',
  });
  expect((await ours.call<unknown[]>('GET', '/v1/workspaces')).body).toHaveLength(2);
  expect((await theirs.call<unknown[]>('GET', '/v1/workspaces')).body).toHaveLength(1);
});
