import { expect, test } from 'vitest';
import type { JsonObject } from '#shared/json.ts';
import { createWorld, itemsOf, jsonOf } from '../stepCall.fixture.ts';
import { rename } from './rename.ts';
import { summarize } from './summarize.ts';

const { run, trace } = createWorld();

async function renamed(json: Parameters<typeof itemsOf>[0], config: object) {
  const [out] = jsonOf((await run(rename, { ...config }, itemsOf(json))).main);
  return JSON.stringify(out);
}

test('a field gets another name at its place', async () => {
  const fields = [
    { from: 'b', to: 'x' },
    { from: 'none', to: 'y' },
  ];
  expect(await renamed({ a: 1, b: 2, c: 3 }, { fields })).toBe('{"a":1,"x":2,"c":3}');
  expect(await renamed({ a: 1, b: 2 }, { fields: [{ from: 'a', to: 'b' }] })).toBe('{"b":1}');
  expect(await renamed({ a: 1 }, { fields: [{ from: 'a', to: 'a' }] })).toBe('{"a":1}');
});

test('a field inside an object is renamed there, or moves where the name says', async () => {
  const json = { who: { mail: 'm', name: 'n' }, 'a.b': 1 };
  expect(await renamed(json, { fields: [{ from: 'who.mail', to: 'who.email' }] })).toBe(
    '{"who":{"email":"m","name":"n"},"a.b":1}',
  );
  expect(await renamed(json, { fields: [{ from: 'who.mail', to: 'mail' }] })).toBe(
    '{"who":{"name":"n"},"a.b":1,"mail":"m"}',
  );
  expect(await renamed(json, { fields: [{ from: 'a.b', to: 'who.c' }] })).toBe('{"who":{"mail":"m","name":"n","c":1}}');
});

test('names can be changed by a pattern, in linear time', async () => {
  expect(await renamed({ cust_a: 1, b: 2 }, { pattern: '^cust_(.*)$', replacement: '$1' })).toBe('{"a":1,"b":2}');
  const hostile = 'a'.repeat(50_000);
  expect(await renamed({ [`${hostile}!`]: 1 }, { pattern: '^(a+)+$', replacement: 'x' })).toContain(hostile);
  await expect(renamed({ a: 1 }, { pattern: '(?=a)b' })).rejects.toMatchObject({ code: 'config.invalid' });
  await expect(renamed({ a: 1 }, { pattern: '(a{900}){900}' })).rejects.toMatchObject({ code: 'config.invalid' });
});

test('no name reaches a prototype', async () => {
  expect(rename.config.safeParse({ fields: [{ from: 'a', to: 'x.__proto__' }] }).success).toBe(false);
  await renamed({ a: { polluted: true } }, { pattern: '^a$', replacement: '__proto__' });
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  expect(rename.config.safeParse({}).success).toBe(false);
});

const orders = itemsOf(
  { who: 'a', amount: 5, tag: 'x' },
  { who: 'b', amount: 1, tag: '' },
  { who: 'a', amount: 3, tag: 'x' },
  { who: 'a', amount: null, tag: 'y' },
);
const every = ['count', 'count_distinct', 'sum', 'average', 'min', 'max', 'first', 'last', 'concatenate', 'list'];

test('summarize works on all items at once', async () => {
  const values = every.map((operation) => ({ operation, field: 'amount' }));
  const { main } = await run(summarize, { values: [...values, { operation: 'count' }] }, orders);
  expect(main).toEqual([
    {
      json: {
        count_amount: 3,
        count_distinct_amount: 3,
        sum_amount: 9,
        average_amount: 3,
        min_amount: 1,
        max_amount: 5,
        first_amount: 5,
        last_amount: 3,
        concatenate_amount: '5, 1, 3',
        list_amount: [5, 1, 3],
        count: 4,
      },
      from: [0, 1, 2, 3].map((index) => ['main', index]),
    },
  ]);
});

test('summarize works on each group, and says where each result came from', async () => {
  const values: JsonObject[] = [
    { operation: 'sum', field: 'amount', as: 'total' },
    { operation: 'concatenate', field: 'tag', separator: '|' },
  ];
  const { main } = await run(summarize, { values, groupBy: ['who'] }, orders);
  expect(jsonOf(main)).toEqual([
    { who: 'a', total: 8, concatenate_tag: 'x|x|y' },
    { who: 'b', total: 1, concatenate_tag: '' },
  ]);
  expect(main?.[1]?.from).toEqual([['main', 1]]);
  const counted = { values: [{ operation: 'count', field: 'tag' }] };
  expect(jsonOf((await run(summarize, counted, orders)).main)).toEqual([{ count_tag: 3 }]);
  expect(jsonOf((await run(summarize, { ...counted, emptyTexts: true }, orders)).main)).toEqual([{ count_tag: 4 }]);
});

test('a value that is no number is refused with its item, or left out and counted in the log', async () => {
  const items = itemsOf({ n: 1 }, { n: '2' }, { n: [3] });
  const config = { values: [{ operation: 'sum', field: 'n' }] };
  await expect(run(summarize, config, items)).rejects.toMatchObject({
    code: 'data.invalid',
    message: 'sum of n: item 1 has a text, not a number.',
  });
  expect(jsonOf((await run(summarize, { ...config, notNumbers: 'skip' }, items)).main)).toEqual([{ sum_n: 1 }]);
  expect(trace.logs).toContainEqual(['warn', 'sum_n: 2 values are no numbers and were left out.']);
});

test('a sum beyond all numbers is an error', async () => {
  const items = itemsOf({ n: 1.7e308 }, { n: 1.7e308 });
  await expect(run(summarize, { values: [{ operation: 'sum', field: 'n' }] }, items)).rejects.toMatchObject({
    code: 'data.invalid',
  });
});
