import { expect, test } from 'vitest';
import type { Conflict } from '#shared/merge/conflict.ts';
import { mergeTrees } from '#shared/merge/mergeTrees.ts';
import { tornParts } from '#shared/merge/structure.ts';
import { applyEdit, type Edit } from '#shared/workflow/edit.ts';
import { EXAMPLE_CATALOG, EXAMPLE_FILES, TRIAGE } from '#shared/workflow/example.fixture.ts';
import { readProject } from '#shared/workflow/readProject.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { answered } from './answerConflict.ts';

const start = readProject(EXAMPLE_FILES, EXAMPLE_CATALOG).tree as Tree;
const edit = (tree: Tree, ...edits: Edit[]) => edits.reduce(applyEdit, tree);
const workflowId = TRIAGE;
const stepId = 'each_h6v2';
const batch = (value: number): Edit => ({ type: 'setConfig', workflowId, stepId, path: ['batch'], value });
const remove: Edit = { type: 'removeStep', workflowId, stepId };

function clash(base: Tree, theirs: Tree, ours: Tree): { tree: Tree; conflict: Conflict } {
  const { tree, conflicts } = mergeTrees({ base, theirs, ours });
  expect(conflicts).toHaveLength(1);
  return { tree, conflict: conflicts[0] as Conflict };
}

test('of a setting each answer can be chosen, or another one; what else is there stays', () => {
  const { tree, conflict } = clash(start, edit(start, batch(11)), edit(start, batch(20)));
  const now = edit(tree, { type: 'renameProject', name: 'Later' });
  expect(answered(now, conflict, { choice: 'theirs' })).toBe(now);
  expect(answered(now, conflict, { choice: 'ours' })).toEqual(edit(now, batch(20)));
  expect(answered(now, conflict, { choice: 'edit', value: 15 })).toEqual(edit(now, batch(15)));
});

test('a step that was kept goes with all that hangs on it where the answer is that it shall', () => {
  const { tree, conflict } = clash(start, edit(start, batch(11)), edit(start, remove));
  expect(conflict).toMatchObject({ kind: 'delete_vs_edit', chosen: 'theirs' });
  const next = answered(tree, conflict, { choice: 'ours' });
  expect(next.workflows[TRIAGE]?.steps).not.toHaveProperty(stepId);
  expect(tornParts(next)).toEqual([]);
  // Meanwhile somebody took it away: there is nothing left to do.
  expect(answered(next, conflict, { choice: 'ours' })).toBe(next);
});

test('of a script the lines of an answer are put in, and every other line stays as it is now', () => {
  const script = (text: string): Edit => ({ type: 'setScript', path: 'a.ts', text });
  const base = edit(start, script('one\ntwo\nthree\nfour\nfive\n'));
  const theirs = edit(base, script('ONE\ntwo\nthree\nfour\nfive\n'));
  const { tree, conflict } = clash(base, theirs, edit(base, script('1\ntwo\nthree\nfour\nfive\n')));
  const now = edit(tree, script('ONE\ntwo\nthree\nfour\nFIVE\n'));
  expect(answered(now, conflict, { choice: 'ours' }).scripts['a.ts']).toBe('1\ntwo\nthree\nfour\nFIVE\n');
});

test('an answer whose place is gone is refused, and the one that stands can still be chosen', () => {
  const { tree, conflict } = clash(start, edit(start, batch(11)), edit(start, batch(20)));
  const gone = edit(tree, remove);
  expect(() => answered(gone, conflict, { choice: 'ours' })).toThrow(
    expect.objectContaining({ code: 'conflict.place_changed' }),
  );
  expect(answered(gone, conflict, { choice: 'theirs' })).toBe(gone);
});
