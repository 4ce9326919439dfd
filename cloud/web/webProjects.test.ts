import { v7 as newId } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { catalog } from '#runtime/connectors/registry.ts';
import type { HostEvent } from '#shared/contract/hostApi.ts';
import { applyOps, commitOf } from '#shared/merge/ops.ts';
import { applyEdit } from '#shared/workflow/edit.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { type Control, createControlBench, step, treeOf, workflowIdOf } from '../../tests/fixtures/control.ts';
import type { CloudClient } from './innerClient.ts';
import { openWebProject } from './webProjects.ts';

let control: Control;
beforeAll(async () => {
  control = await createControlBench();
});
afterAll(() => control.close());

/** A project in a window that hears of nothing by itself, and a device that the window does not know of. */
async function windowOfTwo() {
  const { actor, projectId } = await control.newTenant();
  const start = { start: step('trigger.manual') };
  const steps = {
    ...start,
    one: step('items.set', { fields: { n: 1 } }),
    two: step('items.set', { fields: { n: 2 } }),
  };
  await control.push(actor, treeOf(projectId, steps));
  const { projects } = control;
  const cloud = {
    projects: {
      head: (input: never) => projects.head(input, actor),
      commits: (input: never) => projects.commits(input, actor),
      push: (input: never) => projects.push(input, actor),
    },
  } as unknown as CloudClient;
  const events: HostEvent[] = [];
  const window = await openWebProject(
    { projectId, workspaceId: actor.workspaceId },
    {
      ...{ cloud, stepTypes: catalog(), deviceId: newId(), name: 'Window', uuid: newId, now: Date.now },
      emit: (event) => events.push(event),
    },
  );
  const workflowId = workflowIdOf(projectId);
  const rename = (stepId: string, name: string) => (tree: Tree) =>
    applyEdit(tree, { type: 'renameStep', workflowId, stepId, name });
  const head = () => projects.head({ projectId }, actor);
  const elsewhere = async (change: (tree: Tree) => Tree) => {
    const { tree, revision } = await head();
    const about = { commitId: newId(), deviceId: newId(), baseRevision: revision, origin: 'canvas' as const };
    await projects.push({ projectId, commit: commitOf(tree, change(tree), about), conflicts: [] }, actor);
  };
  const nameIn = (tree: Tree, stepId: string) => tree.workflows[workflowId]?.steps[stepId]?.name;
  const openConflicts = async () =>
    (await control.conflicts.list({ projectId, status: 'open', limit: 10 }, actor)).data;
  return { window, events, rename, head, elsewhere, nameIn, openConflicts };
}

/** The tree that a page has which took every event, from where it was opened. */
function replayed(from: Tree, events: HostEvent[]): Tree {
  return events.reduce((tree, event) => (event.type === 'project.changed' ? applyOps(tree, event.ops) : tree), from);
}

test('an edit on a tree that others changed elsewhere is put on top of theirs, and each is told once and in order', async () => {
  const { window, events, rename, head, elsewhere, nameIn } = await windowOfTwo();
  const from = window.tree();
  const first = window.revision();
  await elsewhere(rename('one', 'Theirs'));
  const revision = await window.commit(rename('two', 'Mine'));
  expect(revision).toBe(first + 2);
  const { tree } = await head();
  expect([nameIn(tree, 'one'), nameIn(tree, 'two')]).toEqual(['Theirs', 'Mine']);
  expect(window.tree()).toEqual(tree);
  const told = events.flatMap((event) =>
    event.type === 'project.changed' ? [[event.revision, event.origin] as const] : [],
  );
  expect(told).toEqual([
    [first + 1, 'sync'],
    [first + 2, 'canvas'],
  ]);
  expect(replayed(from, events)).toEqual(tree);
});

test('two answers in one place: the one that was first stands, and both are in a record', async () => {
  const { window, events, rename, head, elsewhere, nameIn, openConflicts } = await windowOfTwo();
  const from = window.tree();
  await elsewhere(rename('one', 'Theirs'));
  await window.commit((tree) => rename('two', 'Beside')(rename('one', 'Mine')(tree)));
  const { tree } = await head();
  expect([nameIn(tree, 'one'), nameIn(tree, 'two')]).toEqual(['Theirs', 'Beside']);
  expect(replayed(from, events)).toEqual(tree);
  expect(await openConflicts()).toMatchObject([{ kind: 'value', theirs: 'Theirs', ours: 'Mine', chosen: 'theirs' }]);
});

test('many edits at once are commits one after the other, and none is lost', async () => {
  const { window, rename, head, elsewhere, nameIn } = await windowOfTwo();
  const first = window.revision();
  const mine = Array.from({ length: 8 }, (_, i) => window.commit(rename('two', `Mine ${i}`)));
  const theirs = elsewhere(rename('one', 'Theirs'));
  const revisions = await Promise.all(mine);
  await theirs;
  await window.pull();
  expect([...revisions].sort((a, b) => a - b)).toEqual(revisions);
  expect(window.revision()).toBe(first + 9);
  const { tree } = await head();
  expect([nameIn(tree, 'one'), nameIn(tree, 'two')]).toEqual(['Theirs', 'Mine 7']);
  expect(window.tree()).toEqual(tree);
});

test('an edit that changes nothing makes no commit', async () => {
  const { window, events } = await windowOfTwo();
  const before = window.revision();
  expect(await window.commit((tree) => tree)).toBe(before);
  expect(events).toEqual([]);
});
