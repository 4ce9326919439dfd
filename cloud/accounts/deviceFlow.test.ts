import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DeviceAuthorization, Tokens } from '#shared/contract/cloud/auth.ts';
import { type Person, send, startTestCloud, type TestCloud } from '../../tests/fixtures/cloud.ts';
import { hiddenField, type PageBrowser, pageBrowser } from '../../tests/fixtures/pageBrowser.ts';
import { hashToken } from '../platform/tokens.ts';

let cloud: TestCloud;
let person: Person;
beforeAll(async () => {
  cloud = await startTestCloud();
  person = await cloud.newPerson();
});
afterAll(() => cloud.stop());

const start = async () =>
  (await send<DeviceAuthorization>(cloud.url, 'POST', '/v1/auth/device', { deviceName: 'The build <b>server</b>' }))
    .body;
/** Asks for tokens as if the last time was long enough ago. */
async function redeem(deviceCode: string) {
  await cloud.database.ownerSql(
    "update device_authorization set last_polled_at = last_polled_at - interval '1 hour' where device_code_hash = $1",
    [hashToken(deviceCode)],
  );
  return hurry(deviceCode);
}
const hurry = (deviceCode: string) =>
  send<Tokens & { code?: string; details?: { retryAfterSeconds: number } }>(cloud.url, 'POST', '/v1/auth/token', {
    grantType: 'device_code',
    deviceCode,
  });
async function signedInBrowser(who = person): Promise<PageBrowser> {
  const open = pageBrowser(cloud.url);
  await open('POST', '/sign-in', { email: who.email, password: who.password });
  return open;
}

test('a program shows a code, a person looks at who it is and lets it in, and it gets tokens once', async () => {
  const { deviceCode, userCode, verificationUri, interval } = await start();
  expect(userCode).toMatch(/^[B-Z]{4}-[B-Z]{4}$/);
  expect(verificationUri).toBe(`${cloud.url}/device`);
  const waiting = await redeem(deviceCode);
  expect(waiting).toMatchObject({
    status: 400,
    body: { code: 'sign_in.pending', details: { retryAfterSeconds: interval } },
  });

  const stranger = pageBrowser(cloud.url);
  const asked = await stranger('GET', '/device');
  expect(asked.location).toBe('/sign-in?next=%2Fdevice');
  const entered = await stranger('POST', '/sign-in', {
    email: person.email,
    password: person.password,
    next: '/device',
  });
  expect(entered.location).toBe('/device');

  // Typed as people type.
  const page = await stranger('POST', '/device', { code: ` ${userCode.toLowerCase().replace('-', '')} ` });
  for (const shown of ['The build &lt;b&gt;server', '127.0.0.1', userCode, person.email, 'Robin’s workspace']) {
    expect(page.text).toContain(shown);
  }
  expect((await redeem(deviceCode)).status).toBe(400);
  const code = hiddenField(page, 'code');
  expect((await stranger('POST', '/device/decide', { code, decision: 'allow' })).text).toContain('It is let in');

  const granted = await redeem(deviceCode);
  expect(granted.status).toBe(200);
  const who = await send(cloud.url, 'GET', '/v1/auth/whoami', undefined, {
    authorization: `Bearer ${granted.body.accessToken}`,
  });
  expect(who).toMatchObject({ status: 200, body: { user: { email: person.email } } });
  expect(await redeem(deviceCode)).toMatchObject({ status: 401, body: { code: 'token.invalid' } });
  expect((await stranger('POST', '/device/decide', { code, decision: 'allow' })).text).toContain('not known');
});

test('a program that asks too often is told to ask less often, and is not let in sooner', async () => {
  const { deviceCode, userCode, interval } = await start();
  await redeem(deviceCode);
  const open = await signedInBrowser();
  await open('POST', '/device/decide', { code: userCode, decision: 'allow' });
  // As if the first time was just now, however long the page took.
  await cloud.database.ownerSql('update device_authorization set last_polled_at = now() where device_code_hash = $1', [
    hashToken(deviceCode),
  ]);
  expect((await hurry(deviceCode)).body.details?.retryAfterSeconds).toBe(interval + 5);
  expect((await hurry(deviceCode)).body.details?.retryAfterSeconds).toBe(interval + 10);
  expect((await redeem(deviceCode)).status).toBe(200);
});

test('what was refused, is too old, or belongs to somebody whose sign-ins all ended is no sign-in', async () => {
  const open = await signedInBrowser();
  const refused = await start();
  await open('POST', '/device/decide', { code: refused.userCode, decision: 'deny' });
  expect(await redeem(refused.deviceCode)).toMatchObject({ status: 401, body: { code: 'sign_in.failed' } });

  const old = await start();
  await cloud.database.ownerSql(
    "update device_authorization set expires_at = now() - interval '1 second' where device_code_hash = $1",
    [hashToken(old.deviceCode)],
  );
  expect((await open('POST', '/device', { code: old.userCode })).text).toContain('not known');
  expect(await redeem(old.deviceCode)).toMatchObject({ status: 401, body: { code: 'token.invalid' } });

  const other = await cloud.newPerson();
  const theirs = await signedInBrowser(other);
  const allowed = await start();
  await theirs('POST', '/device/decide', { code: allowed.userCode, decision: 'allow' });
  await other.call('POST', '/v1/sessions/revoke-all', {});
  expect(await redeem(allowed.deviceCode)).toMatchObject({ status: 401, body: { code: 'token.invalid' } });
  const again = await start();
  const back = await signedInBrowser(other);
  await back('POST', '/device/decide', { code: again.userCode, decision: 'allow' });
  expect((await redeem(again.deviceCode)).status).toBe(200);
});

test('nobody finds a code by trying: five wrong ones close the page for the person who tries', async () => {
  const [guesser, other] = [await cloud.newPerson(), await cloud.newPerson()];
  const { userCode } = await start();
  const open = await signedInBrowser(guesser);
  for (const code of ['BBBB-BBBB', 'CCCC-CCCC', 'short', '12345678', 'DDDD-DDDD']) {
    expect((await open('POST', '/device', { code })).status).toBe(401);
  }
  expect((await open('POST', '/device', { code: userCode })).status).toBe(429);
  expect((await (await signedInBrowser(other))('POST', '/device', { code: userCode })).status).toBe(200);
});

test('nobody is let in from a page of somebody else, and no code is stored as it is', async () => {
  const { deviceCode, userCode } = await start();
  const open = await signedInBrowser();
  const foreign = pageBrowser(cloud.url, 'https://evil.example');
  for (const [name, value] of open.cookies) foreign.cookies.set(name, value);
  expect((await foreign('POST', '/device/decide', { code: userCode, decision: 'allow' })).status).toBe(403);
  expect((await redeem(deviceCode)).status).toBe(400);
  const rows = await cloud.database.ownerSql<{ text: string }>(
    'select row_to_json(d)::text as text from device_authorization d',
  );
  const kept = `${JSON.stringify(rows)}${cloud.log.join('\n')}`;
  expect(kept).not.toContain(userCode);
  expect(kept).not.toContain(deviceCode);
  expect((await open('POST', '/device/decide', { code: userCode, decision: 'allow' })).status).toBe(200);
  expect((await redeem(deviceCode)).status).toBe(200);
});
