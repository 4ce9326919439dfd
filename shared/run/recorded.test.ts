import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../json.ts';
import { DEFAULT_SETTINGS, type Step, type Tree, type Workflow } from '../workflow/tree.ts';
import type { RunEvent } from './events.ts';
import { recordedStillValid, wholeStillValid } from './recorded.ts';

const MAIN = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01';
const CHILD = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a02';
const RUN = '0199f2c4-7000-7000-8000-000000000001';
const HASH = 'a'.repeat(64);

const step = (uses: string, config: JsonObject = {}): Step => ({
  uses,
  version: 1,
  name: uses,
  config,
  onError: 'stop',
  mode: 'once',
});

function workflow(steps: Record<string, Step>, edges: string[]): Workflow {
  return {
    slug: 'main',
    name: 'Main',
    settings: DEFAULT_SETTINGS,
    steps,
    edges: Object.fromEntries(edges.map((edge) => [edge, {}])),
    layout: {},
  };
}

function chain(change: { b?: JsonObject; scripts?: Record<string, string>; edges?: string[] } = {}): Tree {
  return {
    project: { id: RUN, name: 'P', format: 1 },
    workflows: {
      [MAIN]: workflow(
        {
          start: step('trigger.manual'),
          a: step('items.set', { fields: { at: '=$env.base' } }),
          b: step('code.typescript', change.b ?? { script: 'scripts/score.ts' }),
          c: step('items.set', { fields: { n: 1 } }),
          side: step('items.set', { fields: { s: 1 } }),
        },
        change.edges ?? ['start.main->a.main', 'a.main->b.main', 'b.main->c.main', 'start.main->side.main'],
      ),
    },
    scripts: { 'score.ts': 'export default 1', ...change.scripts },
    machines: {},
    environments: {},
    connections: {},
    tests: {},
    pins: {},
  };
}

/** A journal of events, numbered. */
function journal(events: object[]): RunEvent[] {
  const common = { runId: RUN, fence: 1, at: '2026-11-20T07:00:00.000Z' };
  const started = {
    type: 'run.started',
    workflowId: MAIN,
    execHash: HASH,
    runtimeHash: HASH,
    environment: 'local',
    vars: { base: 1, other: 1 },
    triggerStepId: 'start',
    input: { items: [] },
    seed: RUN,
  };
  return [started, ...events].map((event, index) => ({ ...common, seq: index + 1, ...event })) as RunEvent[];
}

const tried = (stepId: string, more: object = {}) => [
  { type: 'step.attempted', stepId, iteration: 0, attempt: 1, from: [], ...more },
];
const ran = (stepId: string, more: object = {}) => [
  ...tried(stepId, more),
  { type: 'step.succeeded', stepId, iteration: 0, attempt: 1, outputs: {}, ...more },
];
const failed = (stepId: string, more: object = {}) => [
  ...tried(stepId, more),
  { type: 'step.failed', stepId, iteration: 0, attempt: 1, error: { code: 'code.failed', message: 'No.' }, ...more },
];
const ended = (stepId?: string) => ({
  type: 'run.ended',
  status: stepId ? 'failed' : 'succeeded',
  ...(stepId ? { error: { code: 'code.failed', message: 'No.', stepId } } : {}),
});
const names = (events: RunEvent[]) => events.map((event) => `${event.type} ${'stepId' in event ? event.stepId : ''}`);
const all = journal([...ran('a'), ...ran('side'), ...ran('b'), ...ran('c'), ended()]);
const stepsOf = (now: Tree, more: object = {}) => [
  ...new Set(
    recordedStillValid({ events: all, before: chain(), now, workflowId: MAIN, ...more }).map((event) =>
      'stepId' in event ? event.stepId : '',
    ),
  ),
];

