import { expect, test } from 'vitest';
import { tornParts } from '#shared/merge/structure.ts';
import { applyEdit, type Edit } from '#shared/workflow/edit.ts';
import { EXAMPLE_CATALOG, EXAMPLE_FILES, TRIAGE } from '#shared/workflow/example.fixture.ts';
import { readProject } from '#shared/workflow/readProject.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { leaveOut } from './leaveOut.ts';

const base = readProject(EXAMPLE_FILES, EXAMPLE_CATALOG).tree as Tree;
const edit = (...edits: Edit[]) => edits.reduce(applyEdit, base);
const workflowId = TRIAGE;
const [first = ''] = Object.keys(base.workflows[TRIAGE]?.steps ?? {});
const add: Edit = { type: 'addStep', workflowId, stepId: 'extra', uses: 'items.set', name: 'Extra', position: [1, 2] };
const rename: Edit = { type: 'renameStep', workflowId, stepId: first, name: 'Renamed' };

test('a place that is left out stays as it is in the base, and all else goes', () => {
  const script: Edit = { type: 'setScript', path: 'big.ts', text: 'export default 1;\n' };
  expect(leaveOut(base, edit(script, rename), [['scripts', 'big.ts']])).toEqual(edit(rename));
  expect(leaveOut(base, edit(script, rename), [])).toEqual(edit(script, rename));
});

test('what would hang in the air without it is left out as well', () => {
  const tree = edit(add, { type: 'addEdge', workflowId, edge: `${first}.main->extra.main` }, rename);
  const sent = leaveOut(base, tree, [['workflows', workflowId, 'steps', 'extra']]);
  expect(tornParts(sent)).toEqual([]);
  expect(sent).toEqual(edit(rename));
});

test('a whole new workflow is left out where a part of it is', () => {
  const id = '0199f2c4-6a02-7c11-8b7e-00000000000a';
  const tree = edit({ type: 'addWorkflow', workflowId: id, name: 'New' }, { ...add, workflowId: id });
  expect(leaveOut(base, tree, [['workflows', id, 'steps', 'extra']])).toEqual(base);
});
