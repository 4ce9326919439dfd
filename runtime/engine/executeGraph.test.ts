import { describe, expect, test } from 'vitest';
import { runSketch, runTree, sketchTree } from '../../tests/fixtures/engine.ts';

const set = (fields: Record<string, string | number>) => ({ uses: 'items.set', config: { fields } });

describe('branches', () => {
  test('a run follows its edges and ends with what left by ports without one', async () => {
    const run = await runSketch(
      {
        steps: {
          start: { uses: 'trigger.manual' },
          add: set({ b: '=$json.a + 1' }),
          double: set({ c: '=$json.b * 2' }),
        },
        edges: ['start -> add', 'add -> double'],
      },
      { items: [{ a: 1 }, { a: 5 }] },
    );
    expect(run.outcome).toEqual({ status: 'succeeded' });
    expect(run.left('double')).toEqual([
      { a: 1, b: 2, c: 4 },
      { a: 5, b: 6, c: 12 },
    ]);
    const [ended] = run.ofType('run.ended');
    expect(Object.keys(ended?.output ?? {})).toEqual(['double']);
  });

  test('the journal counts from one without a gap', async () => {
    const run = await runSketch({
      steps: { start: { uses: 'trigger.manual' }, add: set({ b: 1 }) },
      edges: ['start -> add'],
    });
    expect(run.events.map((event) => event.seq)).toEqual(run.events.map((_event, index) => index + 1));
    expect(run.events.map((event) => event.type)).toEqual([
      'run.started',
      'step.attempted',
      'step.succeeded',
      'run.ended',
    ]);
  });

  test('an empty list starts nothing', async () => {
    const run = await runSketch(
      {
        steps: {
          start: { uses: 'trigger.manual' },
          big: { uses: 'flow.filter', config: { when: '=$json.n > 100' } },
          after: set({ seen: 1 }),
        },
        edges: ['start -> big', 'big -> after'],
      },
      { items: [{ n: 1 }] },
    );
    expect(run.outcome.status).toBe('succeeded');
    expect(run.runsOf('after')).toBe(0);
  });

  test('free branches start in the order of their step ids', async () => {
    const run = await runSketch({
      steps: { start: { uses: 'trigger.manual' }, zebra: set({ z: 1 }), apple: set({ a: 1 }), mango: set({ m: 1 }) },
      edges: ['start -> zebra', 'start -> apple', 'start -> mango'],
    });
    expect(run.ofType('step.attempted').map((event) => event.stepId)).toEqual(['apple', 'mango', 'zebra']);
  });

  test('two edges into one port are two runs of the step, numbered in order', async () => {
    const run = await runSketch({
      steps: {
        start: { uses: 'trigger.manual' },
        left: set({ from: 'left' }),
        right: set({ from: 'right' }),
        both: set({ seen: 1 }),
      },
      edges: ['start -> left', 'start -> right', 'left -> both', 'right -> both'],
    });
    expect(
      run
        .ofType('step.attempted')
        .filter((event) => event.stepId === 'both')
        .map((event) => event.iteration),
    ).toEqual([0, 1]);
    expect(run.left('both')).toEqual([
      { from: 'left', seen: 1 },
      { from: 'right', seen: 1 },
    ]);
  });

  test('a step that is switched off lets its items through', async () => {
    const run = await runSketch({
      steps: {
        start: { uses: 'trigger.manual' },
        off: { ...set({ never: 1 }), disabled: true },
        after: set({ seen: 1 }),
      },
      edges: ['start -> off', 'off -> after'],
    });
    expect(run.left('after')).toEqual([{ seen: 1 }]);
    expect(run.ofType('step.skipped')).toMatchObject([{ stepId: 'off', reason: 'disabled' }]);
  });
});

