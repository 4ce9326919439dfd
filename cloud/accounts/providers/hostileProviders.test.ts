import { createHmac, generateKeyPairSync } from 'node:crypto';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Secret } from '#shared/log.ts';
import { startTestCloud, type TestCloud } from '../../../tests/fixtures/cloud.ts';
import {
  CLIENT,
  type IdentityProvider,
  type Sign,
  startIdentityProvider,
  type Tamper,
} from '../../../tests/fixtures/identityProvider.ts';
import { type PageBrowser, pageBrowser, type Shown } from '../../../tests/fixtures/pageBrowser.ts';
import { hashToken } from '../../platform/tokens.ts';
import { createGoogle } from './google.ts';
import type { ProviderName } from './provider.ts';

// S32: everything that somebody between a browser, us and a provider could say otherwise. None of it signs anybody in, and
// after each of them the same browser's honest attempt does.

let provider: IdentityProvider;
let cloud: TestCloud;
let strangers: { privateKey: CryptoKey; publicKey: CryptoKey };
beforeAll(async () => {
  provider = await startIdentityProvider();
  cloud = await startTestCloud(provider.env);
  strangers = await generateKeyPair('RS256', { extractable: true });
});
afterAll(async () => {
  await cloud?.stop();
  await provider?.stop();
});

type Claims = Record<string, unknown>;
type Context = { browser: PageBrowser; other: () => Promise<{ browser: PageBrowser; callback: URL }> };
type Case = {
  provider?: ProviderName;
  /** Signed in there as somebody whom we do not know yet. */
  fresh?: boolean;
  tamper?: Tamper;
  /** What becomes of the address that the browser was sent back to. */
  callback?(url: URL, context: Context): URL | Promise<URL> | undefined;
};

const seconds = () => Math.floor(Date.now() / 1_000);
const base64 = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const claims = (change: (claims: Claims) => Claims): Case => ({ tamper: { claims: change } });
const without = (name: string) => claims(({ [name]: _, ...rest }) => rest);
const withClaim = (name: string, value: unknown) => claims((given) => ({ ...given, [name]: value }));
const idToken = (make: (claims: Claims, sign: Sign) => Promise<unknown>): Case => ({ tamper: { idToken: make } });
const altered = (change: (parts: [string, string, string]) => string) =>
  idToken(async (given, sign) => change((await sign(given)).split('.') as [string, string, string]));
const signedBy = (alg: string, header: Record<string, unknown> = {}) =>
  idToken(async (given) =>
    new SignJWT(given).setProtectedHeader({ alg, kid: 'first', typ: 'JWT', ...header }).sign(strangers.privateKey),
  );
const hmac = (secretOf: () => Promise<string>): Case =>
  idToken(async (given) => {
    const text = `${base64({ alg: 'HS256', kid: 'first', typ: 'JWT' })}.${base64(given)}`;
    return `${text}.${createHmac('sha256', await secretOf())
      .update(text)
      .digest('base64url')}`;
  });
const token = (
  reply: (answer: Claims) => { status?: number; headers?: Record<string, string>; body: unknown },
): Case => ({
  tamper: { token: reply },
});
const query = (change: (params: URLSearchParams, context: Context) => void | Promise<void>): Case => ({
  async callback(url, context) {
    await change(url.searchParams, context);
    return url;
  },
});
const asGithub = (one: Case): Case => ({ provider: 'github', ...one });
const browserOnly = (change: (context: Context) => void | Promise<void>): Case => ({
  async callback(url, context) {
    await change(context);
    return url;
  },
});
/** Whatever an address says, one that is not verified makes no account. */
const freshWith = (change: Claims): Case => ({ fresh: true, tamper: { claims: (given) => ({ ...given, ...change }) } });

