import { expect, test } from 'vitest';
import type { RunEvent } from './events.ts';
import { hasEnded, projectEvents, sourcesOf } from './projectEvents.ts';

const runId = '0199f2c4-7000-7000-8000-000000000001';
type Sketch = { type: RunEvent['type'] } & Record<string, unknown>;
const events = (...list: Sketch[]) =>
  list.map(
    (event, index) => ({ runId, seq: index + 1, fence: 1, at: '2026-11-20T07:00:00.000Z', ...event }) as RunEvent,
  );
const ofStep = { stepId: 'a', iteration: 0, attempt: 1 };

test('a status follows the last event that moves it', () => {
  const project = (...list: Sketch[]) => projectEvents({ runId, status: 'queued' }, events(...list)).status;
  expect(project()).toBe('queued');
  expect(project({ type: 'run.started' })).toBe('running');
  expect(project({ type: 'run.started' }, { type: 'run.waiting' })).toBe('waiting');
  expect(project({ type: 'run.started' }, { type: 'run.waiting' }, { type: 'run.resumed' })).toBe('running');
  expect(project({ type: 'run.ended', status: 'cancelled' })).toBe('cancelled');
});

test('a step run counts once, when it has ended for good', () => {
  const { endedSteps } = projectEvents(
    { runId, status: 'running' },
    events(
      { type: 'step.failed', ...ofStep, retryAt: '2026-11-20T07:00:01.000Z' },
      { type: 'step.succeeded', ...ofStep, attempt: 2 },
      { type: 'step.succeeded', ...ofStep, attempt: 3 },
      { type: 'step.succeeded', ...ofStep, path: ['call:0'] },
      { type: 'step.failed', ...ofStep, iteration: 1 },
    ),
  );
  expect(endedSteps).toEqual([`step:${runId}:a:0`, `step:${runId}:call:0/a:0`, `step:${runId}:a:1`]);
});

test('the first answer counts', () => {
  const { answer } = projectEvents(
    { runId, status: 'running' },
    events({ type: 'run.answered', status: 201 }, { type: 'run.answered', status: 500 }),
  );
  expect(answer?.status).toBe(201);
});

test('nothing follows the end of a run', () => {
  const late = events({ type: 'run.ended', status: 'succeeded' }, { type: 'step.succeeded', ...ofStep });
  expect(() => projectEvents({ runId, status: 'running' }, late)).toThrow(
    expect.objectContaining({ code: 'run.finished' }),
  );
  expect(() => projectEvents({ runId, status: 'timed_out' }, events({ type: 'run.resumed' }))).toThrow();
});

test('no status can be left once a run has ended', () => {
  for (const status of ['succeeded', 'failed', 'cancelled', 'timed_out'] as const) {
    expect(hasEnded(status)).toBe(true);
    expect(sourcesOf(status).filter(hasEnded)).toEqual([status]);
  }
  expect(sourcesOf('waiting')).toEqual(['queued', 'running', 'waiting']);
});
