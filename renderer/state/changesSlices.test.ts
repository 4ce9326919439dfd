import { expect, test, vi } from 'vitest';
import type { ConflictEntry } from '#shared/contract/host/conflicts.ts';
import type { Presence } from '#shared/contract/host/presence.ts';
import type { HostEvent } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import { applyOps, diffTrees, type Op } from '#shared/merge/ops.ts';
import { applyEdit, type Edit } from '#shared/workflow/edit.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { conflictsOfStep, openConflicts } from './conflictsSlice.ts';
import { openWorkflow } from './documentSlice.ts';
import { isReadOnly, markOf } from './historySlice.ts';
import { createEditor } from './store.ts';
import { projectId, twoStepTree, workflowId } from './twoSteps.fixture.ts';

const at = '2026-11-20T07:00:00Z';
const FIRST: Tree = twoStepTree({ prompt: 'theirs' });
const path = ['workflows', workflowId, 'steps', 'a_0000', 'config', 'prompt'];
const record: ConflictEntry = {
  id: '0199f2c4-7a02-7c11-8b7e-2d9f4c5e6a02',
  commitId: '0199f2c4-7a02-7c11-8b7e-2d9f4c5e6a03',
  where: 'cloud',
  path,
  kind: 'value',
  base: 'before',
  theirs: 'theirs',
  ours: 'mine',
  chosen: 'theirs',
  who: { theirs: 'Sam', ours: 'Robin' },
  status: 'open',
  createdAt: at,
};
const told: ConflictEntry = {
  ...record,
  id: '0199f2c4-7a02-7c11-8b7e-2d9f4c5e6a04',
  kind: 'layout',
  status: 'resolved',
  path: ['workflows', workflowId, 'layout', 'b_0000'],
};

