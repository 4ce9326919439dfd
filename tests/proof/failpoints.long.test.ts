import { expect, test } from 'vitest';
import { temporaryDir } from '../fixtures/agent.ts';
import { bundleArmed, FAILPOINTS, toldFailpoints, visitFailpoints } from './failpoints.ts';

test.each([
  'kill',
  'throw',
  'freeze',
] as const)('%s at every failpoint with 20 seeds: nothing is lost, done twice, or done again though it was recorded', async (action) => {
  using place = temporaryDir();
  const program = await bundleArmed(place.dir);
  const tally = await visitFailpoints(program, action, 20, `${action}-long`);
  console.info(toldFailpoints(tally));
  expect(tally.faults).toEqual([]);
  expect(tally.visited.size).toBe(FAILPOINTS.length);
}, 3_600_000);
