import { readFileSync } from 'node:fs';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiKeyRecord, KEY_PRESETS } from '#shared/contract/cloud/apiKeys.ts';
import type { Role } from '#shared/permission.ts';
import { PLANS } from '#shared/plan.ts';
import { type Person, send, startTestCloud, type TestCloud } from '../../tests/fixtures/cloud.ts';
import { hiddenField, pageBrowser } from '../../tests/fixtures/pageBrowser.ts';
import { hashToken } from '../platform/tokens.ts';

type NewKey = { key: ApiKeyRecord; secret: string };

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await startTestCloud();
});
afterAll(() => cloud.stop());

async function newOwner(plan = 'enterprise'): Promise<Person> {
  const person = await cloud.newPerson();
  await cloud.database.ownerSql('update workspace set plan = $2::plan_slug where id = $1', [person.workspaceId, plan]);
  return person;
}

/** Somebody else in the workspace of `owner`. */
async function newMember(owner: Person, role: Role, permissions: object = {}): Promise<Person> {
  const person = await cloud.newPerson();
  await cloud.database.ownerSql(
    'insert into membership (workspace_id, id, user_id, role, permissions) values ($1, $2, $3, $4::role, $5)',
    [owner.workspaceId, uuidv7(), person.userId, role, permissions],
  );
  const headers = { 'sluice-workspace': owner.workspaceId };
  return { ...person, call: (method, path, body) => person.call(method, path, body, headers) };
}

const make = async (person: Person, scopes: string[], more: object = {}) =>
  (await person.call<NewKey>('POST', '/v1/api-keys', { name: 'CI', scopes, ...more })).body;
const withKey = <T = Record<string, unknown>>(secret: string, method: string, path: string, body?: unknown) =>
  send<T>(cloud.url, method, path, body, { authorization: `Bearer ${secret}` });
const auditOf = async (person: Person) =>
  (
    await person.call<{ data: { action: string; actorName?: string; metadata: Record<string, unknown> }[] }>(
      'GET',
      '/v1/audit',
    )
  ).body.data;

test('a key is shown once, acts in its workspace with its scopes, and says who answers for it', async () => {
  const owner = await newOwner();
  const { key, secret } = await make(owner, ['audit:read', 'workspace:read']);
  expect(secret).toMatch(/^slk_[a-z2-7]{8}_[A-Za-z0-9_-]{65}$/);
  expect(secret.startsWith(key.prefix)).toBe(true);
  expect(key).toMatchObject({ name: 'CI', scopes: ['workspace:read', 'audit:read'], createdByName: 'Robin' });

  // Without the header too: a key is of one workspace.
  expect((await withKey(secret, 'GET', '/v1/audit')).status).toBe(200);
  expect((await withKey(secret, 'GET', '/v1/api-key')).body).toMatchObject({
    key: { id: key.id, prefix: key.prefix },
    workspace: { id: owner.workspaceId, role: 'owner' },
  });
  const refused = await withKey(secret, 'GET', '/v1/api-keys');
  expect(refused).toMatchObject({ status: 403, body: { code: 'access.denied' } });
  expect(refused.body.title).toContain('apikey:write');

  const listed = (await owner.call<ApiKeyRecord[]>('GET', '/v1/api-keys')).body;
  expect(listed.map(({ id }) => id)).toEqual([key.id]);
  await expect
    .poll(async () => (await owner.call<ApiKeyRecord[]>('GET', '/v1/api-keys')).body[0]?.lastUsedAt)
    .toEqual(expect.any(String));
  const stored = await cloud.database.ownerSql<{ text: string }>('select row_to_json(k)::text as text from api_key k');
  const all = `${JSON.stringify(stored)}${JSON.stringify(listed)}${cloud.log.join('\n')}`;
  expect(all).not.toContain(secret);
  expect(all).not.toContain(secret.slice(key.prefix.length + 1));
  expect(all).toContain(hashToken(secret));
});

