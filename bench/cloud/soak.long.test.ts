import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { buildAll } from '../../build/build.ts';
import { out } from '../../build/paths.ts';
import { createDice } from '../../tests/fuzz/dice.ts';
import { type Answers, askAtPace } from './askAtPace.ts';
import { createCaller, openFeeds } from './connections.ts';
import { startControlPlane } from './controlPlane.ts';
import { summed } from './measureControl.ts';
import { makeTenants } from './tenants.ts';

const MIB = 1_048_576;
const MINUTES = Number(process.env.SLUICE_SOAK_MINUTES ?? 10);
const WORKSPACES = Number(process.env.SLUICE_SOAK_WORKSPACES ?? 100);
const CONNECTIONS = Number(process.env.SLUICE_SOAK_CONNECTIONS ?? 1_000);
const PER_SECOND = Number(process.env.SLUICE_SOAK_PER_SECOND ?? 50);
const seed = process.env.SLUICE_SEED ?? String(Date.now());

/** Until caches are as large as they become, and each statement is prepared on each connection. */
const WARM_SECONDS = Math.min(120, MINUTES * 15);
const STRETCHES = 10;
/** Longer than idle connections are kept. */
const IDLE_MS = 12_000;
/** Sockets that come and go by themselves. */
const SLACK = 10;

test.runIf(process.platform === 'linux')(
  'many workspaces and connections for as long as one likes: hardly an error, no memory and no handle that stays (needs Linux)',
  async () => {
    await buildAll(['runtime', 'prisma', 'cloud']);
    mkdirSync(out, { recursive: true });
    const scratch = mkdtempSync(join(out, 'soak-'));
    chmodSync(scratch, 0o755);
    onTestFinished(() => rmSync(scratch, { recursive: true, force: true }));
    const plane = await startControlPlane(scratch);
    onTestFinished(() => plane.stop());
    const tenants = await makeTenants(plane, WORKSPACES, () => undefined);
    await pause(IDLE_MS);
    const atRest = await plane.held();
    const feeds = await openFeeds(plane, tenants, CONNECTIONS);
    const caller = createCaller(plane);
    const dice = createDice(seed);
    const all: Answers[] = [await askAtPace(caller, tenants, dice, { perSecond: PER_SECOND, seconds: WARM_SECONDS })];
    /** Minutes since the start, and what was held. */
    const seen: { at: number; heapMiB: number; handles: number }[] = [];
    const began = performance.now();
    const look = async () => {
      await pause(IDLE_MS);
      const { heapBytes, handles } = await plane.held();
      seen.push({ at: (performance.now() - began) / 60_000, heapMiB: heapBytes / MIB, handles });
    };
    await look();
    for (let n = 0; n < STRETCHES; n++) {
      const seconds = (MINUTES * 60) / STRETCHES;
      all.push(await askAtPace(caller, tenants, dice, { perSecond: PER_SECOND, seconds }));
      await look();
    }
    const stillOpen = feeds.open();
    caller.close();
    await feeds.close();
    await pause(IDLE_MS);
    const gone = await plane.held();

    const { requests, errors, classes } = summed(together(all));
    const slope = slopeOf(seen.map(({ at, heapMiB }) => [at, heapMiB]));
    const handles = seen.map((one) => one.handles);
    console.info(
      `${MINUTES} min, ${WORKSPACES} workspaces, ${CONNECTIONS} connections, seed ${seed}: ${requests} requests, ` +
        `${(errors.share * 100).toFixed(3)} % failed ${JSON.stringify(errors.what)}; heap ${slope.toFixed(2)} MiB a minute ` +
        `(${seen.map(({ heapMiB }) => heapMiB.toFixed(0)).join(', ')}); handles at rest ${atRest.handles}, then ` +
        `${handles.join(', ')}, at the end ${gone.handles}; p95 ms ${classes.map(({ is, p95 }) => `${is} ${p95.toFixed(0)}`).join(', ')}`,
    );
    expect(plane.died()).toBeUndefined();
    expect(requests).toBeGreaterThan(0);
    expect(errors.share).toBeLessThanOrEqual(0.001);
    expect(stillOpen).toBe(CONNECTIONS);
    expect(slope).toBeLessThanOrEqual(1);
    // They are counted at all: the connections of the desktops are among them.
    expect(handles[0]).toBeGreaterThanOrEqual(CONNECTIONS);
    expect(Math.max(...handles) - Math.min(...handles)).toBeLessThanOrEqual(SLACK);
    expect(gone.handles - atRest.handles).toBeLessThanOrEqual(SLACK);
  },
);

function together(all: readonly Answers[]): Answers {
  const sum: Answers = { times: new Map(), byName: new Map(), asked: 0, errors: [], lateMs: [] };
  for (const one of all) {
    for (const [is, times] of one.times) sum.times.set(is, [...(sum.times.get(is) ?? []), ...times]);
    sum.asked += one.asked;
    sum.errors.push(...one.errors);
    sum.lateMs.push(...one.lateMs);
  }
  return sum;
}

/** How fast the second grows with the first, by least squares. */
function slopeOf(points: readonly (readonly [number, number])[]): number {
  const mean = (pick: (point: readonly [number, number]) => number) =>
    points.reduce((sum, point) => sum + pick(point), 0) / points.length;
  const [x, y] = [mean(([at]) => at), mean(([, value]) => value)];
  const above = points.reduce((sum, [at, value]) => sum + (at - x) * (value - y), 0);
  return above / points.reduce((sum, [at]) => sum + (at - x) ** 2, 0);
}
