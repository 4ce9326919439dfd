import { afterAll, beforeAll, expect, test } from 'vitest';
import { send, startTestCloud, type TestCloud } from '../../tests/fixtures/cloud.ts';
import { controlWithoutContainers } from '../../tests/fixtures/noContainers.ts';
import { createPeople } from '../../tests/fixtures/people.ts';
import { identityCapabilities } from '../server/capabilities.ts';

let cloud: TestCloud;
/** Every secret that was given out or taken, by what it is. */
const canaries = new Map<string, string>();
const keep = (what: string, secret: string | undefined) => {
  if (!secret || secret.length < 12) throw new Error(`There is no ${what}.`);
  canaries.set(`${what} ${canaries.size}`, secret);
  return secret;
};

beforeAll(async () => {
  cloud = await startTestCloud(
    { LOG_LEVEL: 'debug', METRICS_PUBLIC: 'true', RESETS_PER_HOUR: '1000' },
    async (platform) => [...(await identityCapabilities(platform)), await controlWithoutContainers(platform)],
  );
});
afterAll(() => cloud.stop());

const soon = { timeout: 60_000, interval: 200 };

/** As it is, and as it would stand in JSON, an address, bytes or a dump of bytes. */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const cut = (text: string) => text.replace(/=+$/, '').slice(0, -1);
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    bytes.toString('hex'),
    cut(bytes.toString('base64')),
    cut(bytes.toString('base64url')),
  ];
}

async function dumpOf(): Promise<string> {
  const tables = await cloud.database.ownerSql<{ table: string }>(
    `select c.relname as table from pg_class c where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace`,
  );
  const text = tables.map(({ table }) => `select row_to_json(t)::text as row from "${table}" t`).join(' union all ');
  return (await cloud.database.ownerSql<{ row: string }>(text)).map(({ row }) => row).join('\n');
}

