import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Workspace } from '#shared/contract/cloud/common.ts';
import type { DeletedWorkspace, WorkspaceDetail } from '#shared/contract/cloud/workspaces.ts';
import { permissionsOf } from '#shared/permission.ts';
import { startTestCloud, type TestCloud } from '../../tests/fixtures/cloud.ts';
import { createPeople, type QuickPerson } from '../../tests/fixtures/people.ts';
import { isOver, markRestored, purgeRows } from './lifecycleStore.ts';

let cloud: TestCloud;
let people: ReturnType<typeof createPeople>;
beforeAll(async () => {
  cloud = await startTestCloud();
  people = createPeople(cloud);
});
afterAll(() => cloud.stop());

const current = (person: QuickPerson, workspaceId?: string) =>
  person.call<WorkspaceDetail>('GET', '/v1/workspaces/current', undefined, { workspaceId });
const slugOf = async (person: QuickPerson) => (await current(person)).body.slug;
const remove = async (person: QuickPerson) =>
  person.call<DeletedWorkspace>('DELETE', `/v1/workspaces/current?confirm=${await slugOf(person)}`);
/** What a process remembers of a membership is at most two seconds old. */
const soon = { timeout: 60_000, interval: 200 };

test('a workspace is made, renamed, put into another time zone and found again by its new name', async () => {
  const robin = await people.newPerson();
  const made = await robin.call<Workspace>('POST', '/v1/workspaces', { name: 'Mühle <b>&</b> 🌾', slug: 'the-mill' });
  expect(made.body).toMatchObject({ name: 'Mühle <b>&</b> 🌾', slug: 'the-mill', role: 'owner', plan: 'free' });
  const at = { workspaceId: made.body.id };
  const change = { name: 'Mill', slug: 'the-new-mill', timezone: 'Europe/Zurich' };
  expect((await robin.call('PATCH', '/v1/workspaces/current', change, at)).body).toMatchObject(change);
  const detail = (await current(robin, made.body.id)).body;
  expect(detail).toMatchObject({ ...change, ownerId: robin.userId, ownerName: 'Robin', members: 1, seats: 1 });
  expect(detail.permissions).toContain('ownership:transfer');
  const all = (await robin.call<Workspace[]>('GET', '/v1/workspaces')).body;
  expect(all.map(({ slug }) => slug)).toContain('the-new-mill');
});

test('of two who change the settings at once, the second is told, and nothing of the first is overwritten', async () => {
  const robin = await people.newPerson();
  const at = (ifMatch: string | null) => ({ headers: { 'if-match': ifMatch ?? '' } });
  const change = (change: object, more: object = {}) =>
    robin.call<WorkspaceDetail & { details: object }>('PATCH', '/v1/workspaces/current', change, more);
  const { headers, body } = await current(robin, robin.workspaceId);
  const etag = headers.get('etag');
  expect(etag).toBe(`"${body.revision}"`);
  const first = await change({ name: 'One' }, at(etag));
  expect([first.status, first.body.revision, first.headers.get('etag')]).toEqual([
    200,
    body.revision + 1,
    `"${body.revision + 1}"`,
  ]);
  const second = await change({ name: 'Two' }, at(etag));
  expect(second).toMatchObject({
    status: 412,
    body: { code: 'request.changed', details: { revision: body.revision + 1, expectedRevision: body.revision } },
  });
  const races = await Promise.all(['Three', 'Four'].map((name) => change({ name }, at(first.headers.get('etag')))));
  expect(races.map(({ status }) => status).sort()).toEqual([200, 412]);
  // What somebody does not ask for is not held against them.
  expect((await change({ name: 'Five' })).body).toMatchObject({ name: 'Five', revision: body.revision + 3 });
  expect((await current(robin, robin.workspaceId)).headers.get('etag')).toBe(`"${body.revision + 3}"`);
});

test('a slug that is taken, reserved or none is refused; the one before is free again', async () => {
  const [robin, kim] = [await people.newPerson(), await people.newPerson('Kim')];
  const rename = (person: QuickPerson, slug: string) => person.call('PATCH', '/v1/workspaces/current', { slug });
  expect((await rename(robin, 'north')).status).toBe(200);
  expect(await rename(kim, 'north')).toMatchObject({ status: 409, body: { code: 'workspace.slug_taken' } });
  const again = await kim.call('POST', '/v1/workspaces', { name: 'N', slug: 'north' });
  expect(again).toMatchObject({ status: 409, body: { code: 'workspace.slug_taken' } });
  for (const slug of ['admin', 'api', 'www', 'ab', 'a--b', 'end-', 'Üben', '0199f2c0-0000-7000-8000-000000000009']) {
    expect(await rename(kim, slug), slug).toMatchObject({ status: 422, body: { code: 'request.invalid' } });
  }
  expect((await rename(robin, 'south')).status).toBe(200);
  expect((await rename(kim, 'north')).status).toBe(200);
  expect(await kim.call('PATCH', '/v1/workspaces/current', { timezone: 'Moon/Base' })).toMatchObject({ status: 422 });
});

