import { expect, test } from 'vitest';
import type { Json, JsonObject } from '#shared/json.ts';
import { runSketch, type Sketch } from '../../../tests/fixtures/engine.ts';
import * as kv from '../kv/kv.ts';
import { createWorld, itemsOf, jsonOf, NOW } from '../stepCall.fixture.ts';
import { insert, query, remove, update } from './table.ts';

const at = new Date(NOW).toISOString();

test('a kept value is read back into the item', async () => {
  const { run } = createWorld();
  expect(
    jsonOf(
      (await run(kv.set, ({ json }) => ({ key: `k:${json.id}`, value: { seen: true } }), itemsOf({ id: 1 }))).main,
    ),
  ).toEqual([{ id: 1 }]);
  expect(
    jsonOf((await run(kv.get, ({ json }) => ({ key: `k:${json.id}`, as: 'was' }), itemsOf({ id: 1 }, { id: 2 }))).main),
  ).toEqual([
    { id: 1, was: { seen: true }, found: true },
    { id: 2, was: null, found: false },
  ]);
  await run(kv.set, { key: 'empty' }, itemsOf({}));
  expect(jsonOf((await run(kv.get, { key: 'empty' }, itemsOf({}))).main)).toEqual([{ value: null, found: true }]);
});

test('insert passes the item on and says whether the key was new', async () => {
  const { run } = createWorld();
  const { main } = await run(
    insert,
    ({ json }) => ({ table: 'triaged', key: json.id ?? null, row: { score: json.score ?? null } }),
    itemsOf({ id: 17, score: 4 }, { id: 17, score: 9 }, { id: 18, score: 1 }),
  );
  expect(jsonOf(main).map(({ inserted }) => inserted)).toEqual([true, false, true]);
  expect(jsonOf((await run(query, { table: 'triaged', where: { score: { gt: 3 } } }, itemsOf({}))).main)).toEqual([
    { key: 17, score: 4, createdAt: at, updatedAt: at },
  ]);
  await expect(run(insert, { table: 'triaged' }, itemsOf({}))).rejects.toMatchObject({ code: 'config.invalid' });
});

test('update and delete say how many, and never take an empty condition for every row', async () => {
  const { run } = createWorld();
  await run(
    insert,
    ({ json }) => ({ table: 't', key: json.n ?? null, row: { n: json.n ?? null } }),
    itemsOf({ n: 1 }, { n: 2 }, { n: 3 }),
  );
  expect(
    jsonOf((await run(update, { table: 't', where: { n: { gte: 2 } }, set: { done: true } }, itemsOf({ a: 1 }))).main),
  ).toEqual([{ a: 1, changed: 2 }]);
  const refused = { code: 'config.invalid', message: expect.stringContaining('every row') };
  await expect(run(update, { table: 't', where: {}, set: { done: false } }, itemsOf({}))).rejects.toMatchObject(
    refused,
  );
  await expect(run(remove, { table: 't', where: {} }, itemsOf({}))).rejects.toMatchObject(refused);
  await expect(run(remove, { table: 't' }, itemsOf({}))).rejects.toMatchObject({ code: 'config.invalid' });
  expect(jsonOf((await run(remove, { table: 't', where: { done: true } }, itemsOf({}))).main)).toEqual([
    { changed: 2 },
  ]);
  expect(jsonOf((await run(remove, { table: 't', all: true }, itemsOf({}))).main)).toEqual([{ changed: 1 }]);
});

test('query orders and limits, for each item', async () => {
  const { run } = createWorld();
  await run(
    insert,
    ({ json }) => ({ table: 't', key: json.n ?? null, row: {} }),
    itemsOf({ n: 1 }, { n: 2 }, { n: 3 }),
  );
  const { main } = await run(
    query,
    ({ json }) => ({ table: 't', orderBy: { column: 'key', descending: true }, limit: json.take ?? 1 }),
    itemsOf({ take: 2 }, { take: 1 }),
  );
  expect(main?.map(({ json, from }) => [json.key, from])).toEqual([
    [3, 0],
    [2, 0],
    [3, 1],
  ]);
});

const ROWS: Sketch = {
  steps: {
    start: { uses: 'trigger.manual' },
    fill: { uses: 'table.insert', config: { table: 't', key: '=$json.n', row: { n: '=$json.n' } } },
    once: { uses: 'items.limit', config: { count: 1 } },
    act: { uses: 'table.query', config: {} },
  },
  edges: ['start -> fill', 'fill -> once', 'once -> act'],
};

/** Three rows, then a step that is to find or change some of them. */
async function act(uses: string, config: JsonObject, first: JsonObject) {
  const sketch = structuredClone(ROWS);
  sketch.steps.act = { uses, config: { table: 't', ...config } };
  const items = [{ ...first, n: 1 }, { n: 2 }, { n: 3 }];
  const { outcome, left } = await runSketch(sketch, { items });
  return { error: outcome.error, left: left('act')[0] as JsonObject | undefined };
}

const USES: [string, JsonObject][] = [
  ['table.query', {}],
  ['table.update', { set: { touched: true } }],
  ['table.delete', {}],
];

test.each(USES)('%s takes comparisons from its config, with values from the data', async (uses, config) => {
  const where = { n: { gte: '=$json.least', lt: 3 } };
  const { error, left } = await act(uses, { ...config, where }, { least: 2 });
  expect(error).toBeUndefined();
  expect(left).toMatchObject(uses === 'table.query' ? { n: 2 } : { changed: 1 });
});

test.each(
  USES.flatMap(([uses, config]) =>
    [
      [{ n: '=$json.q' }, { ne: 0 }, 'n got an object'],
      [{ n: '=$json.q' }, { gt: -1 }, 'n got an object'],
      [{ n: '=$json.q' }, {}, 'n got an object'],
      [{ n: '=$json.q' }, [1, 2], 'n got a list'],
      [{ n: { eq: '=$json.q' } }, { ne: 0 }, 'n eq got an object'],
      ['={ n: $json.q }', { ne: 0 }, 'n got an object'],
      ['=$json.q', { n: { ne: 0 } }, 'n got an object'],
      [{ n: '=$json.nothing' }, 1, 'n has no value'],
      [{ n: { gt: '=$json.nothing' } }, 1, 'n gt has no value'],
      [{ n: 1, m: '=$json.nothing' }, 1, 'm has no value'],
    ].map(([where, q, says]) => [uses, config, where, q, says] as [string, JsonObject, Json, Json, string]),
  ),
)('%s with %j never takes data for a comparison: where %j with %j is refused', async (uses, config, where, q, says) => {
  const { error } = await act(uses, { ...config, where }, { q });
  expect(error).toMatchObject({ code: 'data.invalid', message: expect.stringContaining(says) });
  expect(error?.detail).toMatch(/such as/);
});

test('a comparison with nothing in it is refused where it is written', async () => {
  const { error } = await act('table.delete', { where: { n: {} } }, {});
  expect(error).toMatchObject({ code: 'config.invalid', message: expect.stringContaining('compares with nothing') });
});