test('a key of another workspace, a broken one and one that nobody made are each nobody', async () => {
  const [owner, other] = [await newOwner(), await newOwner()];
  const { secret } = await make(owner, ['audit:read']);
  const foreign = await send(cloud.url, 'GET', '/v1/audit', undefined, {
    authorization: `Bearer ${secret}`,
    'sluice-workspace': other.workspaceId,
  });
  expect(foreign).toMatchObject({ status: 404, body: { code: 'workspace.not_found' } });
  // The same key, with the other's workspace written into it.
  const [, place = ''] = /_([A-Za-z0-9_-]{22})/.exec((await make(other, ['audit:read'])).secret.slice(12)) ?? [];
  const moved = secret.slice(0, 13) + place + secret.slice(35);
  for (const wrong of [
    moved,
    `${secret}x`,
    secret.slice(0, -1),
    secret.toUpperCase(),
    'slk_',
    'slk_aaaaaaaa_',
    `slk_aaaaaaaa_${'a'.repeat(65)}`,
  ]) {
    expect(await withKey(wrong, 'GET', '/v1/audit'), wrong).toMatchObject({
      status: 401,
      body: { code: 'access.unauthenticated' },
    });
  }
  expect((await withKey(secret, 'GET', '/v1/audit')).status).toBe(200);
});

test('nobody gives a key what they may not do, and some things are given to no key', async () => {
  const owner = await newOwner();
  for (const scope of ['member:write', 'billing:write', 'workspace:delete', 'ownership:transfer']) {
    const refused = await owner.call('POST', '/v1/api-keys', { name: 'CI', scopes: ['workflow:read', scope] });
    expect(refused, scope).toMatchObject({ status: 403, body: { code: 'access.denied' } });
  }
  const editor = await newMember(owner, 'editor', { add: ['apikey:write'] });
  const tooMuch = await editor.call<{ title: string }>('POST', '/v1/api-keys', { name: 'CI', scopes: ['audit:read'] });
  expect(tooMuch).toMatchObject({ status: 403 });
  expect(tooMuch.body.title).toContain('audit:read');
  const mine = await make(editor, ['workflow:read', 'apikey:write']);
  expect(mine.key.scopes).toEqual(['workflow:read', 'apikey:write']);
  const viewer = await newMember(owner, 'viewer');
  expect(await viewer.call('GET', '/v1/api-keys')).toMatchObject({ status: 403 });

  // Whoever rotates gets the secret: an editor could reach an owner's scopes that way.
  const owners = await make(owner, ['audit:read']);
  expect(await editor.call('POST', `/v1/api-keys/${owners.key.id}/rotate`, {})).toMatchObject({ status: 403 });
  // And a key could outlive the one that made it.
  expect(await withKey(mine.secret, 'POST', '/v1/api-keys', { name: 'x', scopes: ['workflow:read'] })).toMatchObject({
    status: 403,
  });
  expect(await withKey(mine.secret, 'POST', `/v1/api-keys/${mine.key.id}/rotate`, {})).toMatchObject({ status: 403 });
  expect(await withKey(mine.secret, 'GET', '/v1/api-keys')).toMatchObject({ status: 200 });
});

// Each of these waits until what is remembered of a key is looked up again: they wait together.

test.concurrent('a key loses what its person loses, and ends with their membership', async ({ expect }) => {
  const owner = await newOwner();
  const admin = await newMember(owner, 'admin');
  const { secret } = await make(admin, ['audit:read', 'workflow:read', 'apikey:write']);
  expect((await withKey(secret, 'GET', '/v1/audit')).status).toBe(200);
  const set = (what: string) =>
    cloud.database.ownerSql(`update membership set ${what} where workspace_id = $1 and user_id = $2`, [
      owner.workspaceId,
      admin.userId,
    ]);
  await set("role = 'editor'");
  await expect.poll(async () => (await withKey(secret, 'GET', '/v1/audit')).status, { timeout: 60_000 }).toBe(403);
  expect((await withKey(secret, 'GET', '/v1/api-key')).status).toBe(200);
  await set('deleted_at = now()');
  await expect.poll(async () => (await withKey(secret, 'GET', '/v1/api-key')).status, { timeout: 60_000 }).toBe(401);
});

