import { expect, test } from 'vitest';
import { freezeRuntimes } from './freezeRuntimes.ts';

test('nothing is taken from a runtime that was frozen beyond its lease and wakes up', {
  timeout: 900_000,
}, async () => {
  const { rounds, refused, stale, faults } = await freezeRuntimes(500);
  console.info(`R4: ${rounds} frozen and woken, ${refused} reports refused by the fence, ${stale} stale writes.`);
  expect(faults).toEqual([]);
  expect(stale).toBe(0);
  expect(refused).toBeGreaterThanOrEqual(rounds);
});
