import { expect, test } from 'vitest';
import { applyEdit, type Edit } from '../workflow/edit.ts';
import { EXAMPLE_CATALOG, EXAMPLE_FILES, TRIAGE } from '../workflow/example.fixture.ts';
import { canonicalText, merkleHash } from '../workflow/hash.ts';
import { readProject } from '../workflow/readProject.ts';
import type { Tree } from '../workflow/tree.ts';
import { invertOps } from './invert.ts';
import { applyOps, diffTrees } from './ops.ts';

const tree = readProject(EXAMPLE_FILES, EXAMPLE_CATALOG).tree as Tree;
const workflowId = TRIAGE;
const edit = (from: Tree, ...edits: Edit[]): Tree => edits.reduce(applyEdit, from);
const setBatch = (value: number): Edit => ({
  type: 'setConfig',
  workflowId,
  stepId: 'each_h6v2',
  path: ['batch'],
  value,
});

test('inverted ops lead back, whatever they did and however often to one place', () => {
  const edits: Edit[] = [
    setBatch(20),
    { type: 'removeStep', workflowId, stepId: 'count_t5n7' },
    { type: 'setScript', path: 'score.ts', text: 'one\ntwo\n' },
    { type: 'setScript', path: 'new.ts', text: 'x' },
    { type: 'moveSteps', workflowId, positions: { hook_k3f9: [9, 9] } },
    { type: 'renameProject', name: 'Other' },
    setBatch(30),
  ];
  let now = tree;
  const ops = edits.flatMap((one) => {
    const next = applyEdit(now, one);
    const made = diffTrees(now, next).ops;
    now = next;
    return made;
  });
  const back = invertOps(tree, ops);
  expect(canonicalText(applyOps(now, back))).toBe(canonicalText(tree));
  expect(back.at(-1)).toMatchObject({ op: 'set', value: 10, was: merkleHash(20) });
});

test('inverted ops leave alone what others changed elsewhere, and are refused where they changed the same', () => {
  const ops = diffTrees(tree, edit(tree, setBatch(20))).ops;
  const others = edit(tree, setBatch(20), { type: 'renameStep', workflowId, stepId: 'each_h6v2', name: 'Batches' });
  expect(applyOps(others, invertOps(tree, ops))).toEqual(
    edit(tree, { type: 'renameStep', workflowId, stepId: 'each_h6v2', name: 'Batches' }),
  );
  expect(() => applyOps(edit(others, setBatch(21)), invertOps(tree, ops))).toThrow(
    expect.objectContaining({ code: 'project.rebase_required' }),
  );
});
