import { expect, test } from 'vitest';
import { killRunners, toldKills } from './killRunners.ts';

// The same with larger numbers: kill.long.test.ts.
test('runners that are killed at any moment lose no run, double no effect and repeat no recorded step', async () => {
  const killed = await killRunners(32, 16, 'kill-1');
  console.info(toldKills(killed));
  expect(killed).toMatchObject({ lost: 0, doubled: 0, redone: [], gaps: 0 });
  expect(killed.kills).toBeGreaterThanOrEqual(15);
  // Every run did everything once: three items at three places.
  expect(killed.effects).toBe(32 * 9);
  expect(killed.highestFence).toBeGreaterThan(2);
}, 900_000);
