import { createHmac } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cloudApi } from '#shared/contract/cloudApi.ts';
import type { HttpGroup } from '#shared/contract/contract.ts';
import { type Person, send, startTestCloud, type TestCloud } from '../../tests/fixtures/cloud.ts';
import { pageBrowser } from '../../tests/fixtures/pageBrowser.ts';
import { hashToken } from '../platform/tokens.ts';
import { identityCapabilities } from '../server/capabilities.ts';
import type { Route } from '../server/routes.ts';

let cloud: TestCloud;
let person: Person;
let routes: readonly Route[] = [];
beforeAll(async () => {
  cloud = await startTestCloud({ TRUST_PROXY: '1' }, async (platform) => {
    const capabilities = await identityCapabilities(platform);
    routes = platform.routes.list();
    return capabilities;
  });
  person = await cloud.newPerson();
  await cloud.database.ownerSql("update workspace set plan = 'enterprise' where id = $1", [person.workspaceId]);
});
afterAll(() => cloud.stop());

let hosts = 0;
/** Each from another address, so that no limit of one address answers in place of what is asked. */
const fromElsewhere = () => ({ 'x-forwarded-for': `10.${++hosts >> 16}.${(hosts >> 8) & 255}.${hosts & 255}` });
const whoami = (authorization: string) =>
  send<{ code?: string }>(cloud.url, 'GET', '/v1/auth/whoami', undefined, { authorization, ...fromElsewhere() });
const signIn = async () =>
  (
    await send<{ accessToken: string; refreshToken: string }>(cloud.url, 'POST', '/v1/auth/sign-in', {
      email: person.email,
      password: person.password,
    })
  ).body;

// S35: what looks like a token.

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** JSON Web Tokens of every kind that a server has ever been talked into taking; ours are none of these. */
function forgedTokens(): string[] {
  const payloads = [
    { sub: person.userId, exp: 9_999_999_999 },
    { sub: person.userId, userId: person.userId, email: person.email, role: 'owner', platformRole: 'platform_admin' },
    { sessionId: uuidv7(), workspaceId: person.workspaceId, permissions: ['workspace:delete'] },
  ];
  const headers = [
    ...['none', 'None', 'NONE', 'nOnE', ''].map((alg) => ({ alg, typ: 'JWT' })),
    ...['RS256', 'ES256', 'EdDSA', 'PS512', 'HS512'].map((alg) => ({ alg })),
    { alg: 'HS256', kid: '../../../../dev/null' },
    { alg: 'HS256', kid: "x' union select 'secret" },
    { alg: 'RS256', jku: 'http://127.0.0.1:9/keys' },
    { alg: 'RS256', x5u: 'http://127.0.0.1:9/cert' },
    { alg: 'RS256', jwk: { kty: 'RSA', n: 'AQAB', e: 'AQAB' } },
    { alg: 'HS256', crit: ['b64'], b64: false },
  ];
  const forged = payloads.flatMap((payload) =>
    headers.map((header) => {
      const text = `${base64(header)}.${base64(payload)}`;
      if (header.alg.toLowerCase() === 'none' || header.alg === '') return `${text}.`;
      return `${text}.${createHmac('sha256', 'secret').update(text).digest('base64url')}`;
    }),
  );
  return [...forged, ...forged.slice(0, 3).map((token) => token.replace(/\.$/, ''))];
}

/** A real token, slightly otherwise. */
function alteredTokens(real: string): string[] {
  const secret = real.slice(4);
  const flipped = (at: number) => `${real.slice(0, at)}${real[at] === 'A' ? 'B' : 'A'}${real.slice(at + 1)}`;
  return [
    flipped(4),
    flipped(20),
    flipped(real.length - 2),
    real.slice(0, -1),
    real.slice(1),
    `${real}A`,
    `${real}=`,
    `${real}${real}`,
    real.toUpperCase(),
    real.toLowerCase(),
    secret,
    ...['slr_', 'slb_', 'slk_', 'slac_', 'sldc_', 'sla-', 'SLA_'].map((prefix) => prefix + secret),
    encodeURIComponent(`${real}/`),
    hashToken(real),
    Buffer.from(real).toString('base64'),
    [...real].reverse().join(''),
    "' or 1=1 --",
    '*',
    '%00',
    '{}',
    'null',
    'undefined',
    'true',
    '0',
    'A'.repeat(4_000),
  ];
}

