import { expect, test } from 'vitest';
import { emptyRun, type RunState, type StepRunState, type StepState } from '#shared/run/foldRun.ts';
import type { Step } from '#shared/workflow/tree.ts';
import { NO_WAITS } from './openWaits.ts';
import { inputOf, isStale, itemsOf, missingBlobs, type RunView, sourceOfStep, stepsDone } from './runView.ts';

const runId = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01';
const items = (...values: number[]) => values.map((n) => ({ json: { n } }));
const step: Step = { uses: 'flow.loop', version: 1, name: 'Each', config: { batch: 2 }, onError: 'stop', mode: 'once' };

function stepState(run: Partial<StepRunState>): StepState {
  const full: StepRunState = { status: 'succeeded', iteration: 0, attempt: 1, from: [], itemsIn: {}, ...run };
  return { status: full.status, iterations: 1, attempt: 1, itemsIn: {}, itemsOut: {}, durationMs: 0, runs: [full] };
}

function viewOf(steps: RunState['steps']): RunView {
  const workflow = {
    slug: 'w',
    name: 'W',
    settings: { durability: 'step', logLevel: 'info', keep: 'all' } as const,
    steps: { each: step },
    edges: {},
    layout: {},
  };
  return { runId, where: 'local', logs: [], workflow, waits: NO_WAITS, run: { ...emptyRun(runId), steps } };
}

test('the input of a step is what the steps before it sent through that port', () => {
  const view = viewOf({ start: stepState({ outputs: { main: { items: items(1, 2) }, error: { items: items(9) } } }) });
  const run = stepState({ from: [{ port: 'main', stepId: 'start', iteration: 0, outPort: 'main' }] })
    .runs[0] as StepRunState;
  expect(itemsOf(inputOf(view, run).main ?? [])).toEqual(items(1, 2));
});

test('inside a loop that still runs, the input is one batch of what the loop was given', () => {
  const view = viewOf({
    start: stepState({ outputs: { main: { items: items(1, 2, 3) } } }),
    each: stepState({ status: 'running', from: [{ port: 'main', stepId: 'start', iteration: 0, outPort: 'main' }] }),
  });
  const second = stepState({ from: [{ port: 'main', stepId: 'each', iteration: 0, outPort: 'loop', batch: 1 }] })
    .runs[0] as StepRunState;
  expect(itemsOf(inputOf(view, second).main ?? [])).toEqual(items(3));
});

test('items kept as a blob are named until they are fetched', () => {
  const blob = 'b'.repeat(64);
  const view = viewOf({ start: stepState({ outputs: { main: { blob, bytes: 2_000_000, count: 3 } } }) });
  const run = stepState({ from: [{ port: 'main', stepId: 'start', iteration: 0, outPort: 'main' }] })
    .runs[0] as StepRunState;
  const parts = inputOf(view, run).main ?? [];
  expect(itemsOf(parts)).toBeUndefined();
  expect(missingBlobs(parts, {})).toEqual([blob]);
  expect(itemsOf(parts, { [blob]: items(7) })).toEqual(items(7));
});

test('a step goes stale by what it does, not by its name or notes', () => {
  expect(isStale(step, { ...step, name: 'Other', notes: 'why' })).toBe(false);
  expect(isStale(step, { ...step, config: { batch: 3 } })).toBe(true);
  expect(isStale(undefined, step)).toBe(true);
});

test('steps that still move or were not reached are not counted as done', () => {
  const view = viewOf({
    a: stepState({}),
    b: stepState({ status: 'running' }),
    c: stepState({ status: 'failed' }),
    d: stepState({ status: 'skipped' }),
  });
  expect(stepsDone(view.run)).toBe(2);
});

test('what was taken over from an earlier run or from a pin says so, also where only part of it was', () => {
  const of = (...sources: (string | undefined)[]) =>
    sourceOfStep({ runs: sources.map((source) => ({ ...(stepState({}).runs[0] as StepRunState), source })) });
  expect(of(undefined)).toBeUndefined();
  expect(of(runId)).toEqual({ kind: 'earlier', runId, partly: false });
  expect(of(runId, undefined)).toEqual({ kind: 'earlier', runId, partly: true });
  expect(of('pin')).toEqual({ kind: 'pin', partly: false });
});
