import { v7 as newId } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { catalog } from '#runtime/connectors/registry.ts';
import { isJsonObject, type Json } from '#shared/json.ts';
import { writeProject } from '#shared/workflow/files.ts';
import { contentHash, execHash, merkleHash } from '#shared/workflow/hash.ts';
import { readProject } from '#shared/workflow/readProject.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { type Control, createControlBench, RUNTIME_HASH, step, treeOf } from '../../tests/fixtures/control.ts';

let control: Control;
beforeAll(async () => {
  control = await createControlBench();
});
afterAll(() => control.close());

const sound = (projectId: string, n: number) =>
  treeOf(
    projectId,
    { start: step('trigger.manual'), work: step('items.set', { fields: { n } }, { mode: 'each' }) },
    { edges: ['start.main->work.main'] },
  );

test('a version freezes the head under the next number, and the same content stays the same version', async () => {
  const { actor, projectId } = await control.newTenant();
  const first = await control.freeze(actor, sound(projectId, 1));
  expect(first).toMatchObject({ number: 1, contentHash: contentHash(sound(projectId, 1)), createdByName: 'Owner' });
  const again = await control.versions.create({ projectId, expectedRevision: first.revision, note: 'again' }, actor);
  expect(again).toEqual(first);
  expect(await control.freeze(actor, sound(projectId, 2))).toMatchObject({ number: 2 });
  expect(await control.freeze(actor, sound(projectId, 1))).toEqual(first);
  const { data } = await control.versions.list({ projectId, limit: 20 }, actor);
  expect(data.map(({ number }) => number)).toEqual([2, 1]);
  expect(await control.versions.tree({ projectId, versionId: first.id }, actor)).toEqual(sound(projectId, 1));
});

test('publishing what somebody else has changed meanwhile is refused with the revision', async () => {
  const { actor, projectId } = await control.newTenant();
  const { revision } = await control.push(actor, sound(projectId, 1));
  await control.push(actor, sound(projectId, 2));
  await expect(
    control.versions.create({ projectId, expectedRevision: revision, note: '' }, actor),
  ).rejects.toMatchObject({ code: 'project.changed', details: { revision: revision + 1 } });
});

test('a project with errors is not frozen, and each error is named', async () => {
  const { actor, projectId } = await control.newTenant();
  const tree = treeOf(
    projectId,
    { start: step('trigger.manual'), odd: step('no.such') },
    { edges: ['start.main->odd.main'] },
  );
  await expect(control.freeze(actor, tree)).rejects.toMatchObject({
    code: 'project.invalid',
    details: { problems: [expect.objectContaining({ stepId: 'odd', severity: 'error' })] },
  });
});

test('two who publish at once get numbers of their own or the same version', async () => {
  const { actor, projectId } = await control.newTenant();
  const { revision } = await control.push(actor, sound(projectId, 1));
  const made = await Promise.all(
    [1, 2, 3].map((n) => control.versions.create({ projectId, expectedRevision: revision, note: `${n}` }, actor)),
  );
  expect(new Set(made.map(({ id }) => id)).size).toBe(1);
});

test('nobody changes or removes a version, not even the application itself', async () => {
  const { actor, projectId, workspaceId } = await control.newTenant();
  const { id } = await control.freeze(actor, sound(projectId, 1));
  for (const text of [`update version set note = 'x' where id = $1`, 'delete from version where id = $1']) {
    await expect(control.db.withWorkspaceSql({ workspaceId }, (sql) => sql.query(text, [id]))).rejects.toThrow(
      /denied/,
    );
    await expect(control.ownerSql(text, [id])).rejects.toThrow(/never change/);
  }
});

test('who only moved boxes has the same version to run, and who changed a setting has not', async () => {
  const { actor, projectId } = await control.newTenant();
  const tree = sound(projectId, 1);
  const first = await control.freeze(actor, tree);
  const [workflowId = ''] = Object.keys(tree.workflows);
  const workflow = tree.workflows[workflowId];
  if (!workflow) throw new Error('no workflow');
  const moved = { ...tree, workflows: { [workflowId]: { ...workflow, layout: { work: [5, 5] as [number, number] } } } };
  const second = await control.freeze(actor, moved);
  expect(second.number).toBe(2);
  expect(second.contentHash).not.toBe(first.contentHash);
  expect(second.execHash).toBe(first.execHash);
  expect(second.runtimeHash).toBe(RUNTIME_HASH);
  expect((await control.freeze(actor, sound(projectId, 2))).execHash).not.toBe(first.execHash);
});

test('one tree has one hash here and on a desktop, in files too, whatever the order of its fields', async () => {
  const { actor, projectId } = await control.newTenant();
  const version = await control.freeze(actor, sound(projectId, 1));
  const { tree, hash } = await control.projects.head({ projectId }, actor);
  const files = writeProject(tree as Tree);
  const read = readProject(files, catalog());
  // As a checkout on Windows has them, also listed in another order.
  const lines = Object.entries(files).map(([path, text]) => [path, text.replaceAll('\n', '\r\n')]);
  const onWindows = readProject(Object.fromEntries(lines.reverse()), catalog());
  expect([...read.problems, ...onWindows.problems]).toEqual([]);
  const turned = reversed(tree as unknown as Json) as unknown as Tree;
  expect(JSON.stringify(turned)).not.toBe(JSON.stringify(tree));
  for (const one of [read.tree, onWindows.tree, turned, structuredClone(tree)] as Tree[]) {
    expect(merkleHash(one)).toBe(hash);
    expect([contentHash(one), execHash(one)]).toEqual([version.contentHash, version.execHash]);
  }
});

/** The same with the fields of every object the other way round. */
function reversed(value: Json): Json {
  if (Array.isArray(value)) return value.map(reversed);
  if (!isJsonObject(value)) return value;
  const turned = Object.keys(value).reverse();
  return Object.fromEntries(turned.map((key) => [key, reversed(value[key] as Json)]));
}

test('the tree of a version is found only through its own project', async () => {
  const one = await control.newTenant();
  const version = await control.freeze(one.actor, sound(one.projectId, 1));
  const other = await control.newTenant();
  await control.push(other.actor, sound(other.projectId, 1));
  const ask = (projectId: string, actor: typeof one.actor) =>
    control.versions.tree({ projectId, versionId: version.id }, actor);
  await expect(ask(one.projectId, other.actor)).rejects.toMatchObject({ code: 'version.not_found' });
  await expect(ask(newId(), one.actor)).rejects.toMatchObject({ code: 'version.not_found' });
});
