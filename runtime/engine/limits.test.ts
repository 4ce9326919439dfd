import { describe, expect, test } from 'vitest';
import { runSketch, runTree, type Sketch, sketchTree, WORKFLOW_ID } from '../../tests/fixtures/engine.ts';

const YEAR = 365 * 86_400_000;

describe('workflows inside workflows', () => {
  /** The main workflow calls the first, that one the second, and so on. */
  function nested(depth: number) {
    const id = (n: number) =>
      n === 0 ? WORKFLOW_ID : `0199f2c4-6a02-7c11-8b7e-2d9f4c5e60${String(n).padStart(2, '0')}`;
    const workflow = (n: number): Sketch =>
      n === depth
        ? { steps: { start: { uses: 'trigger.manual' }, leaf: { uses: 'items.set' } }, edges: ['start -> leaf'] }
        : {
            steps: {
              start: { uses: 'trigger.manual' },
              call: { uses: 'flow.runWorkflow', config: { workflow: id(n + 1) } },
            },
            edges: ['start -> call'],
          };
    const others = Array.from({ length: depth }, (_, n) => [id(n + 1), workflow(n + 1)] as const);
    return sketchTree(workflow(0), { workflows: Object.fromEntries(others) });
  }

  test.each([
    [9, 'succeeded'],
    [10, 'succeeded'],
    [11, 'failed'],
  ])('%i deep: the run has %s', async (depth, status) => {
    const run = await runTree(nested(depth));
    expect(run.outcome.status).toBe(status);
    if (status === 'failed') {
      expect(run.outcome.error).toMatchObject({ code: 'limit.exceeded', details: { limit: 10, what: 'nested runs' } });
    }
  });
});

describe('the longest wait', () => {
  const approval = (timeoutMs: number): Sketch => ({
    steps: {
      start: { uses: 'trigger.manual' },
      ask: { uses: 'flow.approval', config: { message: 'Well?', timeoutMs } },
    },
    edges: ['start -> ask'],
  });

  test.each([
    [999, 'failed'],
    [1_000, 'waiting'],
    [YEAR, 'waiting'],
    [YEAR + 1, 'failed'],
  ])('an approval that expires after %i ms: %s', async (timeoutMs, status) => {
    const run = await runSketch(approval(timeoutMs));
    expect(run.outcome.status).toBe(status);
    if (status === 'failed') {
      expect(run.outcome.error).toMatchObject({
        code: 'config.invalid',
        details: { stepId: 'ask', field: 'timeoutMs' },
      });
    }
  });
});

test('outputs that a person pinned say so, and the step does not run', async () => {
  const run = await runSketch(
    {
      steps: { start: { uses: 'trigger.manual' }, a: { uses: 'flow.stop', config: { message: 'Never.' } } },
      edges: ['start -> a'],
    },
    { partial: { given: { a: { main: [{ json: { n: 1 } }] } } } },
  );
  expect(run.outcome.status).toBe('succeeded');
  expect(run.ofType('step.succeeded')).toMatchObject([{ stepId: 'a', pinned: true }]);
});