test('no secret that was given out or taken stands in the database, a log line, an export or the metrics', {
  timeout: 300_000,
}, async () => {
  const people = createPeople(cloud);
  const robin = await cloud.newPerson('Robin');
  await cloud.database.ownerSql("update workspace set plan = 'business' where id = $1", [robin.workspaceId]);
  keep('password', robin.password.replace(/ /g, '-'));
  canaries.set('password as typed', robin.password);
  keep('access token', robin.accessToken);
  keep('refresh token', robin.refreshToken);
  keep('link to confirm', /token=(\S+)/.exec(cloud.letters(robin.email)[0]?.text ?? '')?.[1]);
  const renewed = await send<Record<string, string>>(cloud.url, 'POST', '/v1/auth/token', {
    grantType: 'refresh_token',
    refreshToken: robin.refreshToken,
  });
  keep('access token', renewed.body.accessToken);
  keep('refresh token', renewed.body.refreshToken);
  const call = <T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    send<T>(cloud.url, method, path, body, {
      authorization: `Bearer ${renewed.body.accessToken}`,
      'sluice-workspace': robin.workspaceId,
      ...headers,
    });

  await call('POST', '/v1/auth/forgot-password', { email: robin.email });
  const resetToken = () => cloud.letters(robin.email).flatMap(({ text }) => /reset\?token=(\S+)/.exec(text)?.[1] ?? []);
  await expect.poll(() => resetToken().length, soon).toBe(1);
  keep('link to set a password', resetToken()[0]);

  for (let n = 0; n < 10; n++) {
    const headers = { 'idempotency-key': `key-${n}-of-the-canaries` };
    const made = await call<{ key: { id: string }; secret: string }>(
      'POST',
      '/v1/api-keys',
      { name: `Key ${n}`, scopes: ['run:read'] },
      headers,
    );
    const key = keep('API key', made.body.secret);
    await send(cloud.url, 'GET', '/v1/runs', undefined, { authorization: `Bearer ${key}` });
    const rotated = await call<{ secret: string }>('POST', `/v1/api-keys/${made.body.key.id}/rotate`, {});
    keep('API key', rotated.body.secret);
  }
  for (let n = 0; n < 10; n++) {
    const token = keep('secret of a connection', `canary-${n}-"quoted" & <marked> ÿ`);
    const put = await call('PUT', `/v1/connections/c${n}`, {
      connector: 'http',
      secret: { kind: 'bearer', token },
      hosts: ['example.com'],
    });
    expect(put.status).toBe(200);
    // The same where it is refused.
    const wrong = keep('secret that was refused', `refused-canary-${n}-of-many`);
    expect(
      (await call('PUT', `/v1/connections/x${n}`, { connector: 'http', secret: { kind: 'no', token: wrong } })).status,
    ).toBe(422);
    expect(
      (await send(cloud.url, 'POST', '/v1/auth/sign-in', { email: robin.email, password: wrong, odd: wrong })).status,
    ).toBe(422);
  }
  const invitations: string[] = [];
  for (let n = 0; n < 10; n++) {
    const { body } = await call<{ id: string }>('POST', '/v1/invitations', { email: `guest${n}@example.com` });
    invitations.push(body.id);
  }
  for (const id of invitations) await call('POST', `/v1/invitations/${id}/resend`, {});
  const links = (n: number) =>
    cloud.letters(`guest${n}@example.com`).flatMap(({ text }) => /invitation\?token=(\S+)/.exec(text)?.[1] ?? []);
  for (let n = 0; n < 10; n++) {
    await expect.poll(() => links(n).length, soon).toBe(2);
    for (const token of links(n)) {
      keep('link of an invitation', token);
      await fetch(`${cloud.url}/invitation?token=${token}`, { redirect: 'manual' });
    }
  }
  const leaving = await people.newPerson('Leaving');
  await cloud.database.ownerSql('update user_account set password_hash = null where id = $1', [leaving.userId]);
  keep('access token', leaving.accessToken);
  keep('cookie', leaving.cookie.split('=')[1]);
  await fetch(`${cloud.url}/signed-in`, { headers: { cookie: leaving.cookie }, redirect: 'manual' });
  const account = await (
    await fetch(`${cloud.url}/v1/account/export`, { headers: { authorization: `Bearer ${leaving.accessToken}` } })
  ).text();
  await leaving.call('POST', '/v1/account/delete', { confirm: leaving.email });
  const restore = () => /restore\?token=(\S+)/.exec(cloud.letters(leaving.email).at(-1)?.text ?? '')?.[1];
  await expect.poll(restore, soon).toBeDefined();
  keep('link to keep the account', restore());

  const file = async (path: string) => {
    const headers = { authorization: `Bearer ${renewed.body.accessToken}`, 'sluice-workspace': robin.workspaceId };
    const answer = await fetch(`${cloud.url}${path}`, { headers });
    expect(answer.status, path).toBe(200);
    return answer.text();
  };
  const places = {
    database: await dumpOf(),
    log: cloud.log.join(''),
    'export of the workspace': await file('/v1/workspaces/current/export'),
    'export of a person': account + (await file('/v1/account/export')),
    'export of the log': await file('/v1/audit/export'),
    metrics: await file('/metrics'),
  };
  // The search finds what is there.
  expect(places.database).toContain(robin.email);
  expect(places.log).toContain(robin.userId);
  expect(places['export of the workspace']).toContain('"name":"c7"');
  expect(places['export of a person']).toContain(leaving.email);
  expect(places['export of the log']).toContain('connection.create');
  expect(places.metrics).toContain('invitations.create');

  const hits: string[] = [];
  for (const [what, secret] of canaries) {
    for (const [place, text] of Object.entries(places)) {
      if (formsOf(secret).some((form) => text.includes(form))) hits.push(`${what} in the ${place}`);
    }
  }
  expect(hits).toEqual([]);
  expect(canaries.size).toBeGreaterThanOrEqual(60);
  console.log(`secrets: ${canaries.size} canaries in ${Object.keys(places).length} places, 0 hits`);
});