const CASES: Record<string, Case> = {
  // The ID token's signature.
  'an unsigned token': altered(([, payload]) => `${base64({ alg: 'none', typ: 'JWT' })}.${payload}.`),
  'an unsigned token whose alg is NONE': altered(([, payload]) => `${base64({ alg: 'NONE' })}.${payload}.`),
  'an unsigned token with the old signature': altered(
    ([, payload, mac]) => `${base64({ alg: 'none' })}.${payload}.${mac}`,
  ),
  'HS256 with the client secret': hmac(async () => CLIENT.secret),
  'HS256 with the public key as its secret': hmac(() => exportSPKI(provider.publicKey)),
  'a stranger’s key under the provider’s name': signedBy('RS256'),
  'a stranger’s key under a name nobody knows': signedBy('RS256', { kid: 'second' }),
  'a stranger’s key without a name': signedBy('RS256', { kid: undefined }),
  'a stranger’s key that the token brings along': idToken(async (given) =>
    new SignJWT(given)
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', jwk: await exportJWK(strangers.publicKey) })
      .sign(strangers.privateKey),
  ),
  'a stranger’s key at an address that the token names': signedBy('RS256', { jku: 'http://127.0.0.1:9/keys' }),
  'a stranger’s certificate': signedBy('RS256', { x5c: ['MIIB'] }),
  'another algorithm in the header': altered(
    ([, payload, mac]) => `${base64({ alg: 'RS384', kid: 'first' })}.${payload}.${mac}`,
  ),
  'PS256 in the header': altered(([, payload, mac]) => `${base64({ alg: 'PS256', kid: 'first' })}.${payload}.${mac}`),
  'an elliptic key': idToken(async (given) => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return new SignJWT(given).setProtectedHeader({ alg: 'ES256', kid: 'first' }).sign(privateKey);
  }),
  'a signature that was cut': altered(([header, payload, mac]) => `${header}.${payload}.${mac.slice(0, -8)}`),
  'an empty signature': altered(([header, payload]) => `${header}.${payload}.`),
  'claims changed after signing, to somebody we know': {
    fresh: true,
    ...altered(([header, payload, mac]) => {
      const given = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Claims;
      return `${header}.${base64({ ...given, sub: '1' })}.${mac}`;
    }),
  },
  'a header changed after signing': altered(
    ([, payload, mac]) => `${base64({ alg: 'RS256', kid: 'first', typ: 'at+jwt' })}.${payload}.${mac}`,
  ),
  'an extension that must be understood': idToken((given, sign) => sign(given, { crit: ['exp'], exp: seconds() + 60 })),
  'four parts': altered((parts) => `${parts.join('.')}.x`),
  'five parts': altered((parts) => `${parts.join('.')}.x.y`),
  'two parts': altered(([header, payload]) => `${header}.${payload}`),
  'no token at all': idToken(async () => undefined),
  'a number for a token': idToken(async () => 7),
  'text for a token': idToken(async () => 'not a token'),
  'claims that are a list': altered(([header, payload, mac]) => `${header}.${base64([payload])}.${mac}`),

  // What the ID token says.
  'another issuer': withClaim('iss', 'https://accounts.google.com'),
  'the issuer with a slash': claims((given) => ({ ...given, iss: `${given.iss}/` })),
  'no issuer': without('iss'),
  'a list of issuers': claims((given) => ({ ...given, iss: [given.iss] })),
  'another audience': withClaim('aud', 'another-client'),
  'no audience': without('aud'),
  'a list of other audiences': withClaim('aud', ['another-client']),
  'several audiences and no authorized party': withClaim('aud', [CLIENT.id, 'another-client']),
  'another authorized party': withClaim('azp', 'another-client'),
  'a token that has ended': withClaim('exp', 1),
  'a token that ended two minutes ago': claims((given) => ({ ...given, exp: seconds() - 120 })),
  'no end': without('exp'),
  'an end that is text': withClaim('exp', '9999999999'),
  'a token for later': claims((given) => ({ ...given, nbf: seconds() + 3_600 })),
  'no time of issue': without('iat'),
  'no nonce': without('nonce'),
  'another nonce': withClaim('nonce', 'n'.repeat(43)),
  'an empty nonce': withClaim('nonce', ''),
  'nobody named': without('sub'),
  'a number named': withClaim('sub', 1),
  'an empty name': withClaim('sub', ''),
  'a list of names': withClaim('sub', ['1']),
  'an address that is not verified': freshWith({ email_verified: false }),
  'an address that is verified in words': freshWith({ email_verified: 'true' }),
  'an address of which nothing is said': freshWith({ email_verified: undefined }),
  'no address': freshWith({ email: undefined }),
  'something else than an address': freshWith({ email: 'not an address' }),
  'two addresses in one': freshWith({ email: 'a@provider.example\nb@provider.example' }),
  'a list of addresses': freshWith({ email: ['a@provider.example'] }),

  // The answer of the token endpoint.
  'an error': token(() => ({ status: 400, body: { error: 'invalid_grant' } })),
  'an error that looks well': token(() => ({ body: { error: 'invalid_grant' } })),
  'an error beside the token': token((answer) => ({ status: 400, body: { ...answer, error: 'invalid_grant' } })),
  'a failure': token(() => ({ status: 500, body: {} })),
  'a redirect': token(() => ({ status: 302, headers: { location: `${provider.url}/token` }, body: {} })),
  'a created token': token((answer) => ({ status: 201, body: answer })),
  'a page': token(() => ({ headers: { 'content-type': 'text/html' }, body: '<html>' })),
  'no JSON': token(() => ({ body: '{' })),
  'a list': token((answer) => ({ body: [answer] })),
  nothing: token(() => ({ body: 'null' })),
  'an answer without end': token((answer) => ({ body: { ...answer, more: 'x'.repeat(400_000) } })),
  'a token of another kind': token((answer) => ({ body: { ...answer, token_type: 'mac' } })),
  'no access token': token(({ access_token: _, ...answer }) => ({ body: answer })),

  // The address that the browser comes back to.
  'no state': query((params) => params.delete('state')),
  'another state': query((params) => params.set('state', 's'.repeat(43))),
  'an empty state': query((params) => params.set('state', '')),
  'a state twice': query((params) => params.append('state', params.get('state') ?? '')),
  'the state of another browser': query(async (params, { other }) =>
    params.set('state', (await other()).callback.searchParams.get('state') ?? ''),
  ),
  'no code': query((params) => params.delete('code')),
  'an empty code': query((params) => params.set('code', '')),
  'a code that nobody gave out': query((params) => params.set('code', 'c'.repeat(32))),
  'a code twice': query((params) => params.append('code', 'another')),
  'the code of another browser': query(async (params, { other }) =>
    params.set('code', (await other()).callback.searchParams.get('code') ?? ''),
  ),
  'code and state of another browser': { callback: async (_url, { other }) => (await other()).callback },
  'an error beside the code': query((params) => params.set('error', 'access_denied')),
  'another issuer who answers': query((params) => params.set('iss', 'https://accounts.google.com')),
  'two issuers who answer': query((params) => {
    params.append('iss', provider.url);
    params.append('iss', provider.url);
  }),
  'an answer wrapped in a token': query((params) => params.set('response', 'a.b.c')),
  'an ID token in the address': query((params) => params.set('id_token', 'a.b.c')),
  'the address of another provider': {
    callback: (url) => new URL(url.href.replace('/with/google/', '/with/github/')),
  },
  'a provider that there is none of': {
    callback: (url) => new URL(url.href.replace('/with/google/', '/with/constructor/')),
  },

  // The browser.
  'no cookie': browserOnly(({ browser }) => void browser.cookies.delete('sluice-provider')),
  'an empty cookie': browserOnly(({ browser }) => void browser.cookies.set('sluice-provider', '')),
  'a cookie that was made up': browserOnly(
    ({ browser }) => void browser.cookies.set('sluice-provider', `slps_${'a'.repeat(43)}`),
  ),
  'the cookie of another browser': browserOnly(async ({ browser, other }) => {
    browser.cookies.set('sluice-provider', (await other()).browser.cookies.get('sluice-provider') ?? '');
  }),
  'an attempt that is too old': browserOnly(async ({ browser }) => {
    await cloud.database.ownerSql(
      "update provider_sign_in set expires_at = now() - interval '1 second' where cookie_hash = $1",
      [hashToken(browser.cookies.get('sluice-provider') ?? '')],
    );
  }),

  // The proof that it was us who asked (PKCE).
  'a challenge that somebody took out': { tamper: { asked: (params) => params.delete('code_challenge') } },
  'a challenge in plain text': { tamper: { asked: (params) => params.set('code_challenge_method', 'plain') } },
  'a challenge of somebody else': { tamper: { asked: (params) => params.set('code_challenge', 'x'.repeat(43)) } },
  'a code for another address of ours': {
    tamper: { asked: (params) => params.set('redirect_uri', `${cloud.url}/sign-in/with/google/answer?x`) },
  },

  // GitHub, which has no ID token.
  'GitHub: no state': asGithub(query((params) => params.delete('state'))),
  'GitHub: another state': asGithub(query((params) => params.set('state', 's'.repeat(43)))),
  'GitHub: the code of another browser': asGithub(
    query(async (params, { other }) => params.set('code', (await other()).callback.searchParams.get('code') ?? '')),
  ),
  'GitHub: a challenge that somebody took out': asGithub({
    tamper: { asked: (params) => params.delete('code_challenge') },
  }),
  'GitHub: an error that looks well': asGithub(token(() => ({ body: { error: 'bad_verification_code' } }))),
  'GitHub: a token of another kind': asGithub(token((answer) => ({ body: { ...answer, token_type: 'dpop' } }))),
  'GitHub: an ID token that nobody asked for': asGithub(
    token((answer) => ({ body: { ...answer, id_token: 'a.b.c' } })),
  ),
  'GitHub: an access token that it does not know': asGithub(
    token((answer) => ({ body: { ...answer, access_token: 'made-up' } })),
  ),
  'GitHub: nobody': asGithub({ tamper: { user: () => ({ status: 404, body: {} }) } }),
  'GitHub: somebody without a number': asGithub({ tamper: { user: ({ id: _, ...user }) => ({ body: user }) } }),
  'GitHub: somebody whose number is text': asGithub({ tamper: { user: (user) => ({ body: { ...user, id: '1' } }) } }),
  'GitHub: somebody whose number is zero': asGithub({ tamper: { user: (user) => ({ body: { ...user, id: 0 } }) } }),
  'GitHub: a list of people': asGithub({ tamper: { user: (user) => ({ body: [user] }) } }),
  'GitHub: addresses that it keeps to itself': asGithub({
    fresh: true,
    tamper: { emails: () => ({ status: 403, body: {} }) },
  }),
  'GitHub: no address that is verified': asGithub({
    fresh: true,
    tamper: { emails: (emails) => ({ body: emails.map((entry) => ({ ...entry, verified: false })) }) },
  }),
  'GitHub: an address that is verified in words': asGithub({
    fresh: true,
    tamper: { emails: (emails) => ({ body: emails.map((entry) => ({ ...entry, verified: 'true' })) }) },
  }),
  'GitHub: no addresses': asGithub({ fresh: true, tamper: { emails: () => ({ body: [] }) } }),
};