describe('what still holds of a run', () => {
  test('everything, where nothing changed', () => {
    expect(stepsOf(chain())).toEqual(['a', 'side', 'b', 'c']);
  });

  test.each([
    ['the config of a step', chain({ b: { script: 'scripts/score.ts', n: 2 } }), ['a', 'side']],
    ['the text of a script it runs', chain({ scripts: { 'score.ts': 'export default 2' } }), ['a', 'side']],
    ['a script that nothing names', chain({ scripts: { 'other.ts': 'x' } }), ['a', 'side', 'b', 'c']],
    [
      'an edge into a step',
      chain({ edges: ['start.main->a.main', 'a.main->b.main', 'a.main->c.main', 'start.main->side.main'] }),
      ['a', 'side', 'b'],
    ],
  ])('after a change of %s', (_, now, expected) => {
    expect(stepsOf(now)).toEqual(expected);
  });

  test('a variable counts for the steps that name it, and those behind them', () => {
    expect(stepsOf(chain(), { vars: { now: { base: 2, other: 1 } } })).toEqual(['side']);
    expect(stepsOf(chain(), { vars: { now: { base: 1, other: 2 } } })).toEqual(['a', 'side', 'b', 'c']);
  });

  test('a step from which to run again is left out with everything behind it', () => {
    expect(stepsOf(chain(), { from: 'b' })).toEqual(['a', 'side']);
    expect(stepsOf(chain(), { from: ['side', 'c'] })).toEqual(['a', 'b']);
  });
});

describe('a run that failed', () => {
  const effect = { type: 'effect.recorded', no: '0.0', kind: 'http', requestHash: HASH, result: 1, attempt: 1 };
  const events = journal([
    ...ran('a'),
    ...tried('b'),
    { ...effect, stepId: 'b', iteration: 0 },
    { ...failed('b')[1], retryAt: '2026-11-20T07:00:01.000Z' },
    ...failed('b'),
    ended('b'),
  ]);

  test('keeps the effects of the step that failed, and not that it failed', () => {
    const kept = recordedStillValid({ events, before: chain(), now: chain(), workflowId: MAIN });
    expect(names(kept)).toEqual([
      'step.attempted a',
      'step.succeeded a',
      'step.attempted b',
      'effect.recorded b',
      'step.attempted b',
    ]);
    expect(wholeStillValid({ events, before: chain(), now: chain(), workflowId: MAIN })).toBe(true);
  });

  test('keeps nothing of the step that failed once that was changed', () => {
    const now = chain({ b: { code: 'return 1' } });
    expect(names(recordedStillValid({ events, before: chain(), now, workflowId: MAIN }))).toEqual([
      'step.attempted a',
      'step.succeeded a',
    ]);
    expect(wholeStillValid({ events, before: chain(), now, workflowId: MAIN })).toBe(false);
  });

  test('a failure that did not end the run is what happened', () => {
    const caught = journal([...failed('side'), ...ran('a'), ...failed('b'), ended('b')]);
    expect(names(recordedStillValid({ events: caught, before: chain(), now: chain(), workflowId: MAIN }))).toEqual([
      'step.attempted side',
      'step.failed side',
      'step.attempted a',
      'step.succeeded a',
      'step.attempted b',
    ]);
  });
});

describe('a workflow that a step called', () => {
  const tree = (n: number): Tree => ({
    ...chain(),
    workflows: {
      [MAIN]: workflow(
        { start: step('trigger.manual'), call: step('flow.runWorkflow', { workflow: CHILD }), c: step('items.set') },
        ['start.main->call.main', 'call.main->c.main'],
      ),
      [CHILD]: workflow({ go: step('trigger.manual'), x: step('items.set'), y: step('items.set', { n }) }, [
        'go.main->x.main',
        'x.main->y.main',
      ]),
    },
  });
  const inner = { path: ['call:0'] };

  test('goes on within where only a part of it changed', () => {
    const events = journal([
      ...tried('call'),
      ...ran('x', inner),
      ...ran('y', inner),
      ...ran('call').slice(1),
      ...ran('c'),
      ended(),
    ]);
    const kept = recordedStillValid({ events, before: tree(1), now: tree(2), workflowId: MAIN });
    expect(names(kept)).toEqual(['step.attempted call', 'step.attempted x', 'step.succeeded x']);
    expect(recordedStillValid({ events, before: tree(1), now: tree(1), workflowId: MAIN })).toHaveLength(8);
  });

  test('that failed goes on at its failed step; a call that was given up for another is over', () => {
    const again = { ...failed('call')[1], retryAt: '2026-11-20T07:00:01.000Z' };
    const events = journal([
      ...tried('call'),
      ...failed('x', inner),
      again,
      ...tried('call', { attempt: 2 }),
      ...ran('x', inner),
      ...failed('y', inner),
      { ...failed('call')[1], attempt: 2 },
      ended('call'),
    ]);
    const kept = recordedStillValid({ events, before: tree(1), now: tree(1), workflowId: MAIN });
    expect(names(kept)).toEqual([
      'step.attempted call',
      'step.attempted call',
      'step.attempted x',
      'step.succeeded x',
      'step.attempted y',
    ]);
  });
});
