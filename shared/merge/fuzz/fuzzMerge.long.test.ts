import { expect, test } from 'vitest';
import { fuzzMerge, toldFuzz } from './fuzzMerge.fixture.ts';

const SEED = 10_001;

test.each([60, 500])('three people who edit %i steps apart lose nothing and tear nothing, 1,000 times', (size) => {
  const fuzzed = fuzzMerge({ rounds: 1_000, size, seed: SEED });
  console.info(toldFuzz(fuzzed, size, SEED));
  expect(fuzzed.faults).toEqual([]);
});
