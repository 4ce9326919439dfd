import { expect, test } from 'vitest';
import { approvalAnswer, decisionOf, fieldFaults, isAsked, readJson, waitDetails } from './waitAnswer.ts';

const fields = waitDetails({
  fields: [
    { name: 'reason', title: 'Reason', required: true },
    { name: 'amount', type: 'number' },
    { name: 'half', type: 'boolean' },
  ],
}).fields;

test('details of another shape are left out, and the rest is shown', () => {
  expect(waitDetails({ message: 'Go?', assignees: 'x', fields: [{}] })).toEqual({ message: 'Go?' });
  expect(waitDetails(undefined)).toEqual({});
});

test('a comment and what was filled in go with the decision, numbers as numbers', () => {
  expect(approvalAnswer(true, ' fine ', fields ?? [], { reason: ' returned ', amount: '12.5', half: true })).toEqual({
    approved: true,
    comment: 'fine',
    fields: { reason: 'returned', amount: 12.5, half: true },
  });
  expect(approvalAnswer(false, '', [], {})).toEqual({ approved: false });
});

test('a field that is asked for and empty, or is no number, is named', () => {
  expect(fieldFaults(fields ?? [], { amount: '12 EUR' })).toEqual({
    reason: 'This is asked for.',
    amount: '"12 EUR" is not a number.',
  });
  expect(fieldFaults(fields ?? [], { reason: 'x', amount: '-3' })).toEqual({});
});

test('what came of an effect is JSON or nothing', () => {
  expect(decisionOf('done', ' { "id": 7 } ')).toEqual({ decision: { decision: 'done', result: { id: 7 } } });
  expect(decisionOf('done', '')).toEqual({ decision: { decision: 'done' } });
  expect(decisionOf('done', '{ id: 7 }')).toEqual({ fault: expect.stringContaining('not JSON') });
  // What stands in the field of another choice is not sent.
  expect(decisionOf('retry', '{ id: 7 }')).toEqual({ decision: { decision: 'retry' } });
  expect(decisionOf('fail', '')).toEqual({ decision: { decision: 'fail' } });
});

test('a reply may be any JSON', () => {
  expect(readJson('"yes"')).toEqual({ value: 'yes' });
  expect(readJson('null')).toEqual({ value: null });
});

test('asked are the named roles and proven addresses, or everybody where nobody is named', () => {
  const mira = { email: 'Mira@example.com', emailVerified: true, role: 'editor' };
  expect(isAsked([], {})).toBe(true);
  expect(isAsked(['mira@EXAMPLE.com'], mira)).toBe(true);
  expect(isAsked(['admin', 'Editor'], mira)).toBe(true);
  expect(isAsked(['mira@example.com'], { ...mira, emailVerified: false })).toBe(false);
  expect(isAsked(['admin'], mira)).toBe(false);
});