describe('joins', () => {
  const diamond = (when: string) => ({
    steps: {
      start: { uses: 'trigger.manual' },
      split: { uses: 'flow.if', config: { when } },
      yes: set({ side: 'yes' }),
      no: set({ side: 'no' }),
      join: { uses: 'flow.merge', config: { how: 'append' } },
    },
    edges: ['start -> split', 'split.true -> yes', 'split.false -> no', 'yes -> join.a', 'no -> join.b'],
  });

  test('a join waits for both of its inputs', async () => {
    const run = await runSketch(diamond('=$json.n > 1'), { items: [{ n: 1 }, { n: 2 }] });
    expect(run.runsOf('join')).toBe(1);
    expect(run.left('join')).toHaveLength(2);
  });

  test('a join does not wait for an input that can no longer come', async () => {
    const run = await runSketch(diamond('=$json.n > 1'), { items: [{ n: 2 }] });
    expect(run.left('join')).toEqual([{ n: 2, side: 'yes' }]);
  });

  test('what comes more than once is paired as it came', async () => {
    const run = await runSketch({
      steps: {
        start: { uses: 'trigger.manual' },
        a1: set({ a: 1 }),
        a2: set({ a: 2 }),
        b1: set({ b: 1 }),
        b2: set({ b: 2 }),
        join: { uses: 'flow.merge', config: { how: 'by_position' } },
      },
      edges: [
        'start -> a1',
        'start -> a2',
        'start -> b1',
        'start -> b2',
        'a1 -> join.a',
        'a2 -> join.a',
        'b1 -> join.b',
        'b2 -> join.b',
      ],
    });
    expect(run.left('join')).toEqual([
      { a: 1, b: 1 },
      { a: 2, b: 2 },
    ]);
  });

  test('a port without an edge is not waited for', async () => {
    const run = await runSketch({
      steps: { start: { uses: 'trigger.manual' }, join: { uses: 'flow.merge', config: { how: 'append' } } },
      edges: ['start -> join.a'],
    });
    expect(run.runsOf('join')).toBe(1);
  });

  test('joins that wait for each other go on with what they have', async () => {
    const run = await runSketch({
      steps: {
        start: { uses: 'trigger.manual' },
        one: { uses: 'flow.merge', config: { how: 'append' } },
        two: { uses: 'flow.merge', config: { how: 'append' } },
        once: { uses: 'flow.filter', config: { when: '=$run.never === true' } },
      },
      edges: ['start -> one.a', 'start -> two.a', 'one -> two.b', 'two -> once', 'once -> one.b'],
    });
    expect(run.outcome.status).toBe('succeeded');
    expect(run.runsOf('one')).toBe(1);
    expect(run.runsOf('two')).toBe(1);
  });
});

describe('loops', () => {
  const looped = (body: string[]) => ({
    steps: {
      start: { uses: 'trigger.manual' },
      each: { uses: 'flow.loop', config: { batch: 2 } },
      work: set({ done: '=$json.n * 10' }),
      after: set({ after: 1 }),
    },
    edges: ['start -> each', ...body, 'each.done -> after'],
  });
  const five = [1, 2, 3, 4, 5].map((n) => ({ n }));

  test('a loop hands out its batches one after the other and gives on what came back', async () => {
    const run = await runSketch(looped(['each.loop -> work', 'work -> each.next']), { items: five });
    expect(run.runsOf('each')).toBe(1);
    expect(run.runsOf('work')).toBe(3);
    expect(run.left('after')).toEqual(five.map(({ n }) => ({ n, done: n * 10, after: 1 })));
  });

  test('a batch ends when all it started has ended, with or without an edge back', async () => {
    const run = await runSketch(looped(['each.loop -> work']), { items: five });
    expect(run.outcome.status).toBe('succeeded');
    expect(run.runsOf('work')).toBe(3);
    expect(run.runsOf('after')).toBe(0);
  });

  test('a loop with nothing behind it ends, however many batches it has', async () => {
    const run = await runSketch(
      {
        steps: { start: { uses: 'trigger.manual' }, each: { uses: 'flow.loop', config: { batch: 1 } } },
        edges: ['start -> each'],
      },
      { items: Array.from({ length: 20_000 }, (_value, n) => ({ n })) },
    );
    expect(run.outcome.status).toBe('succeeded');
  });

  test('loops stand inside loops', async () => {
    const run = await runSketch(
      {
        steps: {
          start: { uses: 'trigger.manual' },
          outer: { uses: 'flow.loop', config: { batch: 2 } },
          inner: { uses: 'flow.loop', config: { batch: 1 } },
          work: set({ seen: 1 }),
          after: set({ after: 1 }),
        },
        edges: [
          'start -> outer',
          'outer.loop -> inner',
          'inner.loop -> work',
          'work -> inner.next',
          'inner.done -> outer.next',
          'outer.done -> after',
        ],
      },
      { items: five },
    );
    expect(run.runsOf('inner')).toBe(3);
    expect(run.runsOf('work')).toBe(5);
    expect(run.left('after').map((json) => (json as { n: number }).n)).toEqual([1, 2, 3, 4, 5]);
  });

  test('a join inside a loop does not hold the loop up for what only its next batch could bring', async () => {
    const run = await runSketch(
      {
        steps: {
          start: { uses: 'trigger.manual' },
          each: { uses: 'flow.loop', config: { batch: 1 } },
          odd: { uses: 'flow.if', config: { when: '=$json.n % 2 === 1' } },
          join: { uses: 'flow.merge', config: { how: 'append' } },
        },
        edges: ['start -> each', 'each.loop -> odd', 'odd.true -> join.a', 'odd.false -> join.b', 'join -> each.next'],
      },
      { items: five },
    );
    expect(run.runsOf('join')).toBe(5);
    expect(run.left('each', 'done')).toEqual(five);
  });

  test('a cycle without an end stops at the iteration limit, by name', async () => {
    const run = await runSketch(
      {
        steps: { start: { uses: 'trigger.manual' }, a: set({ n: '=($json.n ?? 0) + 1' }), b: set({ seen: 1 }) },
        edges: ['start -> a', 'a -> b', 'b -> a'],
      },
      { limits: { loopIterations: 50 } },
    );
    expect(run.outcome).toMatchObject({ status: 'failed', error: { code: 'limit.exceeded', details: { limit: 50 } } });
    expect(run.runsOf('a')).toBe(50);
  });
});

