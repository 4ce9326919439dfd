import { expect, test } from 'vitest';
import type { Json } from '../../json.ts';
import { merkleHash } from '../../workflow/hash.ts';
import type { Tree } from '../../workflow/tree.ts';
import type { ConflictKind } from '../conflict.ts';
import { mergeValue } from '../mergeValue.ts';
import { applyOps, commitOf } from '../ops.ts';
import { rebaseCommit } from '../rebaseCommit.ts';
import { fuzzMerge } from './fuzzMerge.fixture.ts';

const SEED = 1;

/** What the fuzz must notice: a merge with something broken in it. */
const found = (rebase: typeof rebaseCommit) =>
  fuzzMerge({ rounds: 60, size: 12, seed: SEED, rebase, stopsAtFault: true }).faults;

test.each<[ConflictKind, string]>([
  ['value', 'lost without a record'],
  ['text', 'lost without a record'],
  ['delete_vs_edit', 'lost without a record'],
  ['delete_vs_reference', 'lost without a record'],
  ['layout', 'lost without a record'],
  ['layout_of_deleted', 'lost without a record'],
  ['add_add_renamed', 'lost without a record'],
  ['cycle', 'a circle that nobody was told of'],
])('the check notices a merge that keeps no records of %s', { timeout: 300_000 }, (kind, fault) => {
  const faults = found((...given) => {
    const done = rebaseCommit(...given);
    return { ...done, conflicts: done.conflicts.filter((one) => one.kind !== kind) };
  });
  expect(faults.join('\n')).toContain(fault);
});

test('the check notices a merge that takes fields for all there is: torn edges, places and pins', {
  timeout: 300_000,
}, () => {
  const faults = found((base, newer, commit, author) => {
    const done = rebaseCommit(base, newer, commit, author);
    if (!done.rebased) return done;
    const theirs = newer.reduce((tree, taken) => applyOps(tree, taken.commit.ops), base);
    const ours = applyOps(base, commit.ops);
    const [from, there, here] = [base, theirs, ours] as unknown as [Json, Json, Json];
    const tree = mergeValue(from, there, here, [], []) as unknown as Tree;
    const { ops, mustExist } = commitOf(theirs, tree, { ...commit, baseRevision: done.revision, message: '' });
    return { ...done, tree, rebased: { ...done.rebased, ops, mustExist, resultHash: merkleHash(tree) } };
  });
  expect(faults.join('\n')).toContain('points at a step that is gone');
});

test('the check notices a merge that makes something up', () => {
  const faults = found((...given) => {
    const done = rebaseCommit(...given);
    return { ...done, tree: { ...done.tree, project: { ...done.tree.project, name: 'Mine' } } };
  });
  expect(faults.join('\n')).toContain('nobody put it there');
});
