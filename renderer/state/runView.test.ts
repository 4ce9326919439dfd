import { expect, test } from 'vitest';
import type { RunEvent } from '#shared/run/events.ts';
import { applyRunEvent, inputOf, itemsAtHand, itemsOut, type RunView, stepsDone, timeSpent } from './runView.ts';

const runId = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01';
const hash = 'a'.repeat(64);
const second = (n: number) => new Date(Date.UTC(2026, 10, 20, 7, 0, n)).toISOString();
let seq = 0;

type Draft = RunEvent extends infer E ? (E extends RunEvent ? Omit<E, 'runId' | 'seq' | 'at' | 'fence'> : never) : never;
function event(draft: Draft, at = 0): RunEvent {
  seq += 1;
  return { runId, seq, at: second(at), fence: 1, ...draft } as RunEvent;
}

function fold(events: RunEvent[], from?: RunView): RunView {
  const view = events.reduce<RunView | undefined>((before, one) => applyRunEvent(before, one, 'local'), from);
  if (!view) throw new Error('the run never started');
  return view;
}

const items = (count: number) => ({ items: Array.from({ length: count }, (_, n) => ({ json: { n } })) });

function started(): RunEvent {
  seq = 0;
  return event({ type: 'run.started', workflowId: runId, execHash: hash, runtimeHash: hash, environment: 'local', triggerStepId: 'start', input: items(1), seed: 's' });
}

test('a step that ran shows its items, its time and the count on the edge that fed it', () => {
  const view = fold([
    started(),
    event({ type: 'step.attempted', stepId: 'start', iteration: 0, attempt: 1, from: [] }),
    event({ type: 'step.succeeded', stepId: 'start', iteration: 0, attempt: 1, outputs: { main: items(3) } }, 1),
    event({ type: 'step.attempted', stepId: 'next', iteration: 0, attempt: 1, from: [{ port: 'main', stepId: 'start', iteration: 0, outPort: 'main' }] }, 1),
    event({ type: 'step.succeeded', stepId: 'next', iteration: 0, attempt: 1, outputs: { true: items(1), false: items(2) } }, 3),
    event({ type: 'run.ended', status: 'succeeded' }, 3),
  ]);
  const next = view.steps.next;
  if (!next) throw new Error('next did not run');
  expect(next.state).toBe('succeeded');
  expect(itemsOut(next)).toBe(3);
  expect(timeSpent(next, 0)).toBe(2_000);
  expect(view.edges).toEqual({ 'start.main->next.main': 3 });
  expect(stepsDone(view)).toBe(2);
  const run = next.runs[0];
  expect(run && itemsAtHand(inputOf(view, 'next', run, undefined).main ?? [])).toHaveLength(3);
});

test('one event replaces only the step it is about', () => {
  const before = fold([
    started(),
    event({ type: 'step.attempted', stepId: 'a', iteration: 0, attempt: 1, from: [] }),
    event({ type: 'step.attempted', stepId: 'b', iteration: 0, attempt: 1, from: [] }),
  ]);
  const after = fold([event({ type: 'step.succeeded', stepId: 'b', iteration: 0, attempt: 1, outputs: {} })], before);
  expect(after.steps.a).toBe(before.steps.a);
  expect(after.steps.b).not.toBe(before.steps.b);
});

test('a failure that is tried again reads retrying, and its time counts from the first attempt', () => {
  const error = { code: 'connector.unavailable', message: 'Refused.' };
  const view = fold([
    started(),
    event({ type: 'step.attempted', stepId: 'post', iteration: 0, attempt: 1, from: [] }, 0),
    event({ type: 'step.failed', stepId: 'post', iteration: 0, attempt: 1, error, retryAt: second(5) }, 1),
  ]);
  expect(view.steps.post?.state).toBe('retrying');
  expect(view.steps.post?.runs[0]?.retryAt).toBe(Date.parse(second(5)));
  const later = fold([event({ type: 'step.attempted', stepId: 'post', iteration: 0, attempt: 2, from: [] }, 5)], view);
  expect(later.steps.post?.runs).toHaveLength(1);
  expect(later.steps.post?.runs[0]).toMatchObject({ attempt: 2, state: 'running', startedAt: Date.parse(second(0)) });
});

test('an event that was seen before changes nothing', () => {
  const first = started();
  const again = event({ type: 'step.attempted', stepId: 'a', iteration: 0, attempt: 1, from: [] });
  const view = fold([first, again]);
  expect(applyRunEvent(view, again, 'local')).toBe(view);
});

test('what was at work when the run was cancelled reads cancelled', () => {
  const view = fold([
    started(),
    event({ type: 'step.attempted', stepId: 'slow', iteration: 0, attempt: 1, from: [] }),
    event({ type: 'run.ended', status: 'cancelled' }, 2),
  ]);
  expect(view.steps.slow?.state).toBe('cancelled');
  expect(view.status).toBe('cancelled');
});

test('a wait says why and until when', () => {
  const view = fold([
    started(),
    event({ type: 'step.attempted', stepId: 'pause', iteration: 0, attempt: 1, from: [] }),
    event({ type: 'run.waiting', stepId: 'pause', iteration: 0, reason: 'delay', until: second(30) }),
  ]);
  expect(view.status).toBe('waiting');
  expect(view.steps.pause?.runs[0]?.wait).toEqual({ reason: 'delay', until: Date.parse(second(30)) });
});

test('steps of a called workflow do not appear on the caller', () => {
  const view = fold([started(), event({ type: 'step.attempted', stepId: 'inner', iteration: 0, attempt: 1, from: [], path: ['call:0'] })]);
  expect(view.steps).toEqual({});
});
