import { expect, test } from 'vitest';
import { fuzzMerge, toldFuzz } from './fuzzMerge.fixture.ts';

const SEED = 1;
const ROUNDS = 1_000;
const STEPS = 60;

// The large project has a file of its own, so that both are played at once; 1,000 rounds of it: fuzzMerge.long.test.ts.
test('three people who edit 60 steps apart lose nothing and tear nothing where they meet', { timeout: 600_000 }, () => {
  const fuzzed = fuzzMerge({ rounds: ROUNDS, size: STEPS, seed: SEED });
  console.info(toldFuzz(fuzzed, STEPS, SEED));
  expect(fuzzed.faults).toEqual([]);
  expect(fuzzed.rounds).toBe(ROUNDS);
  // Rounds in which nobody met would prove nothing.
  expect(fuzzed.merges).toBeGreaterThan(ROUNDS);
  expect(fuzzed.rebasedByServer).toBeGreaterThan(ROUNDS);
  expect(fuzzed.recorded).toBeGreaterThan(ROUNDS);
});
