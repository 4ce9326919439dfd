import { expect, test } from 'vitest';
import { Uuid } from '#shared/ids.ts';
import { newRunId } from './runIds.ts';

test('each is a UUID of version 7 and greater than the one before, also within a millisecond and beyond the pool', () => {
  const before = Date.now();
  const ids = Array.from({ length: 5_000 }, newRunId);
  expect(ids.filter((id) => !Uuid.safeParse(id).success || id[14] !== '7')).toEqual([]);
  expect(new Set(ids).size).toBe(ids.length);
  expect([...ids].sort()).toEqual(ids);
  const stamp = Number.parseInt((ids[0] as string).replaceAll('-', '').slice(0, 12), 16);
  expect(stamp).toBeGreaterThanOrEqual(before);
  expect(stamp).toBeLessThanOrEqual(Date.now());
  // What chance gives differs from one to the next.
  expect(new Set(ids.map((id) => id.slice(-10))).size).toBe(ids.length);
});