test('a transfer makes another member the owner and the one before an admin, and tells the new one', async () => {
  const [robin, kim, eve] = [await people.newPerson(), await people.newPerson('Kim'), await people.newPerson('Eve')];
  const kimId = await people.join(robin.workspaceId, kim, 'viewer', { remove: ['run:read'] });
  const eveId = await people.join(eve.workspaceId, { userId: kim.userId }, 'viewer');
  const transfer = (memberId: string) => robin.call('POST', '/v1/workspaces/current/transfer', { memberId });
  // Somebody of another workspace is nobody here.
  const foreign = await transfer(eveId);
  const missing = await transfer('0199f2c0-0000-7000-8000-000000000009');
  expect(foreign).toMatchObject({ status: 404, body: { code: 'member.not_found' } });
  expect({ ...(foreign.body as object), requestId: '' }).toEqual({ ...(missing.body as object), requestId: '' });
  const { permissions, ...handed } = (await transfer(kimId)).body as { permissions: string[] };
  expect(handed).toMatchObject({ ownerId: kim.userId, role: 'admin' });
  expect(permissions).toEqual([...permissionsOf('admin')]);
  await expect.poll(async () => (await current(robin)).body.role, soon).toBe('admin');
  expect((await current(kim, robin.workspaceId)).body).toMatchObject({ role: 'owner', ownerName: 'Kim' });
  await expect.poll(async () => (await transfer(kimId)).status, soon).toBe(403);
  await expect
    .poll(() => cloud.letters(kim.email).map(({ subject }) => subject), soon)
    .toContain('You are the owner of “Robin’s workspace” now');
});

test('an owner who gives a workspace to several in the same moment has given it to one', async () => {
  const robin = await people.newPerson();
  const ids: string[] = [];
  for (const name of ['Kim', 'Eve', 'Ann']) {
    ids.push(await people.join(robin.workspaceId, await people.newPerson(name), 'editor'));
  }
  const transfer = (memberId: string) => robin.call('POST', '/v1/workspaces/current/transfer', { memberId });
  const answers = await Promise.all(ids.map(transfer));
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 403, 403]);
  const owners = await cloud.database.ownerSql<{ id: string }>(
    "select id from membership where workspace_id = $1 and role = 'owner'",
    [robin.workspaceId],
  );
  expect(owners).toEqual([{ id: ids[answers.findIndex(({ status }) => status === 200)] }]);
});

test('a workspace that is brought back in its last moment keeps its files; one whose time is over does not come back', async () => {
  const [robin, kim] = [await people.newPerson(), await people.newPerson('Kim')];
  const { db, ownerSql } = cloud.database;
  const over = (one: QuickPerson) => db.withWorkspaceSql(one, (sql) => isOver(sql, one.workspaceId));
  const back = (one: QuickPerson) => db.withWorkspaceSql(one, (sql) => markRestored(sql, one.workspaceId));
  for (const one of [robin, kim]) await remove(one);
  expect(await over(robin)).toBe(false);
  await ownerSql("update workspace set purge_after = now() - interval '1 s' where id = any($1)", [
    [robin.workspaceId, kim.workspaceId],
  ]);
  // Robin was in time, and is not through yet now that the time is over.
  let go = () => {};
  const held = new Promise<void>((resolve) => {
    go = resolve;
  });
  let begun = () => {};
  const isBack = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const restoring = db.withWorkspaceSql(robin, async (sql) => {
    await sql.query('update workspace set deleted_at = null, purge_after = null where id = $1', [robin.workspaceId]);
    begun();
    await held;
  });
  await isBack;
  const asked = over(robin);
  const early = await Promise.race([asked, new Promise((resolve) => setTimeout(resolve, 300, 'waits'))]);
  go();
  await restoring;
  expect([early, await asked]).toEqual(['waits', false]);
  // Kim began before, and asks after somebody has seen that it is over.
  await db.withWorkspaceSql(kim, async (sql) => {
    await sql.query('select now()');
    expect(await over(kim)).toBe(true);
    expect(await markRestored(sql, kim.workspaceId)).toBe(false);
  });
  expect(await back(kim)).toBe(false);
});

