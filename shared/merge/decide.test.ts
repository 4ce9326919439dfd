import { expect, test } from 'vitest';
import { SluiceError } from '../error.ts';
import { applyEdit, type Edit } from '../workflow/edit.ts';
import { EXAMPLE_CATALOG, EXAMPLE_FILES, TRIAGE } from '../workflow/example.fixture.ts';
import { readProject } from '../workflow/readProject.ts';
import type { Tree } from '../workflow/tree.ts';
import type { Conflict } from './conflict.ts';
import { decide, placeHash } from './decide.ts';
import { mergeTrees } from './mergeTrees.ts';
import { tornParts } from './structure.ts';

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
  expect(decide(now, conflict, { choice: 'theirs' })).toBe(now);
  expect(decide(now, conflict, { choice: 'ours' })).toEqual(edit(now, batch(20)));
  expect(decide(now, conflict, { choice: 'edit', value: 15 })).toEqual(edit(now, batch(15)));
});

test('a step that was kept goes with all that hangs on it where the answer is that it shall', () => {
  const { tree, conflict } = clash(start, edit(start, batch(11)), edit(start, remove));
  expect(conflict).toMatchObject({ kind: 'delete_vs_edit', chosen: 'theirs' });
  const next = decide(tree, conflict, { choice: 'ours' });
  expect(next.workflows[TRIAGE]?.steps).not.toHaveProperty(stepId);
  expect(tornParts(next)).toEqual([]);
  // Meanwhile somebody took it away: there is nothing left to do.
  expect(decide(next, conflict, { choice: 'ours' })).toBe(next);
});

test('of a script the lines of an answer are put in, and every other line stays as it is now', () => {
  const script = (text: string): Edit => ({ type: 'setScript', path: 'a.ts', text });
  const base = edit(start, script('one\ntwo\nthree\nfour\nfive\n'));
  const theirs = edit(base, script('ONE\ntwo\nthree\nfour\nfive\n'));
  const { tree, conflict } = clash(base, theirs, edit(base, script('1\ntwo\nthree\nfour\nfive\n')));
  const now = edit(tree, script('ONE\ntwo\nthree\nfour\nFIVE\n'));
  expect(decide(now, conflict, { choice: 'ours' }).scripts['a.ts']).toBe('1\ntwo\nthree\nfour\nFIVE\n');
});

test('what is to be nothing, and is nothing already, changes nothing', () => {
  const { tree, conflict } = clash(start, edit(start, batch(11)), edit(start, batch(20)));
  const gone = edit(tree, remove);
  expect(decide(gone, conflict, { choice: 'edit' })).toBe(gone);
  expect(decide(tree, conflict, { choice: 'edit' }).workflows[TRIAGE]?.steps[stepId]?.config).not.toHaveProperty(
    'batch',
  );
});

test('of two answers that both stand, ours is in', () => {
  const { tree, conflict } = clash(start, edit(start, batch(11)), edit(start, batch(20)));
  const both: Conflict = { ...conflict, chosen: 'both' };
  expect(decide(tree, both, { choice: 'ours' })).toBe(tree);
  expect(decide(tree, both, { choice: 'theirs' })).toEqual(tree);
});

test('an answer whose place is gone is refused, and the one that stands can still be chosen', () => {
  const { tree, conflict } = clash(start, edit(start, batch(11)), edit(start, batch(20)));
  const gone = edit(tree, remove);
  expect(() => decide(gone, conflict, { choice: 'ours' })).toThrow(
    expect.objectContaining({ code: 'conflict.place_changed' }),
  );
  expect(decide(gone, conflict, { choice: 'theirs' })).toBe(gone);
});

/** What a decision is refused with, and the one that stands is not. */
function refusal(tree: Tree, conflict: Conflict, seen: string): SluiceError {
  expect(decide(tree, conflict, { choice: conflict.chosen === 'ours' ? 'ours' : 'theirs' }, seen)).toBe(tree);
  try {
    decide(tree, conflict, { choice: conflict.chosen === 'ours' ? 'theirs' : 'ours' }, seen);
  } catch (thrown) {
    return SluiceError.from(thrown);
  }
  throw new Error('It was not refused.');
}

