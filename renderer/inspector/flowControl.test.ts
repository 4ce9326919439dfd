import { expect, test } from 'vitest';
import type { Problem } from '#shared/workflow/problem.ts';
import { priorityFault } from './FlowControl.tsx';
import { settingProblem } from './useSettings.ts';

const problem = (field: string, more: Partial<Problem> = {}): Problem => ({
  file: 'workflows/w.yaml',
  line: 1,
  column: 1,
  severity: 'error',
  code: 'expression.syntax',
  workflowId: 'w',
  field,
  message: `${field} is wrong.`,
  advice: 'Change it.',
  ...more,
});

test('a problem stands at its own setting and at no other', () => {
  const all = [
    problem('settings.rate.key', { severity: 'warning', message: 'Odd.' }),
    problem('settings.rate.key'),
    problem('settings.priority', { workflowId: 'other' }),
    problem('settings.debounce.key', { stepId: 'a' }),
  ];
  expect(settingProblem(all, 'w', 'rate.key')).toBe('settings.rate.key is wrong. Change it.');
  expect(settingProblem(all, 'w', 'rate')).toBeUndefined();
  expect(settingProblem(all, 'w', 'priority')).toBeUndefined();
  expect(settingProblem(all, 'w', 'debounce.key')).toBeUndefined();
});

test('a priority is a whole number from -100 to 100, or an expression', () => {
  expect([undefined, '5', '-100', '=$json.urgency', '{{ 5 }}'].map(priorityFault)).toEqual(Array(5).fill(undefined));
  for (const wrong of ['1.5', '101', 'high', ' ']) expect(priorityFault(wrong)).toContain(`"${wrong}"`);
});
