import { expect, test } from 'vitest';
import type { RunEvent } from '#shared/run/events.ts';
import { foldWaits, NO_WAITS, type Waits } from './openWaits.ts';

const runId = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01';
const base = { runId, at: '2026-11-20T08:00:00Z', fence: 1 };
const fold = (...events: object[]): Waits =>
  events.map((event, index) => ({ ...base, seq: index + 1, ...event }) as RunEvent).reduce(foldWaits, NO_WAITS);
const waiting = (stepId: string, more: object = {}) => ({
  type: 'run.waiting',
  stepId,
  iteration: 0,
  reason: 'approval',
  ...more,
});
const resumed = (stepId: string, more: object = {}) => ({
  type: 'run.resumed',
  stepId,
  iteration: 0,
  by: 'local',
  ...more,
});

test('a wait is open, with what a person is shown, until something ends it', () => {
  const details = { message: 'Go?' };
  const until = '2026-11-21T08:00:00Z';
  const open = fold(waiting('ask', { details, until }));
  expect(open.open).toMatchObject([{ stepId: 'ask', reason: 'approval', details, until, at: base.at }]);
  const after = fold(waiting('ask', { details }), resumed('ask', { input: { approved: true } }));
  expect(after.open).toEqual([]);
  expect(after.ended).toMatchObject([{ stepId: 'ask', reason: 'approval', by: 'local', input: { approved: true } }]);
});

test('steps that wait side by side, in a loop or inside another workflow, are told apart', () => {
  const waits = fold(
    waiting('ask'),
    waiting('ask', { iteration: 1 }),
    waiting('ask', { path: ['call:0'] }),
    resumed('ask', { iteration: 1 }),
  );
  expect(waits.open.map(({ iteration, path }) => [iteration, path])).toEqual([
    [0, undefined],
    [0, ['call:0']],
  ]);
});

test('a step that waits again is open once', () => {
  expect(fold(waiting('ask'), waiting('ask', { reason: 'needs_attention' })).open).toMatchObject([
    { reason: 'needs_attention' },
  ]);
});

test('a step that was cut off with its group waits no more', () => {
  const cut = { type: 'step.skipped', stepId: 'ask', reason: 'group_ended', iteration: 0 };
  expect(fold(waiting('ask'), waiting('other'), cut).open).toMatchObject([{ stepId: 'other' }]);
});

test('nothing waits in a run that has ended, though a workflow inside it may end before', () => {
  const end = { type: 'run.ended', status: 'cancelled' };
  expect(fold(waiting('ask'), { ...end, path: ['call:0'] }).open).toHaveLength(1);
  expect(fold(waiting('ask'), end).open).toEqual([]);
});
