import { expect, test } from 'vitest';
import type { StepCatalog, StepTypeInfo } from '#shared/workflow/catalog.ts';
import { applyEdit } from '#shared/workflow/edit.ts';
import { stepIds, stepNames, triggerIds } from './stepLists.ts';
import { twoStepTree, workflowId } from './twoSteps.fixture.ts';

const tree = twoStepTree();
const workflowOf = (one: typeof tree) => one.workflows[workflowId];
const renamed = applyEdit(tree, { type: 'renameStep', workflowId, stepId: 'a_0000', name: 'Other' });

test('the lists are made once for each state of the steps', () => {
  const workflow = workflowOf(tree);
  expect(stepIds(workflow)).toEqual(['a_0000', 'b_0000']);
  expect(stepIds(workflow)).toBe(stepIds(workflow));
  expect(stepNames(workflow)).toEqual({ a_0000: 'A', b_0000: 'B' });
  expect(stepNames(workflowOf(renamed))).toEqual({ a_0000: 'Other', b_0000: 'B' });
  expect(stepIds(undefined)).toEqual([]);
});

test('a run can begin with the steps whose type is a trigger', () => {
  const uses = workflowOf(tree)?.steps.b_0000?.uses ?? '';
  const info = (trigger: boolean) => ({ type: uses, trigger }) as StepTypeInfo;
  const catalog = (trigger: boolean): StepCatalog => ({ [uses]: info(trigger) });
  const ids = triggerIds(catalog(true), workflowOf(tree));
  expect(ids).toContain('b_0000');
  expect(triggerIds(catalog(false), workflowOf(tree))).toEqual([]);
  expect(triggerIds({}, workflowOf(tree))).toEqual([]);
});
