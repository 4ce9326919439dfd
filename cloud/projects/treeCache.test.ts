import { expect, test } from 'vitest';
import { treeOf } from '../../tests/fixtures/control.ts';
import { createTreeCache } from './treeCache.ts';

const PLACE = { workspaceId: 'w', projectId: 'p' };
const OTHER = { workspaceId: 'w', projectId: 'q' };
const tree = treeOf('0199f2c4-0002-7000-8000-000000000001', {});
const mark = (revision: number) => ({ revision, hash: `h${revision}` });

test('a tree is found under its own revision and hash, and in its own workspace and project only', () => {
  const trees = createTreeCache();
  trees.set(PLACE, mark(1), tree, 10);
  expect(trees.get(PLACE, mark(1))).toBe(tree);
  expect(trees.get(PLACE, { revision: 1, hash: 'h2' })).toBeUndefined();
  expect(trees.get(OTHER, mark(1))).toBeUndefined();
  expect(trees.get({ ...PLACE, workspaceId: 'x' }, mark(1))).toBeUndefined();
  expect(trees.latest(OTHER)).toBeUndefined();
  expect(trees.latest(PLACE)).toEqual({ ...mark(1), tree });
});

test('what was not asked for longest goes first, by number and by size; one that is larger than everything stays alone', () => {
  const few = createTreeCache({ capacity: 2 });
  for (const revision of [1, 2]) few.set(PLACE, mark(revision), tree, 1);
  few.get(PLACE, mark(1));
  few.set(PLACE, mark(3), tree, 1);
  expect([1, 2, 3].filter((revision) => few.get(PLACE, mark(revision)))).toEqual([1, 3]);
  const small = createTreeCache({ maxBytes: 100 });
  for (const revision of [1, 2, 3]) small.set(PLACE, mark(revision), tree, 40);
  expect([1, 2, 3].filter((revision) => small.get(PLACE, mark(revision)))).toEqual([2, 3]);
  small.set(PLACE, mark(4), tree, 1_000);
  expect([2, 3, 4].filter((revision) => small.get(PLACE, mark(revision)))).toEqual([4]);
  small.set(PLACE, mark(5), tree, 40);
  expect([4, 5].filter((revision) => small.get(PLACE, mark(revision)))).toEqual([5]);
});
