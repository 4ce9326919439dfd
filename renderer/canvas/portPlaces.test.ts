import { Position } from '@xyflow/react';
import { expect, test } from 'vitest';
import { applyEdit } from '#shared/workflow/edit.ts';
import { twoStepTree, workflowId } from '../state/twoSteps.fixture.ts';
import { handlesOf, portPlaces } from './portPlaces.ts';

const placed = (...args: Parameters<typeof portPlaces>) =>
  portPlaces(...args).map(({ port, position, along }) => [port, position, along]);

test('inputs are at the left, outputs at the right, the port of errors at the bottom', () => {
  expect(placed(['main'], ['main', 'error'], false)).toEqual([
    ['main', Position.Left, 0.5],
    ['main', Position.Right, 0.5],
    ['error', Position.Bottom, 0.82],
  ]);
  expect(placed(['a', 'b', 'c'], [], false).map(([, , along]) => along)).toEqual([0.25, 0.5, 0.75]);
  expect(placed(['main', 'next'], ['loop', 'done'], true)).toEqual([
    ['main', Position.Left, 0.5],
    ['next', Position.Bottom, 0.52],
    ['done', Position.Right, 0.5],
    ['loop', Position.Bottom, 0.28],
  ]);
});

test('steps with the same ports share what the drawing knows of them, until an edge needs another port', () => {
  const before = twoStepTree();
  const first = handlesOf({}, before.workflows[workflowId]);
  expect(first.a_0000).toBe(first.b_0000);
  expect(first.a_0000?.map(({ id, type }) => `${type} ${id}`)).toEqual(['target main', 'source main']);
  const renamed = applyEdit(before, { type: 'renameStep', workflowId, stepId: 'a_0000', name: 'Other' });
  expect(handlesOf({}, renamed.workflows[workflowId]).a_0000).toBe(first.a_0000);
  const joined = applyEdit(before, { type: 'addEdge', workflowId, edge: 'a_0000.error->b_0000.main' });
  const after = handlesOf({}, joined.workflows[workflowId]);
  expect(after.a_0000?.map(({ id, type }) => `${type} ${id}`)).toEqual(['target main', 'source main', 'source error']);
  expect(after.b_0000).toBe(first.b_0000);
});
