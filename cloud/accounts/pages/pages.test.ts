import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Person, send, startTestCloud, type TestCloud } from '../../../tests/fixtures/cloud.ts';
import { pageBrowser } from '../../../tests/fixtures/pageBrowser.ts';

let cloud: TestCloud;
let person: Person;
beforeAll(async () => {
  cloud = await startTestCloud();
  person = await cloud.newPerson();
});
afterAll(() => cloud.stop());

const browser = (origin?: string) => pageBrowser(cloud.url, origin);

const verifier = randomBytes(32).toString('base64url');
const challenge = createHash('sha256').update(verifier).digest('base64url');
const redirectUri = 'http://127.0.0.1:49152/signed-in';
const authorize = (changes: Record<string, string> = {}) =>
  `/authorize?${new URLSearchParams({ response_type: 'code', redirect_uri: redirectUri, state: 'state-12345', code_challenge: challenge, code_challenge_method: 'S256', device: 'Robin’s laptop', ...changes })}`;
const signIn = () => ({ email: person.email, password: person.password });
const redeem = (code: string, changes: Record<string, string> = {}) =>
  send<{ accessToken: string; refreshToken: string }>(cloud.url, 'POST', '/v1/auth/token', {
    grantType: 'authorization_code',
    code,
    codeVerifier: verifier,
    redirectUri,
    deviceName: 'Laptop',
    ...changes,
  });

async function newCode(): Promise<string> {
  const open = browser();
  const next = decodeURIComponent((await open('GET', authorize())).location.split('next=')[1] ?? '');
  const back = new URL((await open('POST', '/sign-in', { ...signIn(), next })).location);
  return back.searchParams.get('code') ?? '';
}

test('every page has a title, a label per field, and no script', async () => {
  const open = browser();
  for (const path of ['/sign-up', '/sign-in', '/verify?token=x']) {
    const { status, text, headers } = await open('GET', path);
    expect(status).toBe(200);
    expect(text).toMatch(/<html lang="en">[\s\S]*<title>[^<]+ · Sluice<\/title>[\s\S]*<h1>/);
    expect(text).not.toMatch(/<script|\son\w+=|javascript:|style=/i);
    const inputs = [...text.matchAll(/<input id="(\w+)"/g)].map((match) => match[1]);
    for (const id of inputs) expect(text).toContain(`<label for="${id}">`);
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(headers.get('content-security-policy')).not.toMatch(/script|unsafe/);
  }
  expect((await open('GET', '/assets/pages.css')).headers.get('content-type')).toMatch(/^text\/css/);
  expect((await open('GET', '/assets/inter.woff2')).headers.get('content-type')).toBe('font/woff2');
});

test('a person signs up, confirms and signs in by the pages alone', async () => {
  const open = browser();
  const email = 'pages@example.com';
  const sent = await open('POST', '/sign-up', { name: 'Pat <b>', email, password: 'four random words' });
  expect(sent.text).toContain('Look into your mail');
  const link = /http\S+\/verify\?token=\S+/.exec(cloud.letters(email)[0]?.text ?? '')?.[0] ?? '';
  const page = await open('GET', link.slice(cloud.url.length));
  const token = /name="token" value="([^"]+)"/.exec(page.text)?.[1] ?? '';
  expect((await open('POST', '/verify', { token })).text).toContain('Your address is confirmed');
  const answer = await open('POST', '/sign-in', { email, password: 'four random words' });
  expect([answer.status, answer.location]).toEqual([303, '/signed-in']);
  const home = await open('GET', '/signed-in');
  expect(home.text).toContain('Hello, Pat &lt;b&gt;');
  expect((await open('POST', '/sign-out')).location).toBe('/sign-in');
  for (const path of ['/signed-in', '/sign-in/code'])
    expect(await open('GET', path)).toMatchObject({ status: 303, location: '/sign-in' });
});

test('looking at the link in the mail does not use it up', async () => {
  const open = browser();
  await open('POST', '/sign-up', { name: 'Quinn', email: 'quinn@example.com', password: 'four random words' });
  const token = /token=(\S+)/.exec(cloud.letters('quinn@example.com')[0]?.text ?? '')?.[1] ?? '';
  await open('GET', `/verify?token=${token}`);
  await open('GET', `/verify?token=${token}`);
  expect((await open('POST', '/verify', { token })).status).toBe(200);
  const used = await open('POST', '/verify', { token });
  expect([used.status, used.text]).toEqual([401, expect.stringContaining('not good any more')]);
});

test('what was wrong is said above the button, and what was typed stays, but for the password', async () => {
  const open = browser();
  const common = await open('POST', '/sign-up', { name: 'Lee', email: 'lee@example.com', password: 'password1' });
  expect(common.status).toBe(422);
  expect(common.text).toMatch(/role="alert">This password is one of the first/);
  expect(common.text).toContain('value="lee@example.com"');
  expect(common.text).not.toContain('password1');
  const wrong = await open('POST', '/sign-in', { email: person.email, password: 'wrong' });
  expect([wrong.status, wrong.text]).toEqual([
    401,
    expect.stringMatching(/E-mail and password do not match\. \d tries left\./),
  ]);
  const bad = await open('POST', '/sign-up', { name: '', email: 'x', password: 'four random words' });
  expect(bad.text).toMatch(/role="alert">The (name|e-mail address) is missing or not as it must be\./);
});

test('a form from another origin, or from nowhere, changes nothing', async () => {
  for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1:1']) {
    const answer = await browser(origin)('POST', '/sign-in', signIn());
    expect(answer.status).toBe(403);
    expect(answer.headers.getSetCookie()).toEqual([]);
  }
});

