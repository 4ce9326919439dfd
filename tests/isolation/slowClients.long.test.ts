import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Person, startTestCloud, type TestCloud } from '../fixtures/cloud.ts';
import { disappoint } from './slowClients.ts';

const seed = process.env.SLUICE_SEED ?? String(Date.now());
let cloud: TestCloud;
let person: Person;
beforeAll(async () => {
  cloud = await startTestCloud({ REQUESTS_PER_MINUTE: '1000000' });
  person = await cloud.newPerson();
});
afterAll(() => cloud?.stop());

test('10,000 slow, half open and aborting clients end nothing, and the others are answered', async () => {
  const statuses = await disappoint(cloud, person, 10_000, seed);
  console.info(`10,000 disappointing clients, seed ${seed}; ${statuses.length} others answered meanwhile.`);
  expect(new Set(statuses)).toEqual(new Set([200]));
  expect(cloud.log.filter((line) => line.includes('because of a bug'))).toEqual([]);
  expect((await fetch(`${cloud.url}/readyz`)).status).toBe(200);
});