const KNOWN = { id: 1, name: 'Robin', email: 'robin@provider.example' };
let fresh = 1_000;

async function leave(browser: PageBrowser, name: ProviderName, next = '/signed-in'): Promise<URL> {
  const left = await browser('GET', `/sign-in/with/${name}?next=${encodeURIComponent(next)}`);
  const back = await fetch(left.location, { redirect: 'manual' });
  return new URL(back.headers.get('location') ?? '', cloud.url);
}
const comeBack = (browser: PageBrowser, url: URL): Promise<Shown> => browser('GET', `${url.pathname}${url.search}`);
const isIn = async (browser: PageBrowser) =>
  browser.cookies.has('sluice') && (await browser('GET', '/signed-in')).text.includes('signed in as');
const countPeople = async () =>
  (
    await cloud.database.ownerSql<{ people: number; links: number }>(
      'select (select count(*)::int from user_account) as people, (select count(*)::int from linked_account) as links',
    )
  )[0];

test('none of what a hostile browser, network or provider says signs anybody in, and the honest attempt after it does', {
  timeout: 300_000,
}, async () => {
  for (const name of ['google', 'github'] as const) {
    const first = pageBrowser(cloud.url);
    provider.state.account = name === 'google' ? KNOWN : { ...KNOWN, id: 2, email: 'kim@provider.example' };
    await comeBack(first, await leave(first, name));
    expect(await isIn(first)).toBe(true);
  }
  const before = await countPeople();
  let controls = 0;
  for (const [what, one] of Object.entries(CASES)) {
    const name = one.provider ?? 'google';
    const known = name === 'google' ? KNOWN : { ...KNOWN, id: 2 };
    fresh++;
    provider.state.account = one.fresh ? { id: fresh, name: 'New', email: `new${fresh}@provider.example` } : known;
    const context: Context = {
      browser: pageBrowser(cloud.url),
      async other() {
        const browser = pageBrowser(cloud.url);
        return { browser, callback: await leave(browser, name) };
      },
    };
    provider.state.tamper = one.tamper ?? {};
    const url = await leave(context.browser, name);
    const target = (await one.callback?.(url, context)) ?? url;
    const answer = await comeBack(context.browser, target);
    provider.state.tamper = {};
    expect(await isIn(context.browser), what).toBe(false);
    expect(answer.status, what).toBeGreaterThanOrEqual(400);
    expect(answer.status, what).toBeLessThan(500);

    provider.state.account = known;
    await comeBack(context.browser, await leave(context.browser, name));
    expect(await isIn(context.browser), `after ${what}`).toBe(true);
    controls++;
  }
  expect(await countPeople()).toEqual(before);
  expect(controls).toBeGreaterThanOrEqual(60);
  console.log(
    `Other providers: ${controls} hostile sign-ins, 0 accepted; ${controls} honest ones after them, all accepted`,
  );
});

