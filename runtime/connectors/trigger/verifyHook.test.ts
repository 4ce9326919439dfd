import { createHmac, generateKeyPairSync } from 'node:crypto';
import { SignJWT } from 'jose';
import Stripe from 'stripe';
import { expect, test } from 'vitest';
import { type HookDelivery, secretHeaders, verifyHook } from './verifyHook.ts';
import { HmacScheme, WebhookConfig } from './webhookConfig.ts';

const NOW = Date.UTC(2026, 10, 20, 7);
const SECONDS = String(NOW / 1000);
const SECRET = 'whsec-one';
const BODY = Buffer.from('{"id":"evt_1","event_id":"Ev1","text":"grüße"}');
type Signed = {
  config: Partial<HookDelivery['config']>;
  headers: Record<string, string>;
  secrets?: HookDelivery['secrets'];
  id?: string;
};

const hex = (key: string, data: string | Buffer, algorithm = 'sha256') =>
  createHmac(algorithm, key).update(data).digest('hex');
const base64 = (key: string, data: string | Buffer) => createHmac('sha256', key).update(data).digest('base64');
const timed = (prefix: string, time: string) => Buffer.concat([Buffer.from(`${prefix}${time}`), BODY]);

/** One delivery of each scheme that signs, as its sender would make it with this secret at this time. */
const schemes: Record<string, (secret: string, time: string) => Signed> = {
  github: (secret) => ({
    config: { verify: 'github' },
    headers: { 'x-hub-signature-256': `sha256=${hex(secret, BODY)}`, 'x-github-delivery': 'd1' },
    id: 'd1',
  }),
  stripe: (secret, time) => ({
    config: { verify: 'stripe' },
    headers: { 'stripe-signature': `t=${time},v1=${hex(secret, timed('', `${time}.`))}` },
    id: 'evt_1',
  }),
  slack: (secret, time) => ({
    config: { verify: 'slack' },
    headers: { 'x-slack-signature': `v0=${hex(secret, timed('v0:', `${time}:`))}`, 'x-slack-request-timestamp': time },
    id: 'Ev1',
  }),
  shopify: (secret) => ({
    config: { verify: 'shopify' },
    headers: { 'x-shopify-hmac-sha256': base64(secret, BODY), 'x-shopify-webhook-id': 's1' },
    id: 's1',
  }),
  sluice: (secret, time) => ({
    config: { verify: 'sluice' },
    headers: {
      'sluice-signature': `v1=${hex(secret, timed('', `${time}.`))}`,
      'sluice-timestamp': time,
      'sluice-id': 'm1',
    },
    id: 'm1',
  }),
  hmac: (secret, time) => ({
    config: {
      verify: 'hmac',
      hmac: HmacScheme.parse({
        header: 'X-Sig',
        prefix: 's=',
        algorithm: 'sha512',
        encoding: 'hex',
        format: '{id}|{timestamp}|{body}',
        timestampHeader: 'X-Time',
        idHeader: 'X-Id',
      }),
    },
    headers: { 'x-sig': `s=${hex(secret, timed(`i1|${time}|`, ''), 'sha512')}`, 'x-time': time, 'x-id': 'i1' },
    id: 'i1',
  }),
};
const all = Object.keys(schemes);
const withTime = ['stripe', 'slack', 'sluice', 'hmac'];

function verify({ config, headers, secrets = { secret: SECRET } }: Signed, more: Partial<HookDelivery> = {}) {
  return verifyHook({
    config: { verify: 'none', ...config },
    secrets,
    headers: { 'content-type': 'application/json', ...headers },
    rawBody: BODY,
    nowMs: NOW,
    ...more,
  });
}
const signed = (name: string, secret = SECRET, time = SECONDS) =>
  (schemes[name] as (typeof schemes)[string])(secret, time);
const invalid = { code: 'hook.signature_invalid', status: 401 };

test.each(all)('%s: what the sender signed is let in, with its delivery id', async (name) => {
  const delivery = signed(name);
  expect(await verify(delivery)).toEqual({ deliveryId: delivery.id });
});

test.each(all)('%s: either of two secrets is accepted, a third is not', async (name) => {
  const secrets = { secret: 'new', oldSecret: SECRET };
  expect(await verify({ ...signed(name), secrets })).toHaveProperty('deliveryId');
  expect(await verify({ ...signed(name, 'new'), secrets })).toHaveProperty('deliveryId');
  await expect(verify({ ...signed(name, 'other'), secrets })).rejects.toMatchObject(invalid);
});

test.each(all)('%s: one changed bit of the body, or a body parsed and written again, is refused', async (name) => {
  const changed = Buffer.from(BODY);
  changed[10] = (changed[10] as number) ^ 1;
  await expect(verify(signed(name), { rawBody: changed })).rejects.toMatchObject(invalid);
  await expect(
    verify(signed(name), { rawBody: Buffer.from(JSON.stringify(JSON.parse(BODY.toString()), null, 1)) }),
  ).rejects.toMatchObject(invalid);
});

