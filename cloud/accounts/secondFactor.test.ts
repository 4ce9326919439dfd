import { Secret, TOTP } from 'otpauth';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Person, send, startTestCloud, type TestCloud } from '../../tests/fixtures/cloud.ts';

type Tokens = { accessToken: string; refreshToken: string };
type Refusal = { code: string; details?: { triesLeft: number } };

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startTestCloud({ RESETS_PER_HOUR: '1000' });
});
afterAll(() => cloud.stop());

const signIn = ({ email, password }: Person, code?: string) =>
  send<Tokens & Refusal>(cloud.url, 'POST', '/v1/auth/sign-in', { email, password, code });
const codeOf = (secret: string, steps = 0) =>
  new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: Date.now() + steps * 30_000 });
/** As if the last code that was taken was long ago. */
const later = (person: Person) =>
  cloud.database.ownerSql('update second_factor set last_step = 0 where user_id = $1', [person.userId]);
const wrong = (right: string) => String((Number(right) + 1) % 1_000_000).padStart(6, '0');

/** Somebody who may be signed in on as many devices as a test needs. */
async function newPerson(): Promise<Person> {
  const person = await cloud.newPerson();
  await cloud.database.ownerSql("update workspace set plan = 'enterprise' where id = $1", [person.workspaceId]);
  return person;
}

async function enrolled(): Promise<{ person: Person; secret: string; recoveryCodes: string[] }> {
  const person = await newPerson();
  const { body } = await person.call<{ secret: string }>('POST', '/v1/second-factor/enrol', {
    password: person.password,
  });
  const confirmed = await person.call<{ recoveryCodes: string[] }>('POST', '/v1/second-factor/confirm', {
    code: codeOf(body.secret),
  });
  await later(person);
  return { person, secret: body.secret, recoveryCodes: confirmed.body.recoveryCodes };
}

test('once it is confirmed, signing in asks for a code, which works once', async () => {
  const person = await newPerson();
  expect((await person.call('POST', '/v1/second-factor/enrol', { password: 'not mine' })).status).toBe(403);
  const { body } = await person.call<{ secret: string; uri: string }>('POST', '/v1/second-factor/enrol', {
    password: person.password,
  });
  expect(body.uri).toContain('otpauth://totp/Sluice');
  // Not confirmed yet: nobody is kept out by an app that was never connected.
  expect((await signIn(person)).status).toBe(200);
  expect((await person.call('POST', '/v1/second-factor/confirm', { code: wrong(codeOf(body.secret)) })).status).toBe(
    403,
  );
  expect((await person.call('POST', '/v1/second-factor/confirm', { code: codeOf(body.secret) })).status).toBe(200);
  expect((await person.call('GET', '/v1/second-factor')).body).toEqual({ on: true, recoveryCodesLeft: 10 });
  await later(person);

  expect(await signIn(person)).toMatchObject({ status: 401, body: { code: 'sign_in.second_factor' } });
  const code = codeOf(body.secret);
  const spaced = `${code.slice(0, 3)} ${code.slice(3)}`;
  expect((await signIn(person, spaced)).status).toBe(200);
  expect(await signIn(person, code)).toMatchObject({ status: 401, body: { code: 'sign_in.failed' } });
});

test('a code of a minute ago, or of another account, is refused; the one of now is taken', async () => {
  const [ours, theirs] = [await enrolled(), await enrolled()];
  expect((await signIn(ours.person, codeOf(ours.secret, -3))).status).toBe(401);
  expect((await signIn(ours.person, codeOf(theirs.secret))).status).toBe(401);
  expect((await signIn(ours.person, codeOf(ours.secret))).status).toBe(200);
});

test('a wrong password says nothing of a second factor', async () => {
  const { person, secret } = await enrolled();
  const plain = await newPerson();
  const [one, other] = [
    await signIn({ ...person, password: 'guess' }, codeOf(secret)),
    await signIn({ ...plain, password: 'guess' }),
  ];
  expect({ ...one.body, requestId: '' }).toEqual({ ...other.body, requestId: '' });
});