test('a deleted workspace answers as one that is not there, and an owner brings it back as it was', async () => {
  const [robin, kim] = [await people.newPerson(), await people.newPerson('Kim')];
  await people.join(robin.workspaceId, kim, 'admin');
  const at = { workspaceId: robin.workspaceId };
  expect(
    await kim.call('DELETE', `/v1/workspaces/current?confirm=${await slugOf(robin)}`, undefined, at),
  ).toMatchObject({
    status: 403,
  });
  expect(await robin.call('DELETE', '/v1/workspaces/current?confirm=other')).toMatchObject({ status: 422 });
  const before = (await current(robin)).body;
  await cloud.database.ownerSql(
    `insert into subscription (workspace_id, id, plan_slug, status, stripe_customer_id, updated_at)
     values ($1, gen_random_uuid(), 'pro', 'active', 'cus_test', now())`,
    [robin.workspaceId],
  );
  expect((await remove(robin)).body).toMatchObject({ code: 'subscription.active' });
  await cloud.database.ownerSql('update subscription set cancel_at_period_end = true where workspace_id = $1', [
    robin.workspaceId,
  ]);
  const { status, body: deleted } = await remove(robin);
  expect(status).toBe(200);
  const days = (Date.parse(deleted.purgeAfter) - Date.parse(deleted.deletedAt)) / 86_400_000;
  expect(days).toBe(30);

  const gone = () => kim.call('GET', '/v1/workspaces/current', undefined, at);
  await expect.poll(async () => (await gone()).status, soon).toBe(404);
  const missing = await kim.call('GET', '/v1/workspaces/current', undefined, {
    workspaceId: '0199f2c0-0000-7000-8000-000000000009',
  });
  expect({ ...((await gone()).body as object), requestId: '' }).toEqual({ ...(missing.body as object), requestId: '' });
  await expect.poll(async () => (await current(robin)).status, soon).toBe(404);
  expect((await robin.call<Workspace[]>('GET', '/v1/workspaces')).body.map(({ id }) => id)).toEqual([]);
  expect((await robin.call('GET', '/v1/workspaces/deleted')).body).toEqual([deleted]);
  await expect.poll(() => cloud.letters(robin.email).at(-1)?.text ?? '', soon).toContain('bring it back until');

  // Neither a member who is no owner, nor anybody else, nor for another one.
  expect((await kim.call('GET', '/v1/workspaces/deleted')).body).toEqual([]);
  const restore = (person: QuickPerson) => person.call('POST', `/v1/workspaces/${robin.workspaceId}/restore`);
  expect(await restore(kim)).toMatchObject({ status: 404, body: { code: 'workspace.not_found' } });
  expect(await restore(robin)).toMatchObject({ status: 200, body: { id: robin.workspaceId, role: 'owner' } });
  expect(await restore(robin)).toMatchObject({ status: 404 });
  await expect.poll(async () => (await current(robin)).body, soon).toEqual(before);
  await expect.poll(async () => (await gone()).status, soon).toBe(200);
});

test('after its time a workspace cannot come back, and every row of it goes', async () => {
  const [robin, kim] = [await people.newPerson(), await people.newPerson('Kim')];
  await people.join(robin.workspaceId, kim, 'editor');
  const { db, ownerSql } = cloud.database;
  const purge = () => db.withWorkspaceSql(robin, (sql) => purgeRows(sql, robin.workspaceId));
  await expect(purge()).rejects.toMatchObject({ code: '23001' });
  await remove(robin);
  await expect(purge()).rejects.toMatchObject({ code: '23001' });
  await ownerSql(`update workspace set purge_after = now() where id = $1`, [robin.workspaceId]);
  expect(await robin.call('POST', `/v1/workspaces/${robin.workspaceId}/restore`)).toMatchObject({ status: 404 });
  // Nobody purges one from inside another.
  await expect(db.withWorkspaceSql(kim, (sql) => purgeRows(sql, robin.workspaceId))).rejects.toMatchObject({
    code: '42501',
  });
  await ownerSql(`update upkeep_claim set due_at = now() where workspace_id = $1 and kind = 'purge'`, [
    robin.workspaceId,
  ]);
  const left = () => ownerSql('select 1 from workspace where id = $1', [robin.workspaceId]);
  await expect.poll(left, soon).toEqual([]);
  expect(await ownerSql('select 1 from membership where workspace_id = $1', [robin.workspaceId])).toEqual([]);
  expect(await ownerSql('select 1 from audit_entry where workspace_id = $1', [robin.workspaceId])).toEqual([]);
  expect((await current(kim)).status).toBe(200);
});
