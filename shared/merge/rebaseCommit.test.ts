import { expect, test } from 'vitest';
import { applyEdit, type Edit } from '../workflow/edit.ts';
import { EXAMPLE_CATALOG, EXAMPLE_FILES, TRIAGE } from '../workflow/example.fixture.ts';
import { merkleHash } from '../workflow/hash.ts';
import { readProject } from '../workflow/readProject.ts';
import type { Tree } from '../workflow/tree.ts';
import { ConflictRecord, needsPerson } from './conflict.ts';
import { applyCommit, Commit, commitOf } from './ops.ts';
import { rebaseCommit, type TakenCommit } from './rebaseCommit.ts';
import { undo } from './undo.ts';

const base = readProject(EXAMPLE_FILES, EXAMPLE_CATALOG).tree as Tree;
const workflowId = TRIAGE;
const deviceId = '0199f2c0-0000-7000-8000-000000000009';
const edit = (from: Tree, ...edits: Edit[]): Tree => edits.reduce(applyEdit, from);
const setBatch = (value: number): Edit => ({
  type: 'setConfig',
  workflowId,
  stepId: 'each_h6v2',
  path: ['batch'],
  value,
});
const nameStep = (name: string): Edit => ({ type: 'renameStep', workflowId, stepId: 'each_h6v2', name });
const removeStep: Edit = { type: 'removeStep', workflowId, stepId: 'each_h6v2' };

const commit = (n: number, from: Tree, baseRevision: number, ...edits: Edit[]): Commit =>
  commitOf(from, edit(from, ...edits), {
    commitId: `0199f2c5-0000-7000-8000-00000000000${n}`,
    deviceId,
    baseRevision,
    origin: 'canvas',
  });
/** Commits of others, each on top of the one before, from revision 41 on. */
function history(...all: { author: string; edits: Edit[] }[]): { newer: TakenCommit[]; head: Tree } {
  let head = base;
  const newer = all.map(({ author, edits }, i) => {
    const taken = { revision: 42 + i, author, commit: commit(i + 1, head, 41 + i, ...edits) };
    head = edit(head, ...edits);
    return taken;
  });
  return { newer, head };
}

test('a commit of other places goes on top as it is, and the server takes it', () => {
  const { newer, head } = history({ author: 'Ada', edits: [nameStep('Batches')] });
  const { tree, revision, rebased, conflicts } = rebaseCommit(base, newer, commit(9, base, 41, setBatch(20)), 'Bo');
  expect([tree, revision, conflicts]).toEqual([edit(head, setBatch(20)), 42, []]);
  expect(applyCommit({ revision: 42, tree: head }, Commit.parse(rebased))).toEqual({ tree, rebased: false });
});

test('a commit of the same place gives way, and its record says who answered what', () => {
  const { newer, head } = history(
    { author: 'Ada', edits: [setBatch(11)] },
    { author: 'Cy', edits: [setBatch(12)] },
    { author: 'Di', edits: [nameStep('Batches')] },
  );
  const ours = commit(9, base, 41, setBatch(20), { type: 'renameProject', name: 'Mine' });
  const { tree, rebased, conflicts } = rebaseCommit(base, newer, ours, 'Bo');
  expect(tree).toEqual(edit(head, { type: 'renameProject', name: 'Mine' }));
  expect(rebased).toMatchObject({ commitId: ours.commitId, baseRevision: 44, resultHash: merkleHash(tree) });
  expect(conflicts).toEqual([
    {
      id: expect.any(String),
      commitId: ours.commitId,
      path: ['workflows', TRIAGE, 'steps', 'each_h6v2', 'config', 'batch'],
      kind: 'value',
      base: 10,
      theirs: 12,
      ours: 20,
      chosen: 'theirs',
      who: { theirs: 'Cy', ours: 'Bo' },
    },
  ]);
  expect(ConflictRecord.parse(JSON.parse(JSON.stringify(conflicts[0])))).toEqual(conflicts[0]);
});

test('a commit that takes away what others changed brings a record that a person has to answer', () => {
  const { newer } = history({ author: 'Ada', edits: [setBatch(11)] });
  const { tree, conflicts } = rebaseCommit(base, newer, commit(9, base, 41, removeStep));
  expect(tree.workflows[TRIAGE]?.steps.each_h6v2?.config).toEqual({ batch: 11 });
  expect(conflicts).toMatchObject([{ kind: 'delete_vs_edit', chosen: 'theirs', who: { theirs: 'Ada' } }]);
  expect(conflicts[0]).not.toHaveProperty('ours');
  expect(conflicts.every(({ kind }) => needsPerson(kind))).toBe(true);
  expect(needsPerson('layout')).toBe(false);
});

test('a commit that comes twice is one, with one record', () => {
  const { newer, head } = history({ author: 'Ada', edits: [setBatch(11)] });
  const ours = commit(9, base, 41, setBatch(20), nameStep('Batches'));
  const first = rebaseCommit(base, newer, ours);
  expect(rebaseCommit(base, newer, ours)).toEqual(first);
  // Rebased again, over what came meanwhile: the record keeps its id.
  const more = [{ revision: 43, commit: commit(2, head, 42, { type: 'renameProject', name: 'New' }) }];
  const second = rebaseCommit(base, [...newer, ...more], ours);
  expect(second.conflicts.map(({ id }) => id)).toEqual(first.conflicts.map(({ id }) => id));
  // Taken, and sent again because the answer was lost.
  const taken = { revision: 43, commit: first.rebased as Commit };
  expect(rebaseCommit(base, [...newer, taken], ours)).toEqual({
    tree: first.tree,
    revision: 43,
    rebased: undefined,
    conflicts: [],
  });
});

test('commits with a gap between them are refused', () => {
  const { newer } = history({ author: 'Ada', edits: [setBatch(11)] }, { author: 'Ada', edits: [setBatch(12)] });
  expect(() => rebaseCommit(base, newer.slice(1), commit(9, base, 41, setBatch(20)))).toThrow(
    expect.objectContaining({ code: 'project.rebase_required' }),
  );
});

test('undo takes back one’s own edit only, as far as nobody touched the same since', () => {
  const before = base;
  const after = edit(before, setBatch(20), nameStep('Batches'));
  const now = edit(after, setBatch(21), { type: 'renameProject', name: 'Other' });
  const { tree, left } = undo({ before, after }, now);
  expect(tree).toEqual(edit(before, setBatch(21), { type: 'renameProject', name: 'Other' }));
  expect(left).toMatchObject([{ kind: 'value', path: expect.arrayContaining(['batch']) }]);

  const removed = edit(before, removeStep);
  const meanwhile = edit(removed, { type: 'renameProject', name: 'Other' });
  expect(undo({ before, after: removed }, meanwhile)).toEqual({
    tree: edit(before, { type: 'renameProject', name: 'Other' }),
    left: [],
  });
});
