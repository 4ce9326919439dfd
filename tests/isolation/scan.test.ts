import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { allCapabilities } from '../../cloud/server/capabilities.ts';
import type { Routes } from '../../cloud/server/routes.ts';
import { startTestCloud, type TestCloud } from '../fixtures/cloud.ts';
import { createDice } from '../fuzz/dice.ts';
import { canBeScanned, faultOf, scan, scanForEffects, toldScan } from './scan.ts';
import { type Asker, makeWorld, must, rowsOf, type World } from './world.ts';

const seed = process.env.SLUICE_SEED ?? String(Date.now());
let cloud: TestCloud;
let routes: Routes;
let world: World;
let owner: Asker;
let strangers: Asker[];

beforeAll(async () => {
  cloud = await startTestCloud({ RESETS_PER_HOUR: '100000' }, (platform) => {
    routes = platform.routes;
    return allCapabilities(platform);
  });
  world = await makeWorld(cloud, 'amber');
  const stranger = await cloud.newPerson('stranger');
  const headers = (token: string) => ({ authorization: `Bearer ${token}`, 'sluice-workspace': world.workspaceId });
  owner = { name: 'owner', headers: headers(world.owner.accessToken) };
  strangers = [
    { name: 'stranger', headers: headers(stranger.accessToken) },
    {
      name: 'stranger at home',
      headers: { ...headers(stranger.accessToken), 'sluice-workspace': stranger.workspaceId },
    },
    { name: 'signed out', headers: {} },
  ];
}, 300_000);
afterAll(() => cloud?.stop());

const targets = () => routes.list().filter(canBeScanned);
const bugs = () => cloud.log.filter((line) => line.includes('because of a bug')).map((line) => line.slice(0, 1_500));

test('whatever strangers send, nothing breaks, and nothing of the workspace changes', {
  timeout: 300_000,
}, async () => {
  const before = await rowsOf(cloud, world.workspaceId);
  const dice = createDice(`strangers ${seed}`);
  const result = await scan({ cloud, routes: targets(), world, askers: strangers, dice, count: 400, atOnce: 6 });
  console.log(`Scan by strangers, seed ${seed}: ${toldScan(result)}.`);
  expect([...result.faults, ...bugs()]).toEqual([]);
  expect(await rowsOf(cloud, world.workspaceId)).toEqual(before);
});

test('what the owner is refused leaves nothing behind, and what is done is found', { timeout: 300_000 }, async () => {
  const dice = createDice(`owner ${seed}`);
  const result = await scanForEffects({ cloud, routes: targets(), world, askers: [owner], dice, count: 80 });
  console.log(`Scan by the owner, seed ${seed}: ${toldScan(result)}.`);
  expect([...result.faults, ...bugs()]).toEqual([]);
  // The control: what is done is seen.
  const before = await rowsOf(cloud, world.workspaceId);
  await must(world.owner.call('PUT', `/v1/projects/${world.ids.projectId}/environments/control`, {}));
  expect(await rowsOf(cloud, world.workspaceId)).not.toEqual(before);
  expect((await fetch(`${cloud.url}/readyz`)).status).toBe(200);
});

test('control: a server that refuses and writes is found out, one that only refuses is not', async () => {
  let writes = true;
  const careless = createServer(async (req, res) => {
    req.resume();
    const { projectId } = world.ids;
    if (writes) {
      const more = `jsonb_build_object('asked', coalesce((metadata->>'asked')::int, 0) + 1)`;
      await cloud.database.ownerSql(`update project set metadata = ${more} where id = $1`, [projectId]);
    }
    const problem = JSON.stringify({ code: 'request.invalid', requestId: '1' });
    res.writeHead(422, { 'content-type': 'application/problem+json' }).end(problem);
  });
  await new Promise<void>((done) => careless.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${(careless.address() as AddressInfo).port}`;
  const route = targets().filter(({ name }) => name === 'projects.head');
  const look = () =>
    scanForEffects({
      cloud: { ...cloud, url },
      routes: route,
      world,
      askers: [owner],
      dice: createDice(`careless ${seed}`),
      count: 2,
    });
  expect((await look()).faults).toEqual([expect.stringMatching(/left something in project/), expect.anything()]);
  writes = false;
  expect((await look()).faults).toEqual([]);
  await new Promise((done) => careless.close(done));
});

test('control: a fault would be seen', () => {
  const shot = { route: 'x', method: 'GET', path: '/', headers: {}, body: undefined };
  const problem = { 'content-type': 'application/problem+json' };
  const good = JSON.stringify({ code: 'request.invalid', requestId: '1' });
  expect(faultOf(shot, { status: 422, headers: problem, text: good })).toBeUndefined();
  expect(faultOf(shot, { status: 500, headers: problem, text: good })).toMatch(/^broke/);
  expect(faultOf(shot, { status: 422, headers: { 'content-type': 'text/plain' }, text: 'no' })).toMatch(
    /^is no problem/,
  );
  expect(faultOf(shot, { status: 422, headers: problem, text: '{"code":"x","requestId":"1"}' })).toMatch(
    /^names no code/,
  );
  expect(faultOf(shot, { status: 422, headers: problem, text: 'at fn (/cloud/x.ts)' })).toMatch(/^shows the inside/);
});
