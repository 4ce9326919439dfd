import { expect, test } from 'vitest';
import { createDice } from '../fuzz/dice.ts';
import { crossingRounds } from './crossings.ts';

const seed = process.env.SLUICE_SEED ?? String(Date.now());

test('what is one workspace’s is never another’s, although everything has the same ids, names and hashes', {
  timeout: 300_000,
}, async () => {
  const { done, crossed } = await crossingRounds(createDice(`crossings ${seed}`), 300);
  console.log(`Crossings, seed ${seed}: 300 operations (${JSON.stringify(done)}), ${crossed.length} crossings.`);
  expect(crossed).toEqual([]);
  for (const [kind, times] of Object.entries(done)) expect([kind, times > 5]).toEqual([kind, true]);
});

test('control: a cache that forgets whose a tree is, is found out', { timeout: 300_000 }, async () => {
  const { crossed } = await crossingRounds(createDice(`careless ${seed}`), 100, { careless: true });
  expect(crossed.length).toBeGreaterThan(0);
  expect(new Set(crossed.map((one) => one.split(':')[0]))).toEqual(new Set(['tree']));
});
