import { expect, test } from 'vitest';
import { undo } from '#shared/merge/undo.ts';
import { applyEdit, type Edit } from '#shared/workflow/edit.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { packUndo, unpackUndo } from './keptUndo.ts';
import { projectId, twoStepTree, workflowId } from './twoSteps.fixture.ts';

const userId = '0199f2c4-5d1e-7a3b-9c40-6f2b8e1d7a01';
const start: Tree = twoStepTree();
const rename = (stepId: string, name: string): Edit => ({ type: 'renameStep', workflowId, stepId, name });
const nameOf = (tree: Tree, stepId: string) => tree.workflows[workflowId]?.steps[stepId]?.name;
const entry = (before: Tree, edit: Edit) => ({ before, after: applyEdit(before, edit), at: 7 });

test('what could be undone and redone can be after a reload, also beside what others did', () => {
  const one = entry(start, rename('a_0000', 'A2'));
  // Somebody else was at work between the two.
  const two = entry(applyEdit(one.after, rename('b_0000', 'theirs')), rename('a_0000', 'A3'));
  const undone = entry(two.after, { type: 'setEnvironment', name: 'test', environment: { vars: {}, bindings: {} } });
  const text = packUndo({ userId, projectId, undoStack: [one, two], redoStack: [undone] }) ?? '';
  const kept = unpackUndo(text);
  expect(kept).toEqual({
    ...{ userId, projectId },
    undoStack: [one, two].map((each) => ({ ...each, at: 0 })),
    redoStack: [{ ...undone, at: 0 }],
  });
  const now = applyEdit(two.after, rename('b_0000', 'theirs again'));
  const last = kept?.undoStack.at(-1) ?? one;
  const { tree, left } = undo(last, now);
  expect([nameOf(tree, 'a_0000'), nameOf(tree, 'b_0000'), left]).toEqual(['A2', 'theirs again', []]);
});

test('where little room is left the last edits are kept, and where nothing was done nothing is', () => {
  const long = (letter: string): Edit => ({ type: 'setScript', path: 'a.ts', text: letter.repeat(100_000) });
  let tree = start;
  const undoStack = Array.from('abcdefghijklmnop', (letter) => {
    const made = entry(tree, long(letter));
    tree = made.after;
    return made;
  });
  const kept = unpackUndo(packUndo({ userId, projectId, undoStack, redoStack: [] }) ?? '');
  expect(kept?.undoStack.length).toBeGreaterThan(3);
  expect(kept?.undoStack.length).toBeLessThan(undoStack.length);
  expect(kept?.undoStack.at(-1)?.after).toEqual(tree);
  expect(packUndo({ userId, projectId, undoStack: [], redoStack: [] })).toBeUndefined();
});

test('a text that somebody else put there is left alone', () => {
  for (const text of ['', '{', '{"undoStack":[]}', 'null']) expect(unpackUndo(text)).toBeUndefined();
});
