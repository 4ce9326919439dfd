import { afterAll, beforeAll, expect, test } from 'vitest';
import { allCapabilities } from '../../cloud/server/capabilities.ts';
import type { Routes } from '../../cloud/server/routes.ts';
import { startTestCloud, type TestCloud } from '../fixtures/cloud.ts';
import { createDice } from '../fuzz/dice.ts';
import { canBeScanned, scan, scanForEffects, toldScan } from './scan.ts';
import { type Asker, makeWorld, type World } from './world.ts';

/** Fewer, for a look in between. */
const count = Number(process.env.SLUICE_SCAN ?? 50_000);
const seed = process.env.SLUICE_SEED ?? String(Date.now());
let cloud: TestCloud;
let routes: Routes;
let world: World;
beforeAll(async () => {
  cloud = await startTestCloud({ RESETS_PER_HOUR: '1000000', REQUESTS_PER_MINUTE: '1000000' }, (platform) => {
    routes = platform.routes;
    return allCapabilities(platform);
  });
  world = await makeWorld(cloud, 'amber');
}, 120_000);
afterAll(() => cloud?.stop());

test('many requests break nothing, and leave nothing behind where they were refused', async () => {
  const { accessToken } = world.owner;
  const askers: Asker[] = [
    { name: 'owner', headers: { authorization: `Bearer ${accessToken}`, 'sluice-workspace': world.workspaceId } },
    { name: 'signed out', headers: {} },
  ];
  const targets = routes.list().filter(canBeScanned);
  const common = { cloud, routes: targets, world, askers };
  const many = await scan({ ...common, dice: createDice(`long ${seed}`), count: Math.floor(count * 0.96), atOnce: 8 });
  const effects = await scanForEffects({
    ...common,
    dice: createDice(`effects ${seed}`),
    count: Math.floor(count * 0.04),
  });
  console.info(`Scan, seed ${seed}: ${toldScan(many)}; ${toldScan(effects)}.`);
  const bugs = cloud.log.filter((line) => line.includes('because of a bug')).map((line) => line.slice(0, 1_500));
  expect([...many.faults, ...effects.faults, ...bugs]).toEqual([]);
});