describe('lineage', () => {
  test('an expression finds the item that the current one came from, through filters, loops and joins', async () => {
    const run = await runSketch(
      {
        steps: {
          start: { uses: 'trigger.manual' },
          only: { uses: 'flow.filter', config: { when: '=$json.n % 2 === 0' } },
          each: { uses: 'flow.loop', config: { batch: 1 } },
          small: { uses: 'items.set', config: { fields: { m: '=$json.n' }, keepOthers: false } },
          after: set({ name: "=$('start').item.json.name" }),
        },
        edges: ['start -> only', 'only -> each', 'each.loop -> small', 'small -> each.next', 'each.done -> after'],
      },
      {
        items: [
          { n: 1, name: 'one' },
          { n: 2, name: 'two' },
          { n: 3, name: 'three' },
          { n: 4, name: 'four' },
        ],
      },
    );
    expect(run.left('after')).toEqual([
      { m: 2, name: 'two' },
      { m: 4, name: 'four' },
    ]);
  });
});

describe('sub-workflows', () => {
  const CHILD = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a02';

  test('a step runs another workflow in the same run and takes its output', async () => {
    const tree = sketchTree(
      {
        steps: {
          start: { uses: 'trigger.manual' },
          call: { uses: 'flow.runWorkflow', config: { workflow: CHILD } },
          after: set({ after: 1 }),
        },
        edges: ['start -> call', 'call -> after'],
      },
      {
        workflows: {
          [CHILD]: {
            steps: { go: { uses: 'trigger.manual' }, add: set({ child: '=$json.n + 1' }) },
            edges: ['go -> add'],
          },
        },
      },
    );
    const run = await runTree(tree, { items: [{ n: 1 }, { n: 2 }] });
    expect(run.left('after')).toEqual([
      { n: 1, child: 2, after: 1 },
      { n: 2, child: 3, after: 1 },
    ]);
    expect(run.ofType('step.succeeded').find((event) => event.stepId === 'add')?.path).toEqual(['call:0']);
  });

  test('a workflow that runs itself without an end is stopped by depth', async () => {
    const tree = sketchTree({
      steps: {
        start: { uses: 'trigger.manual' },
        call: { uses: 'flow.runWorkflow', config: { workflow: '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01' } },
      },
      edges: ['start -> call'],
    });
    const run = await runTree(tree);
    expect(run.outcome).toMatchObject({
      status: 'failed',
      error: { code: 'limit.exceeded', details: { what: 'nested runs' } },
    });
  });
});