test('an answer is taken once', async () => {
  provider.state.account = KNOWN;
  const browser = pageBrowser(cloud.url);
  const url = await leave(browser, 'google');
  const attempt = browser.cookies.get('sluice-provider') ?? '';
  await comeBack(browser, url);
  expect(await isIn(browser)).toBe(true);
  const replay = pageBrowser(cloud.url);
  replay.cookies.set('sluice-provider', attempt);
  expect((await comeBack(replay, url)).status).toBe(401);
  expect(await isIn(replay)).toBe(false);
});

test('whatever a link says, the browser ends on a page of ours', async () => {
  provider.state.account = KNOWN;
  const hostile = [
    '//evil.example',
    'https://evil.example',
    '/\\evil.example',
    '/%5cevil.example',
    '/\t/evil.example',
    'javascript:alert(1)',
    '/authorize?redirect_uri=https://evil.example&state=12345678&code_challenge_method=S256',
    '/signed-in/../..//evil.example',
    '/sign-in/with/google@evil.example',
  ];
  for (const next of hostile) {
    const browser = pageBrowser(cloud.url);
    expect((await comeBack(browser, await leave(browser, 'google', next))).location, next).toBe('/signed-in');
    expect(await isIn(browser)).toBe(true);
  }
  const browser = pageBrowser(cloud.url);
  expect((await comeBack(browser, await leave(browser, 'google', '/device'))).location).toBe('/device');
});

test('a provider that says of itself what it is not sends nobody anywhere', async () => {
  const settings = { clientId: CLIENT.id, clientSecret: new Secret(CLIENT.secret), url: provider.url };
  const secrets = { state: 's', nonce: 'n', verifier: 'v'.repeat(43) };
  const changes: ((metadata: Claims) => Claims)[] = [
    (metadata) => ({ ...metadata, issuer: 'https://accounts.google.com' }),
    (metadata) => ({ ...metadata, issuer: `${provider.url}/other` }),
    ({ issuer: _, ...metadata }) => metadata,
    () => ({}),
    ({ authorization_endpoint: _, ...metadata }) => metadata,
  ];
  for (const metadata of changes) {
    provider.state.tamper = { metadata };
    await expect(createGoogle(settings).authorizationUrl(secrets, 'http://127.0.0.1/')).rejects.toThrow();
  }
  provider.state.tamper = {};
  const url = await createGoogle(settings).authorizationUrl(secrets, 'http://127.0.0.1/');
  expect(url.origin).toBe(provider.url);
});
