import { expect, test } from 'vitest';
import { createDice } from '../fuzz/dice.ts';
import { crossingRounds } from './crossings.ts';

const seed = process.env.SLUICE_SEED ?? String(Date.now());

test('10,000 operations of workspaces that are alike leave each with its own', async () => {
  const { done, crossed } = await crossingRounds(createDice(`long ${seed}`), 10_000);
  console.info(`Crossings, seed ${seed}: 10000 operations (${JSON.stringify(done)}), ${crossed.length} crossings.`);
  expect(crossed).toEqual([]);
});