test('the cookie is out of reach of scripts and other sites, and is no bearer token', async () => {
  const { headers } = await browser()('POST', '/sign-in', signIn());
  const [cookie = ''] = headers.getSetCookie();
  expect(cookie).toMatch(/^sluice=slb_[^;]+; Max-Age=604800; Path=\/; .*HttpOnly; SameSite=Lax$/);
  const value = /=([^;]+)/.exec(cookie)?.[1];
  expect(
    (await send(cloud.url, 'GET', '/v1/auth/whoami', undefined, { authorization: `Bearer ${value}` })).status,
  ).toBe(401);
});

test('a device signs in through the browser: it is shown who asks, and the code is traded once with its proof', async () => {
  const open = browser();
  const asked = await open('GET', authorize());
  expect(asked.location).toMatch(/^\/sign-in\?next=/);
  const form = await open('GET', asked.location);
  expect(form.text).toContain('Robin’s laptop');
  expect(form.text).toContain('127.0.0.1:49152');
  const next = /name="next" value="([^"]+)"/.exec(form.text)?.[1]?.replaceAll('&amp;', '&') ?? '';
  const back = new URL((await open('POST', '/sign-in', { ...signIn(), next })).location);
  expect(`${back.origin}${back.pathname}`).toBe(redirectUri);
  expect(Object.fromEntries(back.searchParams)).toEqual({
    code: expect.stringMatching(/^slac_/),
    state: 'state-12345',
    iss: cloud.url,
  });

  const code = back.searchParams.get('code') ?? '';
  const tokens = (await redeem(code)).body;
  expect(
    (await send(cloud.url, 'GET', '/v1/auth/whoami', undefined, { authorization: `Bearer ${tokens.accessToken}` }))
      .status,
  ).toBe(200);
  // Twice means that somebody else has it too: what it was traded for ends.
  expect((await redeem(code)).body).toMatchObject({ code: 'token.invalid' });
  expect(
    (await send(cloud.url, 'POST', '/v1/auth/token', { grantType: 'refresh_token', refreshToken: tokens.refreshToken }))
      .status,
  ).toBe(401);
});

test('who is signed in already confirms with one button, or cancels', async () => {
  const open = browser();
  await open('POST', '/sign-in', signIn());
  const page = await open('GET', authorize());
  expect(page.text).toContain(`signed in as ${person.email}`);
  const cancelled = new URL((await open('POST', authorize(), { decision: 'deny' })).location);
  expect(Object.fromEntries(cancelled.searchParams)).toEqual({
    error: 'access_denied',
    state: 'state-12345',
    iss: cloud.url,
  });
  const allowed = new URL((await open('POST', authorize(), { decision: 'allow' })).location);
  expect((await redeem(allowed.searchParams.get('code') ?? '')).status).toBe(200);
});

test('a code is worth nothing with another verifier or another address, and is used up by the try', async () => {
  const wrong: Record<string, string>[] = [
    { codeVerifier: randomBytes(32).toString('base64url') },
    { redirectUri: 'http://127.0.0.1:1/' },
  ];
  for (const changes of wrong) {
    const code = await newCode();
    expect((await redeem(code, changes)).body).toMatchObject({ code: 'token.invalid' });
    expect((await redeem(code)).body).toMatchObject({ code: 'token.invalid' });
  }
});

test.each<Record<string, string>>([
  { redirect_uri: 'https://evil.example/' },
  { redirect_uri: 'http://127.0.0.1.evil.example/' },
  { redirect_uri: 'http://127.0.0.1@evil.example/' },
  { redirect_uri: 'http://localhost:3000/' },
  { redirect_uri: 'sluice://signed-in' },
  { redirect_uri: 'javascript:alert(1)' },
  { code_challenge_method: 'plain' },
  { code_challenge: 'short' },
  { state: '' },
  { response_type: 'token' },
])('a sign-in request with %o is shown as wrong, and sends nobody anywhere', async (changes) => {
  const open = browser();
  await open('POST', '/sign-in', signIn());
  const answer = await open('GET', authorize(changes));
  expect([answer.status, answer.location]).toEqual([422, '']);
  const posted = await open('POST', authorize(changes), { decision: 'allow' });
  expect([posted.status, posted.location]).toEqual([422, '']);
});

test.each([
  'https://evil.example/',
  '//evil.example/',
  '/authorize?redirect_uri=https://evil.example/',
  '/\\evil.example',
  '/v1/audit',
])('after signing in nobody is sent to %s', async (next) => {
  expect((await browser()('POST', '/sign-in', { ...signIn(), next })).location).toBe('/signed-in');
});

test('signing up is limited per address and hour, and slips of the keys do not count', async () => {
  const strict = await startTestCloud({ SIGN_UPS_PER_HOUR: '2' });
  try {
    const signUp = async (email: string, password: string) => {
      const body = new URLSearchParams({ name: 'Sam', email, password });
      return (await fetch(`${strict.url}/sign-up`, { method: 'POST', headers: { origin: strict.url }, body })).status;
    };
    const statuses = [];
    for (const [email, password] of [
      ['s1@example.com', 'short'],
      ['s1@example.com', 'password1'],
      ['s1@example.com', 'four random words'],
      ['s2@example.com', 'four random words'],
      ['s3@example.com', 'four random words'],
    ] as const) {
      statuses.push(await signUp(email, password));
    }
    expect(statuses).toEqual([422, 422, 200, 200, 429]);
  } finally {
    await strict.stop();
  }
});
