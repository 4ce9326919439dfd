import { expect, test } from 'vitest';
import { createWorld, itemsOf, jsonOf } from '../stepCall.fixture.ts';
import { aggregate } from './aggregate.ts';
import { limit, set, sort, splitOut } from './items.ts';

const { run } = createWorld();

test('set adds fields, and leaves the others out if told', async () => {
  const items = itemsOf({ a: 1, b: 2 });
  expect(jsonOf((await run(set, { fields: { b: 3, c: [4] } }, items)).main)).toEqual([{ a: 1, b: 3, c: [4] }]);
  expect(jsonOf((await run(set, { fields: { c: null }, keepOthers: false }, items)).main)).toEqual([{ c: null }]);
  expect(items[0]?.json).toEqual({ a: 1, b: 2 });
});

test('sort orders numbers, then text, and what is missing last either way; equals keep their order', async () => {
  const items = itemsOf(
    { v: 10, i: 0 },
    { v: 'b', i: 1 },
    { i: 2 },
    { v: 9, i: 3 },
    { v: 'a', i: 4 },
    { v: null, i: 5 },
    { v: 9, i: 6 },
  );
  const by = async (direction: string) => (await run(sort, { by: [{ field: 'v', direction }] }, items)).main;
  expect(jsonOf(await by('ascending')).map(({ i }) => i)).toEqual([3, 6, 0, 4, 1, 2, 5]);
  expect(jsonOf(await by('descending')).map(({ i }) => i)).toEqual([1, 4, 0, 3, 6, 2, 5]);
  expect((await by('ascending'))?.map(({ from }) => from)).toEqual([3, 6, 0, 4, 1, 2, 5]);
});

test('sort by a second field decides where the first is equal, and reaches into objects', async () => {
  const items = itemsOf({ a: { b: 1 }, c: 1 }, { a: { b: 0 }, c: 5 }, { a: { b: 1 }, c: 2 });
  const { main } = await run(sort, { by: [{ field: 'a.b' }, { field: 'c', direction: 'descending' }] }, items);
  expect(jsonOf(main).map(({ c }) => c)).toEqual([5, 2, 1]);
});

test('limit keeps the first or the last', async () => {
  const items = itemsOf({ n: 1 }, { n: 2 }, { n: 3 });
  const kept = async (config: { count?: number; keep?: string }) =>
    (await run(limit, config, items)).main?.map(({ from }) => from);
  expect([
    await kept({}),
    await kept({ count: 2 }),
    await kept({ count: 2, keep: 'last' }),
    await kept({ count: 9, keep: 'last' }),
    await kept({ count: 0, keep: 'last' }),
  ]).toEqual([[0], [0, 1], [1, 2], [0, 1, 2], []]);
});

test('split out makes an item of each entry', async () => {
  const items = itemsOf({ id: 1, lines: [{ sku: 'a' }, 'b'] }, { id: 2 }, { id: 3, lines: [] });
  expect((await run(splitOut, { field: 'lines' }, items)).main).toEqual([
    { json: { sku: 'a' }, from: 0 },
    { json: { lines: 'b' }, from: 0 },
  ]);
  expect(jsonOf((await run(splitOut, { field: 'lines', keepOthers: true }, items)).main)).toEqual([
    { id: 1, lines: { sku: 'a' } },
    { id: 1, lines: 'b' },
  ]);
  await expect(run(splitOut, { field: 'id' }, items)).rejects.toMatchObject({
    code: 'config.invalid',
    message: 'The field id is a number, not a list.',
  });
});

const orders = itemsOf(
  { who: 'a', amount: 5, at: { day: 'mon' } },
  { who: 'b', amount: 1, at: { day: 'mon' } },
  { who: 'a', amount: 3, at: { day: 'tue' } },
  { who: 'a', amount: null },
);

test('aggregate makes one item of all, passing over what is missing', async () => {
  const fields = ['list', 'count', 'sum', 'min', 'max', 'avg', 'first', 'last'].map((operation) => ({
    operation,
    field: 'amount',
  }));
  const { main } = await run(aggregate, { fields: [...fields, { operation: 'count', as: 'items' }] }, orders);
  expect(main).toEqual([
    {
      json: {
        amount: [5, 1, 3],
        count_amount: 3,
        sum_amount: 9,
        min_amount: 1,
        max_amount: 5,
        avg_amount: 3,
        first_amount: 5,
        last_amount: 3,
        items: 4,
      },
      from: [
        ['main', 0],
        ['main', 1],
        ['main', 2],
        ['main', 3],
      ],
    },
  ]);
});

test('aggregate groups by the values of fields', async () => {
  const { main } = await run(
    aggregate,
    { fields: [{ operation: 'sum', field: 'amount', as: 'total' }], groupBy: ['who', 'at.day'] },
    orders,
  );
  expect(jsonOf(main)).toEqual([
    { who: 'a', day: 'mon', total: 5 },
    { who: 'b', day: 'mon', total: 1 },
    { who: 'a', day: 'tue', total: 3 },
    { who: 'a', day: null, total: 0 },
  ]);
  expect(main?.[0]?.from).toEqual([['main', 0]]);
});

test('the smallest and largest of texts are texts, and a sum of texts is refused', async () => {
  const of = (operation: string) => run(aggregate, { fields: [{ operation, field: 'who', as: 'v' }] }, orders);
  expect([jsonOf((await of('min')).main), jsonOf((await of('max')).main)]).toEqual([[{ v: 'a' }], [{ v: 'b' }]]);
  await expect(of('sum')).rejects.toMatchObject({ code: 'config.invalid' });
  expect(aggregate.config.safeParse({ fields: [{ operation: 'sum' }] }).success).toBe(false);
});
