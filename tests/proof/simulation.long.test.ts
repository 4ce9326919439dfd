import { expect, test } from 'vitest';
import { simulateSeeds, told } from './simulation.ts';

const HOURS = { timeout: 6 * 3_600_000 };

test.each([
  ['R3', 'long', 100_000, {}],
  // Of how branches and batches overtook each other nothing is kept.
  ['R3', 'long crowded', 10_000, { crowded: true, crashes: 8 }],
  ['R10', 'long unsafe', 5_000, { unsafe: true }],
  ['R14', 'long cancel', 5_000, { unsafe: true, cancel: true }],
  ['R14', 'long time', 5_000, { unsafe: true, runTimeoutMs: 2_500 }],
])('%s: no promise is broken in the worlds of "%s", %d seeds', HOURS, async (bar, name, count, more) => {
  const tally = await simulateSeeds(name, count, more);
  console.info(`${bar}: ${told(tally)}`);
  expect(tally.violations.slice(0, 10)).toEqual([]);
  expect(tally.runs).toBe(count);
});