/** A host with one conflict and one earlier revision. */
async function opened() {
  let tree = FIRST;
  let revision = 2;
  let conflicts = [record, told];
  const older: Tree = applyEdit(FIRST, { type: 'removeStep', workflowId, stepId: 'b_0000' });
  const listeners = new Set<(event: HostEvent) => void>();
  const said: unknown[] = [];
  const refusals: SluiceError[] = [];
  const tell = (event: HostEvent) => {
    for (const listener of listeners) listener(event);
  };
  const change = (next: Tree, origin: 'canvas' | 'sync') => {
    const { ops } = diffTrees(tree, next);
    tree = next;
    revision += 1;
    tell({ type: 'project.changed', projectId, revision, origin, ops, problems: [], unreadable: [] });
    return { revision };
  };
  const calls: Record<string, (input: never) => unknown> = {
    'projects.open': () => ({
      info: {
        id: projectId,
        name: 'P',
        dir: '/p',
        workflowCount: 1,
        trusted: true,
        sync: { state: 'synced', pending: 0, revision: 2, workspaceId: projectId },
        openedAt: at,
      },
      revision,
      tree,
      problems: [],
      unreadable: [],
    }),
    'documents.edit': ({ edits }: { edits: Edit[] }) => change(edits.reduce(applyEdit, tree), 'canvas'),
    'documents.patch': ({ ops }: { ops: Op[] }) => change(applyOps(tree, ops), 'canvas'),
    'conflicts.list': () => conflicts,
    'conflicts.resolve': ({ choice, was }: { choice: 'theirs' | 'ours'; was?: string }) => {
      const refusal = refusals.shift();
      if (refusal && was === undefined) throw refusal;
      const done = { ...record, status: 'resolved' as const, resolution: choice };
      conflicts = [done, told];
      if (choice !== 'ours') return { revision, conflict: done };
      const edit: Edit = { type: 'setConfig', workflowId, stepId: 'a_0000', path: ['prompt'], value: 'mine' };
      return { ...change(applyEdit(tree, edit), 'sync'), conflict: done };
    },
    'documents.undo': () => ({ done: true, revision, left: [], canUndo: false, canRedo: true }),
    'history.list': () => ({
      data: [{ where: 'cloud', revision: 2, createdAt: at, origin: 'canvas', changes: [], changeCount: 0 }],
    }),
    'history.at': ({ revision: wanted }: { revision: number }) => ({
      revision: wanted,
      tree: wanted === 1 ? older : FIRST,
    }),
    'presence.tell': (input) => {
      said.push(input);
      return { done: true };
    },
    'runs.list': () => ({ data: [] }),
  };
  const asked: string[] = [];
  const link = {
    call: async (name: string, input: unknown) =>
      asked.push(name) && (calls[name] ?? (() => ({ done: true })))(input as never),
    subscribe: (listener: (event: HostEvent) => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onState: (listener: (up: boolean) => void) => {
      listener(true);
      return () => {};
    },
  };
  const waits: (() => void)[] = [];
  const { store } = createEditor(link, {
    sleep: (ms) => (ms === 100 ? new Promise((resolve) => waits.push(resolve)) : Promise.resolve()),
    now: () => 0,
    nextFrame: (run) => queueMicrotask(run),
  });
  const state = () => store.getState();
  const supports = ['conflicts', 'history', 'changes', 'presence', 'undo'] as const;
  store.setState({
    host: { supports: [...supports] } as never,
    account: { status: 'signed_in', cloudUrl: 'https://example.com', workspaces: [], vault: 'file' },
  });
  await state().openProject(projectId);
  await vi.waitFor(() => expect(state().conflicts).toHaveLength(2), { timeout: 60_000 });
  const prompt = () => state().doc?.tree.workflows[workflowId]?.steps.a_0000?.config.prompt;
  const elsewhere = (edit: Edit) => change(applyEdit(tree, edit), 'sync');
  return { asked, state, tell, elsewhere, prompt, refusals, said, waits };
}

test('only what needs a person counts, and a record leads to its step', async () => {
  const { state } = await opened();
  expect(openConflicts(state()).map(({ id }) => id)).toEqual([record.id]);
  expect([conflictsOfStep('a_0000')(state()), conflictsOfStep('b_0000')(state())]).toEqual([1, 0]);
  state().openConflict(record.id);
  expect(state()).toMatchObject({ area: 'changes', conflictId: record.id, selection: ['a_0000'] });
});

test('an answer is used, told, and can be taken back without what came meanwhile', async () => {
  const { state, elsewhere, prompt } = await opened();
  await state().answer(record.id, 'ours');
  expect([prompt(), openConflicts(state())]).toEqual(['mine', []]);
  elsewhere({ type: 'renameStep', workflowId, stepId: 'b_0000', name: 'News' });
  state().takeBackAnswer(record.id);
  await state().settled();
  expect(prompt()).toBe('theirs');
  expect(state().doc?.tree.workflows[workflowId]?.steps.b_0000?.name).toBe('News');
  expect(state().answering[record.id]).toEqual({ state: 'given', choice: 'ours' });
});

test('an answer that changed nothing has nothing to take back', async () => {
  const { state } = await opened();
  await state().answer(record.id, 'theirs');
  expect(state().answering[record.id]).toEqual({ state: 'given', choice: 'theirs' });
});

test('what is being written stays while news come, and goes with the answer', async () => {
  const { state, tell, elsewhere } = await opened();
  state().openConflict(record.id);
  state().setDraft(record.id, 'half a sentence');
  elsewhere({ type: 'renameStep', workflowId, stepId: 'b_0000', name: 'News' });
  tell({ type: 'conflicts.changed', projectId, open: 1 });
  await state().loadConflicts();
  expect(state()).toMatchObject({ conflictId: record.id, drafts: { [record.id]: 'half a sentence' } });
  await state().answer(record.id, 'edit', 'a sentence');
  expect(state().drafts).toEqual({});
});

test('a place that was changed since is not overwritten unseen', async () => {
  const { state, prompt, refusals } = await opened();
  const was = 'a'.repeat(64);
  refusals.push(new SluiceError('conflict.place_changed', 'It is another one now.', { details: { was } }));
  await state().answer(record.id, 'ours');
  expect(state().answering[record.id]).toMatchObject({ state: 'refused', choice: 'ours' });
  expect([prompt(), openConflicts(state())]).toMatchObject(['theirs', [{ id: record.id }]]);
  await state().answer(record.id, 'ours', undefined, was);
  expect([prompt(), openConflicts(state())]).toEqual(['mine', []]);
});

test('a revision is drawn with what it changed, cannot be edited, and gives way to the project again', async () => {
  const { state } = await opened();
  await state().loadHistory();
  const [entry] = state().history.entries;
  if (!entry) throw new Error('There is one revision.');
  await state().lookAtRevision(entry, 'before');
  expect(isReadOnly(state())).toBe(true);
  expect([markOf('b_0000')(state()), markOf('a_0000')(state())]).toEqual(['added', undefined]);
  expect(state().edit([{ type: 'renameStep', workflowId, stepId: 'a_0000', name: 'No' }])).toBe(false);
  expect(openWorkflow(state())?.steps.a_0000?.name).toBe('A');
  state().go('workflows');
  expect(isReadOnly(state())).toBe(false);
  expect(state().edit([{ type: 'renameStep', workflowId, stepId: 'a_0000', name: 'Yes' }])).toBe(true);
});

test('compared with now, the drawing follows what comes in', async () => {
  const { state, elsewhere } = await opened();
  await state().loadHistory();
  const [entry] = state().history.entries;
  if (entry) await state().lookAtRevision(entry, 'now');
  expect(markOf('b_0000')(state())).toBeUndefined();
  elsewhere({ type: 'renameStep', workflowId, stepId: 'b_0000', name: 'News' });
  expect(markOf('b_0000')(state())).toBe('changed');
});

test('undo goes on where this window has nothing left, as long as the host has', async () => {
  const { state, tell, asked } = await opened();
  state().undo();
  expect(asked).not.toContain('documents.undo');
  tell({
    type: 'project.changed',
    projectId,
    revision: 2,
    origin: 'sync',
    ops: [],
    problems: [],
    unreadable: [],
    canUndo: true,
    canRedo: false,
  });
  state().undo();
  await vi.waitFor(() => expect(state().doc).toMatchObject({ canUndo: false, canRedo: true }), { timeout: 60_000 });
  expect(asked.filter((name) => name === 'documents.undo')).toHaveLength(1);
});

test('others are told where one is at most once in a tenth of a second, and the newest word wins', async () => {
  const { state, tell, said, waits } = await opened();
  await vi.waitFor(() => expect(waits).toHaveLength(1), { timeout: 60_000 });
  said.length = 0;
  const somebody: Presence = { sessionId: projectId, name: 'Sam', color: 1, selection: [] };
  tell({ type: 'presence.changed', projectId, people: [somebody] });
  for (let x = 0; x < 50; x++) state().pointAt([x, 0.4]);
  await Promise.resolve();
  expect(said).toEqual([]);
  waits.shift()?.();
  await vi.waitFor(() => expect(said).toHaveLength(1), { timeout: 60_000 });
  expect(said[0]).toMatchObject({ projectId, workflowId, cursor: [49, 0] });
  expect(state().people).toEqual([somebody]);
});
