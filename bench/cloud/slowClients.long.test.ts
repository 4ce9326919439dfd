import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { buildAll } from '../../build/build.ts';
import { out } from '../../build/paths.ts';
import { createPeople } from '../../tests/fixtures/people.ts';
import { disappoint } from '../../tests/isolation/slowClients.ts';
import { startControlPlane } from './controlPlane.ts';
import { timesOf } from './measureSync.ts';

const seed = process.env.SLUICE_SEED ?? String(Date.now());
const CLIENTS = 10_000;
const AT_REST = 500;
/** Longer than the server waits for a head that does not come. */
const LET_GO_MS = 45_000;
/** Sockets that come and go by themselves: of the pool to the database, of those who ask. */
const SLACK = 30;

test('10,000 slow, half open and aborting clients end nothing, hold nothing, and the others are answered', async () => {
  await buildAll(['runtime', 'prisma', 'cloud']);
  mkdirSync(out, { recursive: true });
  const scratch = mkdtempSync(join(out, 'slow-'));
  chmodSync(scratch, 0o755);
  onTestFinished(() => rmSync(scratch, { recursive: true, force: true }));
  // In a process of its own: what would end it ends no test, and is seen.
  const plane = await startControlPlane(scratch, { REQUESTS_PER_MINUTE: '1000000' });
  onTestFinished(() => plane.stop());
  const person = await createPeople(plane).newPerson();
  let took: number[] = [];
  const call = async (method: string, path: string) => {
    const began = performance.now();
    const answer = await person.call(method, path);
    took.push(performance.now() - began);
    return answer;
  };
  for (let n = 0; n < AT_REST; n++) expect((await call('GET', '/v1/auth/whoami')).status).toBe(200);
  const alone = timesOf(took);
  const before = await plane.held();
  took = [];
  const statuses = await disappoint(plane, { ...person, call }, CLIENTS, seed);
  const among = timesOf(took);
  console.info(
    `${CLIENTS} disappointing clients, seed ${seed}; ${statuses.length} others answered meanwhile: p95 ${among.p95.toFixed(1)} ms, ` +
      `alone ${alone.p95.toFixed(1)} ms, ${(among.p95 / alone.p95).toFixed(2)} times that`,
  );
  expect(statuses.length).toBeGreaterThan(CLIENTS / 20);
  expect(new Set(statuses)).toEqual(new Set([200]));
  expect(plane.log().filter((line) => line.includes('because of a bug'))).toEqual([]);
  expect(plane.died()).toBeUndefined();
  expect((await fetch(`${plane.url}/readyz`)).status).toBe(200);
  await pause(LET_GO_MS);
  const after = await plane.held();
  console.info(`Handles ${before.handles} before, ${after.handles} after`);
  expect(after.handles - before.handles).toBeLessThanOrEqual(SLACK);
});
