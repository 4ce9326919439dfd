import { expect, test } from 'vitest';
import { simulateSeeds, told } from './simulation.ts';

// The same with larger numbers: simulation.long.test.ts.
const MINUTES = { timeout: 900_000 };

test('2,000 seeds of random workflows, failures and crashes break no promise', MINUTES, async () => {
  const tally = await simulateSeeds('world', 2_000);
  console.info(`R3: ${told(tally)}`);
  expect(tally.violations.slice(0, 10)).toEqual([]);
  expect(tally.outcomes).toEqual({ succeeded: 2_000 });
  // A world in which nothing happens proves nothing.
  expect(tally.crashes).toBeGreaterThan(2_000);
});

test(
  'unsafe effects are never repeated: what may have happened waits for a person, with evidence',
  MINUTES,
  async () => {
    const tally = await simulateSeeds('unsafe', 300, { unsafe: true });
    console.info(`R10: ${told(tally)}`);
    expect(tally.violations.slice(0, 10)).toEqual([]);
    expect(tally.outcomes).toEqual({ succeeded: 300 });
    expect(tally.parked).toBeGreaterThan(100);
  },
);

test('a run that is cancelled ends, whatever dies meanwhile, and nothing of it happens later', MINUTES, async () => {
  const tally = await simulateSeeds('cancel', 250, { unsafe: true, cancel: true });
  console.info(`R14: ${told(tally)}`);
  expect(tally.violations.slice(0, 10)).toEqual([]);
  expect(tally.outcomes.cancelled).toBeGreaterThan(100);
  expect((tally.outcomes.cancelled ?? 0) + (tally.outcomes.succeeded ?? 0)).toBe(250);
});

test('a run whose time is up ends, whatever dies meanwhile, and nothing of it happens later', MINUTES, async () => {
  const tally = await simulateSeeds('time', 250, { unsafe: true, runTimeoutMs: 2_500 });
  console.info(`R14: ${told(tally)}`);
  expect(tally.violations.slice(0, 10)).toEqual([]);
  expect(tally.outcomes.timed_out).toBeGreaterThan(20);
  expect((tally.outcomes.timed_out ?? 0) + (tally.outcomes.succeeded ?? 0)).toBe(250);
});