test('nothing that only looks like a token is one, and the real one still is after all of them', {
  timeout: 300_000,
}, async () => {
  const { accessToken } = await signIn();
  const old = await signIn();
  await cloud.database.ownerSql(
    "update session set access_expires_at = now() - interval '1 second' where access_hash = $1",
    [hashToken(old.accessToken)],
  );
  const cookie = pageBrowser(cloud.url);
  await cookie('POST', '/sign-in', { email: person.email, password: person.password });
  const device = await send<{ deviceCode: string }>(cloud.url, 'POST', '/v1/auth/device', {});
  const key = await person.call<{ secret: string }>('POST', '/v1/api-keys', { name: 'K', scopes: ['run:read'] });
  const link = /token=(\S+)/.exec(cloud.letters(person.email)[0]?.text ?? '')?.[1] ?? '';
  const others = [
    person.refreshToken,
    cookie.cookies.get('sluice') ?? '',
    device.body.deviceCode,
    link,
    old.accessToken,
  ];
  const corpus = [...forgedTokens(), ...alteredTokens(accessToken), ...others].map((token) => `Bearer ${token}`);
  corpus.push(
    ...['', 'Bearer', 'Bearer ', `Basic ${accessToken}`, `Token ${accessToken}`, `Bearer${accessToken}`, accessToken],
  );
  for (const authorization of corpus) {
    const answer = await whoami(authorization);
    expect([answer.status, answer.body.code], authorization).toEqual([401, 'access.unauthenticated']);
  }
  // A key is no person, but it is somebody: it is told so.
  expect((await whoami(`Bearer ${key.body.secret}`)).status).toBe(403);
  expect((await whoami(`Bearer ${accessToken}`)).status).toBe(200);
  expect(corpus.length).toBeGreaterThanOrEqual(80);
  console.log(`Tokens: ${corpus.length} that only look like one, 0 accepted`);
});

test('nothing but the newest refresh token of a sign-in that holds renews it', async () => {
  const renew = (refreshToken: string, from = fromElsewhere()) =>
    send<{ refreshToken: string; accessToken: string }>(
      cloud.url,
      'POST',
      '/v1/auth/token',
      { grantType: 'refresh_token', refreshToken },
      from,
    );
  const real = await signIn();
  const corpus = [real.accessToken, ...alteredTokens(real.refreshToken), ...forgedTokens().slice(0, 6)]
    .map((token) => token.slice(0, 200))
    .filter((token) => token !== real.refreshToken);
  for (const token of corpus) expect((await renew(token)).status, token).toBe(401);
  // None of these was a second use, so the sign-in still holds.
  const renewed = await renew(real.refreshToken);
  expect(renewed.status).toBe(200);
  // From another address: it was copied, and whoever has the successor is signed out too.
  expect((await renew(real.refreshToken)).status).toBe(401);
  expect((await renew(renewed.body.refreshToken)).status).toBe(401);

  // The first answer may be lost, so the same client gets it once more; what is older than that was kept by somebody.
  const here = { 'x-forwarded-for': '127.0.0.1' };
  const first = await signIn();
  const second = (await renew(first.refreshToken, here)).body;
  expect((await renew(first.refreshToken, here)).body).toEqual(second);
  const third = (await renew(second.refreshToken, here)).body;
  expect((await renew(second.refreshToken, here)).body).toEqual(third);
  expect((await renew(first.refreshToken, here)).status).toBe(401);
  for (const { refreshToken } of [second, third]) expect((await renew(refreshToken, here)).status).toBe(401);
  console.log(`Refresh tokens: ${corpus.length + 5} hostile uses, 0 accepted`);
});

// S34: requests that another page made this browser send.

test('no form of another page is taken by any page of ours, and no page may read what we answer', {
  timeout: 300_000,
}, async () => {
  const forms = routes.filter(({ method, name }) => method === 'POST' && name.startsWith('pages.'));
  expect(forms.length).toBeGreaterThan(10);
  const own = new URL(cloud.url);
  const origins = [
    null,
    'null',
    'https://evil.example',
    `https://${own.host}`,
    `http://${own.hostname}`,
    `http://${own.hostname}:1`,
    `http://localhost:${own.port}`,
    `${own.origin}.evil.example`,
    `http://evil.example/${own.origin}`,
    `${own.origin}/`,
    own.origin.toUpperCase(),
    'chrome-extension://abcdefgh',
  ];
  let refused = 0;
  for (const { path, name } of forms) {
    for (const origin of origins) {
      const answer = await pageBrowser(cloud.url, origin)('POST', path, {});
      expect([answer.status, answer.text.includes('not sent from a page of ours')], `${name} from ${origin}`).toEqual([
        403,
        true,
      ]);
      expect(answer.headers.getSetCookie(), name).toEqual([]);
      refused++;
    }
    const ours = await pageBrowser(cloud.url)('POST', path, {});
    expect(ours.text, name).not.toContain('not sent from a page of ours');
  }

  let read = 0;
  for (const { method, path, name } of routes) {
    const address = `${cloud.url}${path.replace(/[:*](\w+)/g, () => uuidv7())}`;
    const headers = { origin: 'https://evil.example', cookie: 'sluice=slb_x', ...fromElsewhere() };
    const asked = {
      ...headers,
      'access-control-request-method': method,
      'access-control-request-headers': 'authorization',
    };
    const answers = [
      await fetch(address, { method: 'OPTIONS', headers: asked }),
      await fetch(address, { method, headers, redirect: 'manual' }),
    ];
    for (const answer of answers) {
      await answer.body?.cancel();
      const allowed = [...answer.headers].filter(([header]) => header.startsWith('access-control-allow'));
      expect(allowed, name).toEqual([]);
      read++;
    }
  }
  console.log(`Other origins: ${refused} forms and ${read} requests, 0 taken or readable`);
});

