import { expect, test } from 'vitest';
import type { ConflictEntry } from '#shared/contract/host/conflicts.ts';
import { DEFAULT_SETTINGS, type Tree } from '#shared/workflow/tree.ts';
import { answerOf, canWrite, isText, placeOfConflict, sideWords } from './conflictWords.ts';

const workflowId = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01';
const step = {
  uses: 'items.set',
  version: 1,
  name: 'Classify',
  config: { prompt: 'Decide.' },
  onError: 'stop' as const,
  mode: 'each' as const,
};
const tree: Tree = {
  project: { id: '0199f2c4-5d1e-7a3b-9c40-6f2b8e1d7a55', name: 'P', format: 1 },
  workflows: {
    [workflowId]: {
      slug: 'triage',
      name: 'Triage',
      settings: DEFAULT_SETTINGS,
      steps: { classify_x4tz: step, post_p9ad: { ...step, name: 'Post' } },
      edges: {},
      layout: {},
    },
  },
  scripts: {},
  machines: {},
  environments: {},
  connections: {},
  tests: {},
  pins: {},
};
const of = (...path: string[]) => ({ path });
const inStep = (...rest: string[]) => of('workflows', workflowId, 'steps', 'classify_x4tz', ...rest);

test('a place is named by the step and the field, not by their ids', () => {
  expect(placeOfConflict(inStep('config', 'prompt'), tree)).toEqual({
    title: 'Classify, prompt',
    where: 'Triage',
    workflowId,
    stepId: 'classify_x4tz',
  });
  expect(placeOfConflict(inStep('onError'), tree).title).toBe('Classify, onError');
  expect(placeOfConflict(inStep(), tree).title).toBe('Classify');
  expect(placeOfConflict(of('workflows', workflowId, 'layout', 'classify_x4tz'), tree).title).toBe('Classify, place');
  expect(placeOfConflict(of('workflows', workflowId, 'edges', 'classify_x4tz.true->post_p9ad.main'), tree).title).toBe(
    'Classify (true) → Post',
  );
  expect(placeOfConflict(of('environments', 'production', 'vars', 'URL'), tree).title).toBe('production, URL');
  expect(placeOfConflict(of('scripts', 'lib/score.ts'), tree).title).toBe('lib/score.ts');
});

test('what is gone from the project is named by what the record holds', () => {
  const path = ['workflows', workflowId, 'steps', 'gone_0000'];
  expect(placeOfConflict({ path, base: { name: 'Old step' } }, tree).title).toBe('Old step');
  expect(placeOfConflict({ path }, tree).title).toBe('gone_0000');
});

test('a deletion says so, an edit says which fields, a value says itself', () => {
  const record = {
    kind: 'delete_vs_edit' as const,
    base: step,
    ours: { ...step, name: 'Sort', config: { prompt: 'Decide.', batch: 5 } },
  };
  expect(answerOf(record, 'theirs')).toEqual({ kind: 'gone' });
  expect(answerOf(record, 'ours')).toEqual({
    kind: 'fields',
    fields: [
      { path: 'name', before: 'Classify', after: 'Sort' },
      { path: 'batch', after: '5' },
    ],
  });
  expect(answerOf({ ...record, kind: 'delete_vs_reference', ours: step }, 'ours')).toEqual({ kind: 'same' });
  const value = { kind: 'value' as const, base: 1, theirs: 2, ours: ['a'] };
  expect(answerOf(value, 'theirs')).toEqual({ kind: 'text', text: '2' });
  expect(answerOf(value, 'ours')).toEqual({ kind: 'text', text: '[\n  "a"\n]' });
});

test('values and scripts can be written by hand, whole steps cannot; texts are no JSON', () => {
  const kinds: [ConflictEntry['kind'], boolean][] = [
    ['value', true],
    ['text', true],
    ['delete_vs_edit', false],
    ['delete_vs_reference', false],
  ];
  for (const [kind, can] of kinds) expect([kind, canWrite({ kind })]).toEqual([kind, can]);
  expect(isText({ base: 'a', theirs: 'b', ours: 'c' })).toBe(true);
  expect(isText({ theirs: 'b' })).toBe(true);
  expect(isText({ base: 'a', theirs: 3, ours: 'c' })).toBe(false);
});

test('who looks reads whose answers these are: theirs and mine, mine and theirs, two of one person, two of others', () => {
  const words = (theirs: string | undefined, ours: string | undefined) =>
    Object.values(sideWords({ who: { ...(theirs ? { theirs } : {}), ...(ours ? { ours } : {}) } }, 'Robin'));
  expect(words('Sam', 'Robin')).toEqual(['Theirs', 'Mine', 'Keep theirs', 'Use mine']);
  expect(words('Robin', 'Sam')).toEqual(['Mine', 'Theirs', 'Keep mine', 'Use theirs']);
  expect(words('Robin', 'Robin')).toEqual(['Came first', 'Came later', 'Keep the first', 'Use the later']);
  expect(words('Sam', 'Kim')).toEqual(['Sam', 'Kim', 'Keep Sam’s', 'Use Kim’s']);
  expect(words('The files', undefined)).toEqual(['The files', 'Mine', 'Keep the files', 'Use mine']);
  const branches = ['The other branch', 'This branch', 'Keep the other branch’s', 'Use this branch’s'];
  expect(words('The other branch', 'This branch')).toEqual(branches);
});