test.concurrent('after a rotation both keys are taken until the grace is over; with none, only the new one', async ({
  expect,
}) => {
  const owner = await newOwner();
  const first = await make(owner, ['audit:read']);
  const path = `/v1/api-keys/${first.key.id}/rotate`;
  const second = (await owner.call<NewKey>('POST', path, {})).body;
  expect(second.key).toMatchObject({ id: first.key.id, name: 'CI', scopes: ['audit:read'] });
  expect(second.key.prefix).not.toBe(first.key.prefix);
  expect(Date.parse(second.key.graceUntil ?? '') - Date.now()).toBeGreaterThan(23 * 3_600_000);
  for (const { secret } of [first, second]) expect((await withKey(secret, 'GET', '/v1/audit')).status).toBe(200);
  await cloud.database.ownerSql("update api_key set grace_until = now() - interval '1 second' where id = $1", [
    first.key.id,
  ]);
  await expect
    .poll(async () => (await withKey(first.secret, 'GET', '/v1/audit')).status, { timeout: 60_000 })
    .toBe(401);
  const third = (await owner.call<NewKey>('POST', path, { graceHours: 0 })).body;
  expect(third.key.graceUntil).toBeUndefined();
  await expect
    .poll(async () => (await withKey(second.secret, 'GET', '/v1/audit')).status, { timeout: 60_000 })
    .toBe(401);
  expect((await withKey(third.secret, 'GET', '/v1/audit')).status).toBe(200);
  expect((await auditOf(owner)).filter(({ action }) => action === 'apikey.rotate')).toHaveLength(2);
});

test.concurrent('a revoked key and one past its end are refused; what it did is in the audit log under its name', async ({
  expect,
}) => {
  const owner = await newOwner();
  const [revoked, ended] = [
    await make(owner, ['apikey:write']),
    await make(owner, ['audit:read'], { expiresInDays: 1 }),
  ];
  const kept = await make(owner, ['audit:read']);
  await withKey(revoked.secret, 'GET', '/v1/api-keys');
  expect((await withKey(revoked.secret, 'DELETE', `/v1/api-keys/${revoked.key.id}`)).status).toBe(200);
  await cloud.database.ownerSql("update api_key set expires_at = now() - interval '1 second' where id = $1", [
    ended.key.id,
  ]);
  for (const [{ secret }, path] of [
    [revoked, '/v1/api-keys'],
    [ended, '/v1/audit'],
  ] as const) {
    await expect.poll(async () => (await withKey(secret, 'GET', path)).status, { timeout: 60_000 }).toBe(401);
  }
  expect((await withKey(kept.secret, 'GET', '/v1/audit')).status).toBe(200);
  expect(await owner.call('DELETE', `/v1/api-keys/${revoked.key.id}`)).toMatchObject({
    status: 404,
    body: { code: 'apikey.not_found' },
  });
  const entry = (await auditOf(owner)).find(({ action }) => action === 'apikey.revoke');
  expect(entry).toMatchObject({ actorName: 'Robin (key CI)', metadata: { name: 'CI' } });
  expect((await owner.call<ApiKeyRecord[]>('GET', '/v1/api-keys')).body.map(({ id }) => id)).toEqual([kept.key.id]);
});

test('the plan says how many keys there may be, also for requests at the same moment', async () => {
  const owner = await newOwner('free');
  const answers = await Promise.all(
    [1, 2, 3].map((n) =>
      owner.call<{ code?: string; details?: object }>('POST', '/v1/api-keys', {
        name: `Key ${n}`,
        scopes: ['run:read'],
      }),
    ),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 402, 402]);
  expect(answers.find(({ status }) => status === 402)?.body).toMatchObject({
    code: 'plan.limit_exceeded',
    details: { limit: 1, have: 1 },
  });
});

test('one key is answered as often in a second as the plan says, and leaves its person’s own requests alone', async () => {
  const owner = await newOwner('free');
  const { secret } = await make(owner, ['audit:read']);
  // Where a machine is so slow that forty take seconds, none is too much; soon there is a second that has more of them.
  const seen = async () => {
    const answers = await Promise.all(Array.from({ length: 40 }, () => withKey(secret, 'GET', '/v1/audit')));
    return new Set(answers.map(({ status }) => status));
  };
  await expect.poll(seen).toEqual(new Set([200, 429]));
  expect((await owner.call('GET', '/v1/audit')).status).toBe(200);
});

