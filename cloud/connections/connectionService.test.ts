import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Control, createControlBench } from '../../tests/fixtures/control.ts';
import { findSealed } from './connectionStore.ts';
import { createVault } from './vault.ts';

let control: Control;
beforeAll(async () => {
  control = await createControlBench();
});
afterAll(() => control.close());

const CANARY = 'canary-7f3a9c';
const entry = (name: string, secret = CANARY) => ({ name, connector: 'webhook', secret: { secret }, hosts: [] });

test('a secret goes in sealed and comes out of no call and no table', async () => {
  const { actor, workspaceId } = await control.newTenant();
  const set = await control.connections.set(entry('sender'), actor);
  const answers = JSON.stringify([set, await control.connections.list({}, actor)]);
  expect(answers).not.toContain(CANARY);
  const rows = await control.ownerSql<{ ciphertext: Buffer }>('select * from connection where workspace_id = $1', [
    workspaceId,
  ]);
  expect(JSON.stringify(rows)).not.toContain(CANARY);
  expect(rows[0]?.ciphertext.includes(CANARY)).toBe(false);
  expect(control.log.join('\n')).not.toContain(CANARY);
});

test('a replaced secret is the one that is opened from then on', async () => {
  const { actor, workspaceId } = await control.newTenant();
  const open = async () => {
    const sealed = await control.db.withWorkspaceSql({ workspaceId }, (sql) =>
      findSealed(sql, workspaceId, ['sender']),
    );
    return sealed[0] && (await control.vault.open(workspaceId, sealed[0])).reveal();
  };
  await control.connections.set(entry('sender', 'old'), actor);
  expect(await open()).toMatchObject({ secret: 'old' });
  await control.connections.set(entry('sender', 'new'), actor);
  expect(await open()).toMatchObject({ secret: 'new' });
  await control.connections.remove({ name: 'sender' }, actor);
  expect(await open()).toBeUndefined();
});

test('of two who set a connection at once, the second is told, and the first one’s secret stays', async () => {
  const { actor } = await control.newTenant();
  const set = (secret: string, expectedRevision?: number) =>
    control.connections.set({ ...entry('sender', secret), expectedRevision }, actor);
  expect(await set('first', 0)).toMatchObject({ revision: 1 });
  await expect(set('again', 0)).rejects.toMatchObject({
    code: 'request.changed',
    status: 412,
    details: { revision: 1 },
  });
  const both = await Promise.allSettled([set('one', 1), set('two', 1)]);
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(await control.connections.list({}, actor)).toMatchObject([{ name: 'sender', revision: 2 }]);
  // Who expects nothing overwrites, and a name that is free again begins anew.
  expect(await set('three')).toMatchObject({ revision: 3 });
  await control.connections.remove({ name: 'sender' }, actor);
  expect(await set('new', 0)).toMatchObject({ revision: 1 });
});

test('a sealed secret that was moved to another connection or workspace does not open', async () => {
  const { actor, workspaceId } = await control.newTenant();
  const other = await control.newTenant();
  await control.connections.set(entry('one'), actor);
  await control.connections.set(entry('two', 'x'), actor);
  const sealed = await control.db.withWorkspaceSql({ workspaceId }, (sql) =>
    findSealed(sql, workspaceId, ['one', 'two']),
  );
  const one = sealed.find(({ name }) => name === 'one');
  const two = sealed.find(({ name }) => name === 'two');
  if (!one || !two) throw new Error('not stored');
  // A vault that has opened nothing yet.
  const vault = createVault({ ...control, database: control.db, secrets: control.secrets });
  await expect(vault.open(workspaceId, { ...two, ciphertext: one.ciphertext })).rejects.toMatchObject({
    code: 'store.failed',
  });
  await expect(vault.open(other.workspaceId, one)).rejects.toMatchObject({ code: 'store.failed' });
});

test('a plan has room for so many, and an existing one can still be changed', async () => {
  const { actor } = await control.newTenant('free');
  await control.connections.set(entry('one'), actor);
  await control.connections.set(entry('two'), actor);
  await expect(control.connections.set(entry('three'), actor)).rejects.toMatchObject({
    code: 'plan.limit_exceeded',
    status: 402,
    details: { limit: 2, have: 2 },
  });
  await control.connections.set(entry('two', 'changed'), actor);
  await control.connections.remove({ name: 'one' }, actor);
  await control.connections.set(entry('three'), actor);
});

test('with a smaller plan nothing is deleted: the newest rest, nothing new is made, and a person chooses which ones work', async () => {
  const { actor, workspaceId } = await control.newTenant('pro');
  const planIs = (plan: string) =>
    control.ownerSql('update workspace set plan = $2::plan_slug where id = $1', [workspaceId, plan]);
  const resting = async () =>
    (await control.connections.list({}, actor)).filter(({ rests }) => rests).map(({ name }) => name);
  for (const name of ['one', 'two', 'three', 'four']) await control.connections.set(entry(name), actor);
  expect(await resting()).toEqual([]);
  await planIs('free');
  // In the order of their names, as the list is.
  expect(await resting()).toEqual(['four', 'three']);
  await expect(control.connections.set(entry('five'), actor)).rejects.toMatchObject({
    code: 'plan.limit_exceeded',
    status: 402,
    details: { limit: 2, have: 4 },
  });

  expect(await control.connections.choose({ names: ['four'] }, actor)).toMatchObject([
    { name: 'four' },
    { name: 'one' },
    { name: 'three', rests: true },
    { name: 'two', rests: true },
  ]);
  await expect(control.connections.choose({ names: ['one', 'two', 'three'] }, actor)).rejects.toMatchObject({
    code: 'plan.limit_exceeded',
    status: 402,
    details: { limit: 2, have: 3 },
  });
  await expect(control.connections.choose({ names: ['nothing'] }, actor)).rejects.toMatchObject({
    code: 'connection.not_found',
  });
  // One that rests keeps its secret, may get another one, and stays where it was.
  await control.connections.set(entry('two', 'another'), actor);
  expect(await resting()).toEqual(['three', 'two']);

  // Room is made by one less, or by a larger plan, and nobody has to do anything else.
  await control.connections.remove({ name: 'one' }, actor);
  expect(await resting()).toEqual(['three']);
  await planIs('pro');
  expect(await resting()).toEqual([]);
});

test('two that are made at once do not both take the last place', async () => {
  const { actor } = await control.newTenant('free');
  await control.connections.set(entry('one'), actor);
  const outcomes = await Promise.allSettled([2, 3, 4].map(async (n) => control.connections.set(entry(`c${n}`), actor)));
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(await control.connections.list({}, actor)).toHaveLength(2);
});

test('unknown connectors, fields and hosts are refused without repeating what was sent', async () => {
  const { actor } = await control.newTenant();
  const wrong = [
    { ...entry('a'), connector: 'nonsense' },
    { ...entry('a'), secret: { password: CANARY } },
    { ...entry('a'), hosts: ['https://a.example/path'] },
  ];
  for (const input of wrong) {
    const thrown = await Promise.resolve(control.connections.set(input, actor)).catch((error: Error) => error);
    expect(thrown).toMatchObject({ code: 'config.invalid' });
    expect(JSON.stringify(thrown)).not.toContain(CANARY);
  }
  await expect(control.connections.remove({ name: 'nothing' }, actor)).rejects.toMatchObject({
    code: 'connection.not_found',
  });
});
