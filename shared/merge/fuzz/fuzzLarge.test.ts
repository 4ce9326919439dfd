import { expect, test } from 'vitest';
import { fuzzMerge, toldFuzz } from './fuzzMerge.fixture.ts';

const SEED = 1;
const ROUNDS = 50;
const STEPS = 500;

// 1,000 rounds: fuzzMerge.long.test.ts.
test('three people who edit 500 steps apart lose nothing and tear nothing where they meet', {
  timeout: 600_000,
}, () => {
  const fuzzed = fuzzMerge({ rounds: ROUNDS, size: STEPS, seed: SEED });
  console.info(toldFuzz(fuzzed, STEPS, SEED));
  expect(fuzzed.faults).toEqual([]);
  expect(fuzzed.rounds).toBe(ROUNDS);
  // Rounds in which nobody met would prove nothing.
  expect(fuzzed.merges).toBeGreaterThan(ROUNDS);
  expect(fuzzed.rebasedByServer).toBeGreaterThan(ROUNDS);
  expect(fuzzed.recorded).toBeGreaterThan(ROUNDS);
});
