import { expect, test } from 'vitest';
import { createSlotMap } from './slotMap.ts';

test('it keeps what was set and not deleted, however often places are used again', () => {
  const map = createSlotMap<{ n: number }>();
  const known = new Map<string, { n: number }>();
  for (let n = 0; n < 1_000; n++) {
    const key = `key ${(n * 7) % 50}`;
    if (n % 3 === 0) {
      map.delete(key);
      known.delete(key);
    } else {
      map.set(key, { n });
      known.set(key, { n });
    }
    expect(map.get(key)).toEqual(known.get(key));
    expect(map.size).toBe(known.size);
  }
  const byNumber = (values: Iterable<{ n: number }>) => [...values].map(({ n }) => n).sort();
  expect(byNumber(map.values())).toEqual(byNumber(known.values()));
  expect(map.keys().sort()).toEqual([...known.keys()].sort());
  map.delete('never there');
  expect(map.get('never there')).toBeUndefined();
});