test('what was changed since is not replaced until whoever decides has seen it', () => {
  const { tree, conflict } = clash(start, edit(start, batch(11)), edit(start, batch(20)));
  const left = placeHash(tree, conflict.path);
  const later = edit(tree, batch(12));
  expect(decide(tree, conflict, { choice: 'ours' }, left)).toEqual(edit(tree, batch(20)));
  const { code, details } = refusal(later, conflict, left);
  expect(code).toBe('conflict.place_changed');
  expect(decide(later, conflict, { choice: 'ours' }, String(details?.was))).toEqual(edit(later, batch(20)));
});

test('a step counts as changed with an edge or a pin of it, and not where it only was moved', () => {
  const { tree, conflict } = clash(start, edit(start, batch(11)), edit(start, remove));
  const left = placeHash(tree, conflict.path);
  const pinned = edit(tree, { type: 'setPin', workflowId, stepId, hash: 'a'.repeat(64), bytes: 2 });
  const edge = Object.keys(tree.workflows[TRIAGE]?.edges ?? {}).find((key) => key.startsWith(`${stepId}.`)) ?? '';
  const unwired = edit(tree, { type: 'removeEdge', workflowId, edge });
  for (const changed of [pinned, unwired]) expect(refusal(changed, conflict, left).code).toBe('conflict.place_changed');
  const moved = edit(tree, { type: 'moveSteps', workflowId, positions: { [stepId]: [900, 900] } });
  const next = decide(moved, conflict, { choice: 'ours' }, left);
  expect(next.workflows[TRIAGE]?.steps).not.toHaveProperty(stepId);
  expect(tornParts(next)).toEqual([]);
});

test('of a script later lines elsewhere are no reason to refuse, and later ones in the same place are', () => {
  const script = (text: string): Edit => ({ type: 'setScript', path: 'a.ts', text });
  const base = edit(start, script('one\ntwo\nthree\nfour\nfive\n'));
  const theirs = edit(base, script('ONE\ntwo\nthree\nfour\nfive\n'));
  const { tree, conflict } = clash(base, theirs, edit(base, script('1\ntwo\nthree\nfour\nfive\n')));
  const left = placeHash(tree, conflict.path);
  const elsewhere = edit(tree, script('ONE\ntwo\nthree\nfour\nFIVE\n'));
  expect(decide(elsewhere, conflict, { choice: 'ours' }, left).scripts['a.ts']).toBe('1\ntwo\nthree\nfour\nFIVE\n');
  const there = edit(tree, script('uno\ntwo\nthree\nfour\nfive\n'));
  const { code, details } = refusal(there, conflict, left);
  expect(code).toBe('conflict.place_changed');
  const decided = decide(there, conflict, { choice: 'ours' }, String(details?.was));
  expect(decided.scripts['a.ts']).toBe('1\ntwo\nthree\nfour\nfive\n');
});

test('the last pin of a workflow goes with the map that held it, and comes back with one', () => {
  const pin = (char: string): Edit => ({ type: 'setPin', workflowId, stepId, hash: char.repeat(64), bytes: 2 });
  const unpinned: Edit = { type: 'removePin', workflowId, stepId };
  const bare: Tree = { ...start, pins: {} };
  const base = edit(bare, pin('a'));
  const removed = clash(base, edit(base, pin('b')), edit(base, unpinned));
  expect(decide(removed.tree, removed.conflict, { choice: 'ours' }).pins).toEqual({});
  const { tree, conflict } = clash(base, edit(base, pin('b')), edit(base, pin('c')));
  expect(decide(edit(tree, unpinned), conflict, { choice: 'ours' }).pins).toEqual(edit(bare, pin('c')).pins);
});
