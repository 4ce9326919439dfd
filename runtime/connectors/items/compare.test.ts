import { expect, test } from 'vitest';
import { createWorld, itemsOf, jsonOf } from '../stepCall.fixture.ts';
import { compare } from './compare.ts';

const { run } = createWorld();
const both = (a: ReturnType<typeof itemsOf>, b: ReturnType<typeof itemsOf>, config: object) =>
  run(compare, { match: [{ a: 'id' }], ...config }, { a, b });

test('each item is only on one side, the same, or different with the fields that differ', async () => {
  const a = itemsOf({ id: 1, n: 'x' }, { id: 2, at: { city: 'Ulm', zip: '1' }, tags: ['a'] }, { id: 3 });
  const b = itemsOf({ id: 4 }, { id: 2, at: { city: 'Bonn', zip: '1' }, tags: ['b'] }, { id: 1, n: 'x' });
  const out = await both(a, b, {});
  expect(out.onlyA).toEqual([{ json: { id: 3 }, from: [['a', 2]] }]);
  expect(out.onlyB).toEqual([{ json: { id: 4 }, from: [['b', 0]] }]);
  expect(out.same).toEqual([
    {
      json: { id: 1, n: 'x' },
      from: [
        ['a', 0],
        ['b', 2],
      ],
    },
  ]);
  expect(out.different).toEqual([
    {
      json: { keys: { id: 2 }, fields: ['at.city', 'tags'], a: a[1]?.json, b: b[1]?.json },
      from: [
        ['a', 1],
        ['b', 1],
      ],
    },
  ]);
});

test('fields that are ignored, and keys that have another name, make no difference', async () => {
  const a = itemsOf({ id: 1, seen: 5, name: 'x' });
  const b = itemsOf({ nr: 1, seen: 6, name: 'x' });
  const config = { match: [{ a: 'id', b: 'nr' }] };
  expect(jsonOf((await both(a, b, config)).different).map(({ fields }) => fields)).toEqual([['seen']]);
  expect((await both(a, b, { ...config, ignore: ['seen'] })).same).toHaveLength(1);
});

test('types count unless compared loosely', async () => {
  const a = itemsOf({ id: 1, n: 5, e: null });
  const b = itemsOf({ id: '1', n: '5', e: '' });
  const strict = await both(a, b, {});
  expect([strict.onlyA?.length, strict.onlyB?.length, strict.same?.length]).toEqual([1, 1, 0]);
  expect((await both(a, b, { loose: true })).same).toHaveLength(1);
});

test('an item without the key has no partner', async () => {
  const out = await both(itemsOf({ n: 1 }, { id: null }), itemsOf({ n: 1 }, { id: null }), {});
  expect([out.onlyA?.length, out.onlyB?.length]).toEqual([2, 2]);
});

test('several items with one key are paired in order, kept once, or refused', async () => {
  const a = itemsOf({ id: 1, n: 1 }, { id: 1, n: 2 });
  const b = itemsOf({ id: 1, n: 1 }, { id: 1, n: 2 }, { id: 1, n: 3 });
  const paired = await both(a, b, {});
  expect([paired.same?.length, jsonOf(paired.onlyB)]).toEqual([2, [{ id: 1, n: 3 }]]);
  const first = await both(a, b, { duplicates: 'first' });
  expect([first.same?.length, first.onlyA?.length, first.onlyB?.length]).toEqual([1, 0, 0]);
  await expect(both(a, b, { duplicates: 'fail' })).rejects.toMatchObject({
    code: 'data.invalid',
    message: 'Branch b has two items with id = 1.',
  });
  await expect(both(a, b.slice(0, 1), { duplicates: 'fail' })).rejects.toMatchObject({
    message: 'Branch a has two items with id = 1.',
  });
});

test('a side that never came is empty', async () => {
  expect((await run(compare, { match: [{ a: 'id' }] }, { a: itemsOf({ id: 1 }) })).onlyA).toHaveLength(1);
});
