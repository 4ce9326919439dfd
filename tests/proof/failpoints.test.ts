import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryDir } from '../fixtures/agent.ts';
import { bundleArmed, FAILPOINTS, toldFailpoints, visitFailpoints } from './failpoints.ts';

// The same with 20 seeds: failpoints.long.test.ts.
const SEEDS = 1;

const place = temporaryDir();
let program: string;
beforeAll(async () => {
  program = await bundleArmed(place.dir);
});
afterAll(() => place[Symbol.dispose]());

// Each is a chain of processes that mostly wait for each other's leases, so they go beside each other.
test.concurrent.each([
  'kill',
  'throw',
  'freeze',
] as const)('%s at every failpoint: nothing is lost, done twice, or done again though it was recorded', async (action) => {
  const tally = await visitFailpoints(program, action, SEEDS, `${action}-1`);
  console.info(toldFailpoints(tally));
  expect(tally.faults).toEqual([]);
  expect([...tally.visited].sort()).toEqual([...FAILPOINTS].sort());
  expect(tally.effects).toBeGreaterThan(tally.runs);
  // A process that breaks in the middle of a run fails that one; one that ends or freezes fails none.
  if (action === 'throw') expect(tally.failed).toBeLessThanOrEqual(tally.rounds);
  else expect(tally.failed).toBe(0);
}, 900_000);
