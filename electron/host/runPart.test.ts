import { expect, test } from 'vitest';
import type { Problem } from '#shared/workflow/problem.ts';
import { DEFAULT_SETTINGS, edgeKey, type Step, type Tree } from '#shared/workflow/tree.ts';
import { stepsOfRun, treeOfRun } from './runPart.ts';

const workflowId = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01';
const step = (uses = 'items.set'): Step => ({
  uses,
  version: 1,
  name: uses,
  config: {},
  onError: 'stop',
  mode: 'each',
});

/** `start` goes to `a`; `a` to `b` and `c`, which meet in `join`; `lonely` hangs on nothing, `other` is a second trigger. */
const tree: Tree = {
  project: { id: '0199f2c4-0001-7000-8000-000000000001', name: 'Project', format: 1 },
  workflows: {
    [workflowId]: {
      slug: 'main',
      name: 'Main',
      settings: DEFAULT_SETTINGS,
      steps: {
        start: step('trigger.manual'),
        other: step('trigger.webhook'),
        a: step(),
        b: step(),
        c: step(),
        join: step('flow.merge'),
        lonely: step('http.request'),
      },
      edges: Object.fromEntries(
        [
          ['start', 'a', 'main'],
          ['other', 'b', 'main'],
          ['a', 'b', 'main'],
          ['a', 'c', 'main'],
          ['b', 'join', 'a'],
          ['c', 'join', 'b'],
        ].map(([from = '', to = '', inPort = '']) => [edgeKey({ from, outPort: 'main', to, inPort }), {}]),
      ),
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
const workflow = tree.workflows[workflowId] as Tree['workflows'][string];
const problemOf = (stepId?: string): Problem => ({
  file: 'workflows/main.yaml',
  line: 7,
  column: 1,
  severity: 'error',
  code: 'config.missing',
  workflowId,
  ...(stepId ? { stepId } : {}),
  message: '"config.url" (Address) is missing.',
  advice: 'Fill it in.',
});
const stepsIn = (part: Tree) => Object.keys(part.workflows[workflowId]?.steps ?? {}).sort();

test.each([
  ['everything behind its trigger', {}, ['a', 'b', 'c', 'join', 'start']],
  ['one step with those before it', { stopAfterStepId: 'b' }, ['a', 'b', 'start']],
  ['a step alone, on what was there', { fromStepId: 'c', stopAfterStepId: 'c' }, ['a', 'c', 'start']],
  ['a step and what follows, with what meets it there', { fromStepId: 'b' }, ['a', 'b', 'c', 'join', 'start']],
])('a run comes to %s', (_what, bounds, expected) => {
  expect([...stepsOfRun(workflow, { triggerStepId: 'start', ...bounds })].sort()).toEqual(expected);
});

test('a loop counts with all that leads back to it', () => {
  const edges = [
    'start.main->loop.main',
    'loop.loop->a.main',
    'a.main->b.main',
    'b.main->loop.next',
    'loop.done->c.main',
  ];
  const looped = {
    ...workflow,
    steps: { ...workflow.steps, loop: step('flow.loop') },
    edges: Object.fromEntries(edges.map((key) => [key, {}])),
  };
  expect([...stepsOfRun(looped, { triggerStepId: 'start', stopAfterStepId: 'a' })].sort()).toEqual([
    'a',
    'b',
    'loop',
    'start',
  ]);
});

test('a half-built step that the run does not come to stops nobody, and is left out', () => {
  const whole = treeOfRun(tree, workflowId, { triggerStepId: 'start' }, [problemOf('lonely')]);
  expect(stepsIn(whole)).toEqual(['a', 'b', 'c', 'join', 'other', 'start']);
  const before = treeOfRun(tree, workflowId, { triggerStepId: 'start', stopAfterStepId: 'a' }, [problemOf('b')]);
  expect(stepsIn(before)).toEqual(['a', 'start']);
  expect(Object.keys(before.workflows[workflowId]?.edges ?? {})).toEqual(['start.main->a.main']);
});

test('a step alone brings no branch beside it', () => {
  const bounds = { triggerStepId: 'start', fromStepId: 'c', stopAfterStepId: 'c' };
  expect(stepsIn(treeOfRun(tree, workflowId, bounds, []))).toEqual(['a', 'c', 'start']);
});

test('a step on the way, or the workflow itself, refuses the run with its place', () => {
  const refused = (problem: Problem) => () => treeOfRun(tree, workflowId, { triggerStepId: 'start' }, [problem]);
  expect(refused(problemOf('b'))).toThrow(
    expect.objectContaining({
      code: 'workflow.invalid',
      message: 'workflows/main.yaml:7: "config.url" (Address) is missing.',
      details: { file: 'workflows/main.yaml', line: 7, stepId: 'b' },
    }),
  );
  expect(refused(problemOf())).toThrow(expect.objectContaining({ code: 'workflow.invalid' }));
  expect(refused({ ...problemOf('b'), severity: 'warning' })).not.toThrow();
});

test('where nothing is left out the run has the tree itself', () => {
  expect(treeOfRun(tree, workflowId, { triggerStepId: 'start' }, [])).toBe(tree);
});
