import { expect, test } from 'vitest';
import { runSketch } from '../../../tests/fixtures/engine.ts';
import { openProjectStore } from '../../engine/ports/projectStore.ts';
import { createWorld, itemsOf, jsonOf, NOW } from '../stepCall.fixture.ts';
import { removeDuplicates } from './removeDuplicates.ts';

test('the first of equal items is kept, whatever the order of their fields, or the last', async () => {
  const { run } = createWorld();
  const items = itemsOf({ a: 1, b: 2 }, { b: 2, a: 1 }, { a: 1 });
  const kept = async (config: object) => {
    const out = await run(removeDuplicates, { ...config }, items);
    return [out.main?.map(({ from }) => from), out.duplicates?.map(({ from }) => from)];
  };
  expect(await kept({})).toEqual([[0, 2], [1]]);
  expect(await kept({ keep: 'last' })).toEqual([[1, 2], [0]]);
  expect(await kept({ compare: 'some_fields', fields: ['a'] })).toEqual([[0], [1, 2]]);
  expect(removeDuplicates.config.safeParse({ compare: 'some_fields' }).success).toBe(false);
});

test('what an earlier run has seen is a duplicate, in the memory of that name only', async () => {
  const { run } = createWorld();
  const config = { remember: true, compare: 'some_fields', fields: ['id'] };
  expect(jsonOf((await run(removeDuplicates, config, itemsOf({ id: 1 }, { id: 2 }))).main)).toHaveLength(2);
  const again = await run(removeDuplicates, config, itemsOf({ id: 2 }, { id: 3 }));
  expect([jsonOf(again.main), jsonOf(again.duplicates)]).toEqual([[{ id: 3 }], [{ id: 2 }]]);
  const other = { ...config, memory: 'other' };
  expect((await run(removeDuplicates, other, itemsOf({ id: 2 }))).main).toHaveLength(1);
});

test('only so many are remembered, and so long', async () => {
  const { run, store } = createWorld();
  const config = { remember: true, memory: 'm', atLeast: 2 };
  for (let id = 0; id < 9; id++) await run(removeDuplicates, config, itemsOf({ id }));
  const rows = () => store.tableQuery({ table: 'seen_m' }).length;
  expect(rows()).toBeGreaterThanOrEqual(2);
  expect(rows()).toBeLessThanOrEqual(4);
  expect((await run(removeDuplicates, config, itemsOf({ id: 8 }))).duplicates).toHaveLength(1);
  expect((await run(removeDuplicates, config, itemsOf({ id: 0 }))).main).toHaveLength(1);
  store.tableUpdate('seen_m', {}, { at: NOW - 31 * 86_400_000 }, { effectKey: 'age' });
  expect((await run(removeDuplicates, config, itemsOf({ id: 8 }))).main).toHaveLength(1);
});

test('a step that is done again in the same run gets the same answer', async () => {
  const store = openProjectStore(':memory:');
  const sketch = {
    steps: { go: { uses: 'trigger.manual' }, once: { uses: 'items.removeDuplicates', config: { remember: true } } },
    edges: ['go -> once'],
  };
  const first = await runSketch(sketch, { items: [{ id: 1 }], store });
  expect(first.left('once')).toEqual([{ id: 1 }]);
  const cut = first.events.findIndex((event) => event.type === 'step.succeeded' && event.stepId === 'once');
  const again = await runSketch(sketch, { items: [{ id: 1 }], store, events: first.events.slice(0, cut) });
  expect([again.outcome.status, again.left('once')]).toEqual(['succeeded', [{ id: 1 }]]);
  store.close();
});
