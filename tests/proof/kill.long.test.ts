import { expect, test } from 'vitest';
import { killRunners, toldKills } from './killRunners.ts';

test('1,000 runs and 500 kills at any moment: nothing is lost, doubled or done again', {
  timeout: 3_600_000,
}, async () => {
  const killed = await killRunners(1_000, 500, 'kill-long');
  console.info(toldKills(killed));
  expect(killed).toMatchObject({ lost: 0, doubled: 0, redone: [], gaps: 0 });
  expect(killed.kills).toBeGreaterThanOrEqual(500);
  expect(killed.effects).toBe(1_000 * 9);
});