// S37: more than was asked for.

type Body = Record<string, unknown>;
const password = 'four random words';
const id = uuidv7();
/** A body that is read without complaint, for each call that says who somebody is or what they may. */
const BODIES: Record<string, Body> = {
  'auth.register': { email: 'new@example.com', password, name: 'New' },
  'auth.verifyEmail': { token: 'x' },
  'auth.signIn': { email: 'new@example.com', password: 'wrong' },
  'auth.token': { grantType: 'refresh_token', refreshToken: 'x' },
  'auth.authorizeDevice': {},
  'auth.forgotPassword': { email: 'new@example.com' },
  'auth.resetPassword': { token: 'x', password },
  'auth.changePassword': { currentPassword: 'wrong', newPassword: password },
  'auth.signOut': {},
  'auth.whoami': {},
  'sessions.list': {},
  'sessions.revoke': {},
  'sessions.revokeAll': { keepThisOne: true },
  'secondFactor.status': {},
  'secondFactor.enrol': { password: 'wrong' },
  'secondFactor.confirm': { code: '000000' },
  'secondFactor.renewCodes': { password: 'wrong', code: '000000' },
  'secondFactor.disable': { password: 'wrong', code: '000000' },
  'apiKeys.list': {},
  'apiKeys.create': { name: 'Mine', scopes: ['run:read'] },
  'apiKeys.rotate': {},
  'apiKeys.revoke': {},
  'apiKeys.self': {},
};
const MORE: [string, unknown][] = [
  ['role', 'owner'],
  ['platformRole', 'platform_admin'],
  ['isAdmin', true],
  ['emailVerified', true],
  ['emailVerifiedAt', '2020-01-01T00:00:00.000Z'],
  ['passwordHash', '$argon2id$'],
  ['userId', id],
  ['id', id],
  ['workspaceId', id],
  ['permissions', ['workspace:delete']],
  ['createdById', id],
  ['plan', 'enterprise'],
  ['keyHash', 'x'],
  ['deletedAt', null],
];

test('a call that is told more than it asks for refuses all of it, names it, and does nothing', {
  timeout: 300_000,
}, async () => {
  const groups: Record<string, HttpGroup> = {
    auth: cloudApi.auth,
    sessions: cloudApi.sessions,
    secondFactor: cloudApi.secondFactor,
    apiKeys: cloudApi.apiKeys,
  };
  const calls = Object.entries(groups).flatMap(([group, verbs]) =>
    Object.entries(verbs).map(([verb, call]) => ({ name: `${group}.${verb}`, call })),
  );
  expect(calls.map(({ name }) => name).sort()).toEqual(Object.keys(BODIES).sort());
  const state = async () =>
    JSON.stringify(
      await cloud.database.ownerSql(
        `select (select json_agg(u order by u.id) from (select id, email, name, email_verified_at, platform_role, password_hash from user_account) u) as users,
           (select json_agg(k order by k.id) from (select id, scopes, key_hash, revoked_at from api_key) k) as keys,
           (select json_agg(m order by m.id) from membership m) as members, (select count(*) from session) as sessions`,
      ),
    );
  const before = await state();
  let refused = 0;
  const ask = (route: string, body: Body) => {
    const [method = '', path = ''] = route.split(' ');
    const address = path.replace(/:(\w+)/g, id);
    const headers = {
      authorization: `Bearer ${person.accessToken}`,
      'sluice-workspace': person.workspaceId,
      ...fromElsewhere(),
    };
    if (method === 'POST') return send<{ code: string; details: unknown }>(cloud.url, method, address, body, headers);
    const query = new URLSearchParams(Object.entries(body).map(([name, value]) => [name, String(value)]));
    return send<{ code: string; details: unknown }>(cloud.url, method, `${address}?${query}`, undefined, headers);
  };
  for (const { name, call } of calls) {
    for (const [field, value] of MORE) {
      const answer = await ask(call.route, { ...BODIES[name], [field]: value });
      expect([answer.status, answer.body.code], `${name} with ${field}`).toEqual([422, 'request.invalid']);
      expect(JSON.stringify(answer.body), `${name} with ${field}`).toContain(field);
      refused++;
    }
    // As JSON text, since an object of ours would only lose it.
    if (call.route.startsWith('POST')) {
      const text = `{"__proto__":{"role":"owner"},${JSON.stringify(BODIES[name]).slice(1)}`.replace(',}', '}');
      const answer = await ask(call.route, text as unknown as Body);
      expect(answer.status, `${name} with a prototype`).toBe(422);
      refused++;
    }
  }
  expect(await state()).toBe(before);
  for (const { name, call } of calls) {
    if (name === 'auth.signOut' || name === 'sessions.revokeAll') continue;
    expect((await ask(call.route, BODIES[name] ?? {})).status, name).not.toBe(422);
  }
  console.log(`More than asked for: ${refused} requests, 0 accepted`);
});
