import { expect, test } from 'vitest';
import type { JsonObject } from '#shared/json.ts';
import { emptyRun, foldRun } from '#shared/run/foldRun.ts';
import { runSketch, type Sketch } from '../../tests/fixtures/engine.ts';
import { memoryBlobs } from '../journal/memoryBlobs.ts';

const set = (fields: JsonObject) => ({ uses: 'items.set', config: { fields } });

/** Numbers are doubled, the odd halves dropped, and each batch added up; the sums come back. */
const SUMS = (count: number | string, batch: number, more: Partial<Sketch> = {}): Sketch => ({
  steps: {
    start: { uses: 'trigger.manual' },
    source: { uses: 'items.generate', config: { count, batch } },
    double: set({ twice: '=$json.n * 2', owner: "=$('start').item.json.owner" }),
    some: { uses: 'flow.filter', config: { when: '=$json.n % 2 === 0' } },
    sum: {
      uses: 'items.aggregate',
      config: {
        fields: [
          { operation: 'sum', field: 'twice', as: 'sum' },
          { operation: 'first', field: 'owner', as: 'owner' },
        ],
      },
    },
    total: {
      uses: 'items.aggregate',
      config: {
        fields: [
          { operation: 'sum', field: 'sum', as: 'sum' },
          { operation: 'count', as: 'batches' },
        ],
      },
    },
  },
  edges: [
    'start -> source',
    'source.loop -> double',
    'double -> some',
    'some -> sum',
    'sum -> source.next',
    'source.done -> total',
  ],
  ...more,
});

test.each([
  [0, 10, undefined, 0],
  [1, 10, { sum: 0, batches: 1 }, 1],
  [10, 10, { sum: 40, batches: 1 }, 1],
  [11, 10, { sum: 60, batches: 2 }, 2],
])('%i items in batches of %i come to %j', async (count, batch, total, runs) => {
  const { outcome, left, runsOf } = await runSketch(SUMS(count, batch), { items: [{ owner: 'ann' }] });
  expect(outcome.status).toBe('succeeded');
  expect(left('total')[0]).toEqual(total);
  expect(runsOf('double')).toBe(runs);
});

test('each input item’s trail leads through a source, and edges count what it handed out', async () => {
  const { events, left } = await runSketch(SUMS(25, 10), { items: [{ owner: 'ann' }] });
  expect(left('sum').map((json) => (json as JsonObject).owner)).toEqual(['ann', 'ann', 'ann']);
  const run = events.reduce(foldRun, emptyRun(events[0]?.runId ?? ''));
  expect(run.edges).toMatchObject({
    'source.loop->double.main': 25,
    'double.main->some.main': 25,
    'some.main->sum.main': 13,
  });
  expect(run.steps.double?.itemsIn).toEqual({ main: 25 });
  expect(run.openBatches).toEqual({});
});

test.each([
  'step',
  'run',
] as const)('with durability %s a source goes on after any crash where it was', async (durability) => {
  const sketch = SUMS(25, 10, { settings: { durability } });
  const blobs = memoryBlobs();
  const options = { items: [{ owner: 'ann' }], blobs, limits: { inlineBytes: 400 } };
  const whole = await runSketch(sketch, options);
  const records = whole.ofType('effect.recorded');
  expect(records.map(({ kind, no }) => `${kind} ${no}`)).toEqual(
    durability === 'step' ? ['batch 0.batch', 'batch 1.batch', 'batch 2.batch'] : [],
  );
  for (let cut = 1; cut < whole.events.length; cut++) {
    const resumed = await runSketch(sketch, { ...options, events: whole.events.slice(0, cut), fence: 2 });
    expect(resumed.outcome, `after ${cut} events`).toEqual(whole.outcome);
    expect(resumed.ofType('run.ended')[0]?.output, `after ${cut} events`).toEqual(whole.ofType('run.ended')[0]?.output);
    expect(resumed.ofType('effect.recorded')).toHaveLength(records.length);
  }
});

test('a source whose config cannot be read fails by name, and may be caught', async () => {
  const bad = SUMS('=$json.owner', 10);
  const { outcome } = await runSketch(bad, { items: [{ owner: 'ann' }] });
  expect(outcome).toMatchObject({ status: 'failed', error: { code: 'config.invalid', stepId: 'source' } });
});

test.each([
  [29, 'failed'],
  [30, 'succeeded'],
  [31, 'succeeded'],
])('a source of 30 batches with a limit of %i: %s', async (loopIterations, status) => {
  const { outcome } = await runSketch(SUMS(30, 1), { items: [{}], limits: { loopIterations } });
  expect(outcome.status).toBe(status);
  if (status === 'failed') {
    expect(outcome.error).toMatchObject({ code: 'limit.exceeded', details: { what: 'iterations of a loop' } });
  }
});
