import { expect, test } from 'vitest';
import { applyEdit, type Edit } from '#shared/workflow/edit.ts';
import { DEFAULT_SETTINGS, type Tree } from '#shared/workflow/tree.ts';
import { compareTrees, withoutMarks } from './compareTrees.ts';

const workflowId = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01';
const step = (name: string) => ({
  uses: 'items.set',
  version: 1,
  name,
  config: {},
  onError: 'stop' as const,
  mode: 'each' as const,
});
const tree: Tree = {
  project: { id: '0199f2c4-5d1e-7a3b-9c40-6f2b8e1d7a55', name: 'P', format: 1 },
  workflows: {
    [workflowId]: {
      slug: 'w',
      name: 'W',
      settings: DEFAULT_SETTINGS,
      steps: { a_0000: step('A'), b_0000: step('B'), c_0000: step('C') },
      edges: { 'a_0000.main->b_0000.main': {} },
      layout: { a_0000: [0, 0], b_0000: [240, 0], c_0000: [480, 0] },
    },
  },
  scripts: {},
  machines: {},
  environments: {},
  connections: {},
  tests: {},
  pins: {},
};
const edited = (...edits: Edit[]) => edits.reduce(applyEdit, tree);

test('what came, went, changed and moved is marked, and what went is still drawn where it was', () => {
  const after = edited(
    { type: 'removeStep', workflowId, stepId: 'b_0000' },
    { type: 'renameStep', workflowId, stepId: 'a_0000', name: 'First' },
    { type: 'moveSteps', workflowId, positions: { c_0000: [480, 200] } },
    {
      type: 'addStep',
      workflowId,
      stepId: 'd_0000',
      uses: 'items.set',
      name: 'D',
      config: {},
      mode: 'each',
      position: [0, 200],
    },
  );
  const found = compareTrees(tree, after);
  expect(found.marks[workflowId]).toEqual({
    a_0000: 'changed',
    b_0000: 'removed',
    c_0000: 'moved',
    d_0000: 'added',
    'a_0000.main->b_0000.main': 'removed',
  });
  const drawn = found.workflows[workflowId];
  expect(Object.keys(drawn?.steps ?? {}).sort()).toEqual(['a_0000', 'b_0000', 'c_0000', 'd_0000']);
  expect([drawn?.layout.b_0000, drawn?.layout.c_0000]).toEqual([
    [240, 0],
    [480, 200],
  ]);
  expect(found.moved).toBe(1);
  expect(found.changes.map(({ kind, title }) => [kind, title])).toEqual(
    expect.arrayContaining([
      ['removed', 'B'],
      ['changed', 'First'],
      ['added', 'D'],
    ]),
  );
});

test('two equal states have no marks, and one state looked at for itself has none', () => {
  for (const found of [compareTrees(tree, structuredClone(tree)), withoutMarks(tree)]) {
    expect(Object.values(found.marks).flatMap((marks) => Object.keys(marks))).toEqual([]);
    expect(found.changes).toEqual([]);
  }
});

test('a workflow that is gone is drawn whole, all of it removed', () => {
  const found = compareTrees(tree, edited({ type: 'removeWorkflow', workflowId }));
  expect(found.marks[workflowId]).toMatchObject({ a_0000: 'removed', c_0000: 'removed' });
  expect(Object.keys(found.workflows[workflowId]?.steps ?? {})).toHaveLength(3);
});
