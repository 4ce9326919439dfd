import { v7 as uuid } from 'uuid';
import { expect, test } from 'vitest';
import { diffTrees } from '#shared/merge/ops.ts';
import { applyEdit } from '#shared/workflow/edit.ts';
import { newProject, open } from './openProject.fixture.ts';

const method = (one: Awaited<ReturnType<typeof open>>) => one.step('post_d5w6')?.config.method;

test('undo and redo go through one’s own edits one by one, also after a restart', async () => {
  const { dir } = await newProject();
  const first = await open(dir);
  expect(first.project.undo()).toEqual({ done: false, left: [] });
  first.project.edit([first.set('post_d5w6', ['method'], 'PUT')]);
  first.project.edit([{ type: 'renameStep', workflowId: first.workflowId, stepId: 'score_m4t8', name: 'Rate' }]);
  first.project.edit([first.set('post_d5w6', ['method'], 'PATCH')]);
  expect(first.project.undo()).toMatchObject({ done: true });
  await first.project.close();

  const again = await open(dir);
  expect([method(again), again.project.canUndo(), again.project.canRedo()]).toEqual(['PUT', true, true]);
  again.project.undo();
  expect([again.step('score_m4t8')?.name === 'Rate', method(again)]).toEqual([false, 'PUT']);
  again.project.undo();
  expect([method(again), again.project.canUndo()]).toEqual(['POST', false]);
  for (const expected of ['PUT', 'PUT', 'PATCH']) {
    expect(again.project.redo().done).toBe(true);
    expect(method(again)).toBe(expected);
  }
  expect([again.step('score_m4t8')?.name, again.project.canRedo()]).toEqual(['Rate', false]);
  again.project.undo();
  again.project.edit([again.set('post_d5w6', ['method'], 'GET')]);
  expect(again.project.canRedo()).toBe(false);
});

test('undo takes back one’s own edits only, and leaves what others changed in the same place since', async () => {
  const { dir } = await newProject();
  const one = await open(dir);
  const { project, workflowId, set } = one;
  project.edit([
    set('post_d5w6', ['method'], 'PUT'),
    { type: 'setVariable', environment: 'local', name: 'a', value: 1 },
  ]);
  const elsewhere = applyEdit(project.tree(), set('post_d5w6', ['method'], 'PATCH'));
  const renamed = applyEdit(elsewhere, { type: 'renameStep', workflowId, stepId: 'score_m4t8', name: 'Theirs' });
  project.patch(diffTrees(project.tree(), renamed).ops, 'sync');

  const { done, left } = project.undo();
  expect(done).toBe(true);
  expect(left).toMatchObject([{ path: expect.arrayContaining(['method']), theirs: 'PATCH' }]);
  expect(project.tree().environments.local?.vars).not.toHaveProperty('a');
  expect([method(one), one.step('score_m4t8')?.name]).toEqual(['PATCH', 'Theirs']);
  expect(project.undo()).toMatchObject({ done: false });
  expect(one.step('score_m4t8')?.name).toBe('Theirs');
});

test('the keys of a word are one step to undo, a pause begins another', async () => {
  const { dir } = await newProject();
  let now = Date.now();
  const one = await open(dir, { now: () => now });
  const write = (text: string) => one.project.edit([one.set('post_d5w6', ['url'], text)]);
  const before = one.step('post_d5w6')?.config.url;
  for (const text of ['h', 'ht', 'htt']) {
    write(text);
    now += 200;
  }
  now += 5_000;
  write('http');
  one.project.undo();
  expect(one.step('post_d5w6')?.config.url).toBe('htt');
  one.project.undo();
  expect(one.step('post_d5w6')?.config.url).toBe(before);
});

test('an edit outside is one step to undo, and the file follows', async () => {
  const { dir, disk } = await newProject();
  const one = await open(dir);
  const before = disk.read();
  disk.write(before.replace('method: POST', 'method: PUT').replace('timeoutMs: 60000', 'timeoutMs: 4000'));
  await one.project.rescan();
  expect([method(one), one.step('score_m4t8')?.timeoutMs]).toEqual(['PUT', 4000]);
  expect(one.project.history.list(5)).toMatchObject([{ origin: 'file', message: 'Edited outside', changeCount: 2 }]);
  one.project.undo();
  await one.project.flush();
  expect(disk.read()).toBe(before);
});

test('each revision can be looked at, named and restored, and restoring loses nothing', async () => {
  const { dir } = await newProject();
  const first = await open(dir);
  const start = first.project.tree();
  first.project.edit([first.set('post_d5w6', ['method'], 'PUT')]);
  const middle = first.project.tree();
  first.project.edit([{ type: 'removeStep', workflowId: first.workflowId, stepId: 'score_m4t8' }]);
  const last = first.project.tree();
  await first.project.close();

  const { project } = await open(dir);
  const at = (revision: number) => project.history.at(revision, { revision: project.revision(), tree: project.tree() });
  expect([at(0), at(1), at(2)]).toEqual([start, middle, last]);
  project.history.name(1, 'Before the clean-up');
  expect(project.history.list(10)).toMatchObject([
    { revision: 2, origin: 'canvas' },
    { revision: 1, name: 'Before the clean-up', changes: [{ name: 'File it in the tracker', what: 'changed' }] },
  ]);
  project.replace(at(1), 'restore', 'Restored revision 1');
  expect(project.tree()).toEqual(middle);
  expect(project.history.list(1)).toMatchObject([{ revision: 3, origin: 'restore', message: 'Restored revision 1' }]);
  expect(at(2)).toEqual(last);
  project.undo();
  expect(project.tree()).toEqual(last);
  expect(() => at(-1)).toThrow(expect.objectContaining({ code: 'revision.not_found' }));
  expect(() => project.history.name(99, uuid())).toThrow(expect.objectContaining({ code: 'revision.not_found' }));
});