test('many sign-ins with one code at once: one is let in', async () => {
  const { person, secret } = await enrolled();
  const code = codeOf(secret);
  const answers = await Promise.all(Array.from({ length: 4 }, () => signIn(person, code)));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
});

test('a recovery code signs in once, however it is typed, and a letter tells of it', async () => {
  const { person, recoveryCodes } = await enrolled();
  const [first = '', second = ''] = recoveryCodes;
  expect((await signIn(person, first.toUpperCase().replaceAll('-', ' '))).status).toBe(200);
  expect((await signIn(person, first)).status).toBe(401);
  expect((await signIn(person, 'aaaa-bbbb-cccc-dddd')).status).toBe(401);
  expect((await signIn(person, second)).status).toBe(200);
  expect((await person.call('GET', '/v1/second-factor')).body).toEqual({ on: true, recoveryCodesLeft: 8 });
  await expect
    .poll(() => cloud.letters(person.email).filter(({ text }) => text.includes('recovery code')).length)
    .toBe(2);
});

test('after five wrong codes no code is taken from here, but a recovery code is, and who is signed in goes on', async () => {
  const { person, secret, recoveryCodes } = await enrolled();
  for (const triesLeft of [4, 3, 2, 1, 0]) {
    expect((await signIn(person, wrong(codeOf(secret)))).body).toMatchObject({
      code: 'sign_in.failed',
      details: { triesLeft },
    });
  }
  expect(await signIn(person, codeOf(secret))).toMatchObject({ status: 429, body: { code: 'rate.exceeded' } });
  expect((await signIn(person, recoveryCodes[0])).status).toBe(200);
  expect((await person.call('GET', '/v1/auth/whoami')).status).toBe(200);
});

test('it is turned off with the password and a code, and with neither alone', async () => {
  const { person, secret } = await enrolled();
  const off = (password: string, code: string) =>
    person.call<Refusal>('POST', '/v1/second-factor/disable', { password, code });
  expect((await off('not mine', codeOf(secret))).body.code).toBe('access.denied');
  expect((await off(person.password, wrong(codeOf(secret)))).body.code).toBe('access.denied');
  expect((await off(person.password, '')).body.code).toBe('access.denied');
  expect((await signIn(person)).body.code).toBe('sign_in.second_factor');
  expect((await off(person.password, codeOf(secret))).status).toBe(200);
  expect((await signIn(person)).status).toBe(200);
  expect((await off(person.password, codeOf(secret))).status).toBe(422);
});

test('new recovery codes make the ones before worthless, and a second app is refused while one is connected', async () => {
  const { person, secret, recoveryCodes } = await enrolled();
  const renewed = await person.call<{ recoveryCodes: string[] }>('POST', '/v1/second-factor/recovery-codes', {
    password: person.password,
    code: codeOf(secret),
  });
  expect(renewed.body.recoveryCodes).toHaveLength(10);
  await expect
    .poll(
      () =>
        cloud
          .letters(person.email)
          .map(({ text }) => text.replaceAll('\n', ' '))
          .join(' '),
      { timeout: 20_000 },
    )
    .toContain('New recovery codes were made');
  expect((await signIn(person, recoveryCodes[0])).status).toBe(401);
  expect((await signIn(person, renewed.body.recoveryCodes[0])).status).toBe(200);
  const again = await person.call<Refusal>('POST', '/v1/second-factor/enrol', { password: person.password });
  expect(again).toMatchObject({ status: 422, body: { code: 'request.invalid' } });
});

test('a new password does not step around the second factor', async () => {
  const { person, secret } = await enrolled();
  await send(cloud.url, 'POST', '/v1/auth/forgot-password', { email: person.email });
  const link = () => cloud.letters(person.email).flatMap(({ text }) => /reset\?token=(\S+)/.exec(text)?.[1] ?? [])[0];
  await expect.poll(link).toBeDefined();
  const password = 'another few words';
  await send(cloud.url, 'POST', '/v1/auth/reset-password', { token: link(), password });
  expect((await signIn({ ...person, password })).body.code).toBe('sign_in.second_factor');
  expect((await signIn({ ...person, password }, codeOf(secret))).status).toBe(200);
});