test.each(
  all,
)('%s: no signature, half of one, one with rubbish behind it or in the wrong encoding is refused', async (name) => {
  const delivery = signed(name);
  const [header = '', value = ''] = Object.entries(delivery.headers)[0] ?? [];
  for (const other of [
    undefined,
    '',
    value.slice(0, -4),
    `${value}00`,
    `${value}zz`,
    value.replace(/[0-9a-f]/g, 'g'),
    value.toUpperCase().replace('SHA256', 'sha1'),
  ]) {
    await expect(
      verify({ ...delivery, headers: { ...delivery.headers, [header]: other as string } }),
    ).rejects.toMatchObject(invalid);
  }
  await expect(verify(delivery, { headers: { ...delivery.headers, [header]: [value, value] } })).rejects.toMatchObject(
    invalid,
  );
});

test.each(all)('%s: a connection without a secret lets nobody in', async (name) => {
  for (const secrets of [{}, { secret: '' }])
    await expect(verify({ ...signed(name, ''), secrets })).rejects.toMatchObject({ code: 'config.invalid' });
});

test.each(withTime)('%s: five minutes off is accepted, a second more is stale, either way', async (name) => {
  for (const off of [300, -300])
    expect(await verify(signed(name, SECRET, String(NOW / 1000 + off)))).toHaveProperty('deliveryId');
  for (const off of [301, -301])
    await expect(verify(signed(name, SECRET, String(NOW / 1000 + off)))).rejects.toMatchObject({
      code: 'hook.stale',
      status: 401,
    });
});

test.each(withTime)('%s: a fresh time put on an old signature is refused', async (name) => {
  const old = signed(name, SECRET, String(NOW / 1000 - 4_000));
  const fresh = Object.fromEntries(
    Object.entries(old.headers).map(([header, value]) => [header, value.replace(String(NOW / 1000 - 4_000), SECONDS)]),
  );
  await expect(verify({ ...old, headers: fresh })).rejects.toMatchObject(invalid);
});

test('the example that GitHub publishes is let in', async () => {
  const headers = { 'x-hub-signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17' };
  const secrets = { secret: "It's a Secret to Everybody" };
  expect(
    await verify({ config: { verify: 'github' }, headers, secrets }, { rawBody: Buffer.from('Hello, World!') }),
  ).toEqual({});
});

test('what Stripe’s own library signs is let in', async () => {
  const payload = BODY.toString();
  const header = new Stripe('sk_test_x').webhooks.generateTestHeaderString({
    payload,
    secret: SECRET,
    timestamp: NOW / 1000,
  });
  expect(await verify({ config: { verify: 'stripe' }, headers: { 'stripe-signature': header } })).toEqual({
    deliveryId: 'evt_1',
  });
});

test('stripe takes any of several signatures of one time', async () => {
  const good = hex(SECRET, timed('', `${SECONDS}.`));
  const headers = { 'stripe-signature': `t=${SECONDS},v0=ignored,v1=${'0'.repeat(64)},v1=${good}` };
  expect(await verify({ config: { verify: 'stripe' }, headers })).toEqual({ deliveryId: 'evt_1' });
});

test('a time in milliseconds is understood, and one that is no number is refused', async () => {
  const config = {
    verify: 'hmac' as const,
    hmac: HmacScheme.parse({
      header: 'x-sig',
      encoding: 'base64',
      format: '{timestamp}.{body}',
      timestampHeader: 'x-time',
    }),
  };
  const at = (time: string) =>
    verify({ config, headers: { 'x-sig': base64(SECRET, timed('', `${time}.`)), 'x-time': time } });
  expect(await at(String(NOW))).toEqual({});
  await expect(at(String(NOW - 301_000))).rejects.toMatchObject({ code: 'hook.stale' });
  await expect(at('2026-11-20')).rejects.toMatchObject(invalid);
});