test('the secret of a key is not kept under an Idempotency-Key, and no second key is made', async () => {
  const owner = await newOwner();
  const body = { name: 'Once', scopes: ['run:read'] };
  const headers = { 'idempotency-key': uuidv7() };
  const first = await owner.call<NewKey>('POST', '/v1/api-keys', body, headers);
  expect(first.status).toBe(200);
  expect(await owner.call('POST', '/v1/api-keys', body, headers)).toMatchObject({
    status: 422,
    body: { code: 'request.key_reused' },
  });
  const kept = await cloud.database.ownerSql<{ text: string }>(
    'select row_to_json(i)::text as text from idempotency_key i',
  );
  expect(JSON.stringify(kept)).not.toContain(first.body.secret);
  expect((await owner.call<unknown[]>('GET', '/v1/api-keys')).body).toHaveLength(1);
});

test('on the page a key is made, shown once, rotated and revoked, by those who may', async () => {
  const owner = await newOwner();
  const open = pageBrowser(cloud.url);
  await open('POST', '/sign-in', { email: owner.email, password: owner.password });
  const workspace = owner.workspaceId;
  const made = await open('POST', '/api-keys', { workspace, name: 'Build <b>', preset: 'publish', days: '30' });
  const [, secret = ''] = /<pre>(slk_[^<]+)<\/pre>/.exec(made.text) ?? [];
  expect((await withKey(secret, 'GET', '/v1/api-key')).status).toBe(200);
  const page = await open('GET', `/api-keys?workspace=${workspace}`);
  expect(page.text).toContain('Build &lt;b&gt;');
  expect(page.text).not.toContain(secret);
  const key = hiddenField(page, 'key');
  const rotated = await open('POST', '/api-keys/rotate', { workspace, key });
  expect(rotated.text).toContain('It is shown this once.');
  expect((await open('GET', '/api-keys')).text).toContain('The key before is taken until');
  expect((await open('POST', '/api-keys', { workspace, name: '', preset: 'read', days: '30' })).status).toBe(422);
  expect((await open('POST', '/api-keys', { workspace, name: 'x', preset: 'constructor', days: '30' })).status).toBe(
    422,
  );
  expect((await open('POST', '/api-keys/revoke', { workspace, key })).location).toBe(
    `/api-keys?workspace=${workspace}`,
  );
  expect((await open('GET', '/api-keys')).text).not.toContain('Build');

  const other = await newOwner();
  expect(
    (await open('POST', '/api-keys', { workspace: other.workspaceId, name: 'x', preset: 'read', days: '1' })).status,
  ).toBe(403);
  expect((await open('GET', `/api-keys?workspace=${other.workspaceId}`)).status).toBe(403);
  expect((await other.call<unknown[]>('GET', '/v1/api-keys')).body).toEqual([]);
});

test('the page about accounts names the scopes of each preset, and how many sign-ins each plan has room for', () => {
  const page = readFileSync(new URL('../../docs/accounts.md', import.meta.url), 'utf8');
  const row = (title: string) => new RegExp(`^\\| ${title} \\| +(.*) \\|$`, 'm').exec(page)?.[1] ?? '';
  const scopesIn = (text: string) => [...text.matchAll(/`([a-z]+:[a-z]+)`/g)].map(([, scope]) => scope);
  const { publish, run, read } = KEY_PRESETS;
  expect(scopesIn(row('Sync and publish from a build'))).toEqual(publish.scopes);
  expect(run.scopes).toEqual([...read.scopes, ...scopesIn(row('Start, follow and cancel runs'))]);
  expect(read.scopes).toHaveLength(5);
  for (const { name, sessionsAtOnce } of Object.values(PLANS)) {
    expect(row(name)).toBe(Number.isFinite(sessionsAtOnce) ? String(sessionsAtOnce) : 'no limit');
  }
});