test('nothing of it is stored as it is, logged, or kept under an Idempotency-Key', async () => {
  const person = await newPerson();
  const key = { 'idempotency-key': 'enrol-once' };
  const password = { password: person.password };
  const { body } = await person.call<{ secret: string }>('POST', '/v1/second-factor/enrol', password, key);
  const again = await person.call('POST', '/v1/second-factor/enrol', password, key);
  expect(again).toMatchObject({ status: 422, body: { code: 'request.key_reused' } });
  const { recoveryCodes } = (
    await person.call<{ recoveryCodes: string[] }>(
      'POST',
      '/v1/second-factor/confirm',
      { code: codeOf(body.secret) },
      { 'idempotency-key': 'confirm-once' },
    )
  ).body;
  const rows = await cloud.database.ownerSql<{ text: string }>(
    `select row_to_json(f)::text as text from second_factor f union all select row_to_json(r)::text from recovery_code r
     union all select row_to_json(i)::text from idempotency_key i union all select row_to_json(a)::text from account_event a`,
  );
  const kept = `${rows.map(({ text }) => text).join('\n')}\n${cloud.log.join('\n')}`;
  const hex = Secret.fromBase32(body.secret).hex.toLowerCase();
  for (const secret of [body.secret, hex, ...recoveryCodes]) expect(kept).not.toContain(secret);
  expect(kept).toMatch(/"answered": ?true/);
});

test('the pages set it up, ask for it at the sign-in, and turn it off', async () => {
  const person = await newPerson();
  let cookie = '';
  const form = async (path: string, fields?: Record<string, string>) => {
    const answer = await fetch(`${cloud.url}${path}`, {
      method: fields ? 'POST' : 'GET',
      redirect: 'manual',
      headers: { cookie, ...(fields ? { origin: cloud.url } : {}) },
      body: fields && new URLSearchParams(fields),
    });
    cookie = answer.headers.getSetCookie()[0]?.split(';')[0] ?? cookie;
    return { status: answer.status, text: await answer.text(), location: answer.headers.get('location') };
  };
  const { email, password } = person;
  expect((await form('/second-factor')).location).toBe('/sign-in?next=%2Fsecond-factor');
  expect((await form('/sign-in', { email, password, next: '/second-factor' })).location).toBe('/second-factor');
  expect((await form('/second-factor/enrol', { password: 'not mine' })).text).toContain('This is not your password.');
  const shown = (await form('/second-factor/enrol', { password })).text;
  const secret = /name="secret" value="([A-Z2-7]+)"/.exec(shown)?.[1] ?? '';
  const codes = (await form('/second-factor/confirm', { code: codeOf(secret), secret })).text;
  expect(codes.match(/(?:[a-z2-9]{4}-){3}[a-z2-9]{4}/g)).toHaveLength(10);
  await later(person);

  cookie = '';
  const asked = await form('/sign-in', { email, password, next: '/second-factor' });
  expect([asked.status, cookie]).toEqual([200, '']);
  const challenge = /name="challenge" value="([^"]+)"/.exec(asked.text)?.[1] ?? '';
  const again = await form('/sign-in/code', { challenge, code: wrong(codeOf(secret)), next: '/second-factor' });
  expect([again.status, again.text]).toEqual([401, expect.stringContaining('This code is not right.')]);
  const forged = `${challenge.slice(0, -4)}AAAA`;
  expect((await form('/sign-in/code', { challenge: forged, code: codeOf(secret) })).status).toBe(401);
  expect(cookie).toBe('');
  const entered = await form('/sign-in/code', { challenge, code: codeOf(secret), next: '/second-factor' });
  expect([entered.status, entered.location]).toEqual([303, '/second-factor']);
  expect((await form('/second-factor')).text).toContain('10 recovery codes are left');
  await later(person);
  const off = await form('/second-factor/change', { password, code: codeOf(secret), decision: 'off' });
  expect(off.text).toContain('It is off');
});