test('a signed body that is no JSON is named where the delivery id stands in it; a form of Slack has none', async () => {
  const rawBody = Buffer.from('command=/triage');
  const text = `v0:${SECONDS}:command=/triage`;
  const headers = { 'x-slack-signature': `v0=${hex(SECRET, text)}`, 'x-slack-request-timestamp': SECONDS };
  await expect(verify({ config: { verify: 'slack' }, headers }, { rawBody })).rejects.toMatchObject({
    code: 'hook.body_invalid',
  });
  expect(
    await verify(
      { config: { verify: 'slack' }, headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' } },
      { rawBody },
    ),
  ).toEqual({});
});

test('none lets everybody in, and takes the id from the header that is named', async () => {
  expect(await verify({ config: { verify: 'none' }, headers: {}, secrets: {} })).toEqual({});
  expect(await verify({ config: { verify: 'none', idHeader: 'X-Id' }, headers: { 'x-id': '7' }, secrets: {} })).toEqual(
    { deliveryId: '7' },
  );
  expect(
    await verify({ config: { verify: 'none', idHeader: 'X-Id' }, headers: { 'x-id': 'x'.repeat(501) }, secrets: {} }),
  ).toEqual({});
});

test('basic compares user name and password', async () => {
  const secrets = { username: 'me', secret: 'pä:ss' };
  const call = (text: string) => verify({ config: { verify: 'basic' }, secrets, headers: { authorization: text } });
  const of = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
  expect(await call(of('me:pä:ss'))).toEqual({});
  for (const wrong of [
    '',
    'Basic',
    of(''),
    of('me:'),
    of('me:pä:ss '),
    of('you:pä:ss'),
    of('me:pä:ss').replace('Basic', 'Bearer'),
  ])
    await expect(call(wrong)).rejects.toMatchObject(invalid);
});

test('header compares the header that the connection names', async () => {
  const secrets = { header: 'X-Token', secret: 'abc' };
  const call = (value?: string) =>
    verify({ config: { verify: 'header' }, secrets, headers: value === undefined ? {} : { 'x-token': value } });
  expect(await call('abc')).toEqual({});
  for (const wrong of [undefined, '', 'ab', 'abcd', 'ABC']) await expect(call(wrong)).rejects.toMatchObject(invalid);
  await expect(
    verify({ config: { verify: 'header' }, secrets: { secret: 'abc' }, headers: { 'x-token': 'abc' } }),
  ).rejects.toMatchObject({ code: 'config.invalid' });
});

const claims = (end: number) => new SignJWT({}).setIssuer('them').setAudience('us').setExpirationTime(end);
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const later = NOW / 1000 + 60;

test('jwt checks signature, end, issuer and audience', async () => {
  const key = new TextEncoder().encode('k'.repeat(32));
  const secrets = { secret: 'k'.repeat(32), issuer: 'them', audience: 'us' };
  const call = (token: string, more = {}) =>
    verify({ config: { verify: 'jwt' }, secrets: { ...secrets, ...more }, headers: bearer(token) });
  const sign = (token: SignJWT, by = key) => token.setProtectedHeader({ alg: 'HS256' }).sign(by);
  const good = await sign(claims(later));
  expect(await call(good)).toEqual({});
  expect(await call(good, { secret: 'new'.repeat(11), oldSecret: secrets.secret })).toEqual({});
  await expect(call(await sign(claims(NOW / 1000 - 1)))).rejects.toMatchObject({ code: 'hook.stale' });
  await expect(call(await sign(claims(later).setNotBefore(NOW / 1000 + 30)))).rejects.toMatchObject({
    code: 'hook.stale',
  });
  await expect(call(await sign(new SignJWT({}).setIssuer('them').setAudience('us')))).rejects.toMatchObject(invalid);
  await expect(call(await sign(claims(later), new TextEncoder().encode('x'.repeat(32))))).rejects.toMatchObject(
    invalid,
  );
  await expect(call(good, { issuer: 'somebody' })).rejects.toMatchObject(invalid);
  await expect(call(good, { audience: 'somebody' })).rejects.toMatchObject(invalid);
  for (const token of ['', 'a.b.c', `${good}x`]) await expect(call(token)).rejects.toMatchObject(invalid);
  const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${good.split('.')[1]}.`;
  await expect(call(none)).rejects.toMatchObject(invalid);
});

test('jwt with a public key refuses a token signed with that key’s own text', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const secret = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const secrets = { secret, algorithm: 'ES256' as const };
  const good = await claims(later).setProtectedHeader({ alg: 'ES256' }).sign(privateKey);
  expect(await verify({ config: { verify: 'jwt' }, secrets, headers: bearer(good) })).toEqual({});
  const confused = await claims(later).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret));
  await expect(verify({ config: { verify: 'jwt' }, secrets, headers: bearer(confused) })).rejects.toMatchObject(
    invalid,
  );
  await expect(
    verify({ config: { verify: 'jwt' }, secrets: { ...secrets, secret: 'no pem' }, headers: bearer(good) }),
  ).rejects.toMatchObject({ code: 'config.invalid' });
});

test('headers that carry a secret itself are named, so that no item holds them', () => {
  const of = (verify: HookDelivery['config']['verify'], secrets = {}) => secretHeaders({ config: { verify }, secrets });
  expect([of('github'), of('basic'), of('jwt'), of('header', { header: 'X-Token' })]).toEqual([
    [],
    ['authorization'],
    ['authorization'],
    ['x-token'],
  ]);
});

test('a scheme of one’s own must be able to be checked', () => {
  const ok = (hmac: object) => WebhookConfig.safeParse({ path: 'a', verify: 'hmac', hmac }).success;
  expect([
    ok({ header: 'x' }),
    ok({ header: 'x', format: 'fixed' }),
    ok({ header: 'x', format: '{timestamp}{body}' }),
    ok({ header: 'x', format: '{id}{body}' }),
    ok({ header: 'bad name' }),
  ]).toEqual([true, false, false, false, false]);
  const path = (text: string) => WebhookConfig.safeParse({ path: text }).success;
  expect([path('github'), path('a/:id/b'), path('/a'), path('a//b'), path('../a'), path('')]).toEqual([
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
});

test('a webhook that checks hmac without saying how lets nobody in', async () => {
  await expect(verify({ config: { verify: 'hmac' }, headers: {} })).rejects.toMatchObject({ code: 'config.invalid' });
});
