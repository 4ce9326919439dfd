import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Json } from '#shared/json.ts';
import { createTestDatabase, newWorkspace, type TestDatabase } from '../../tests/fixtures/postgres.ts';
import { createIdempotency, type Idempotency } from './idempotency.ts';

const HOUR = 3_600_000;
let database: TestDatabase;
let userId: string;
let idempotency: Idempotency;
let now = new Date('2026-11-21T08:00:00Z');
let done = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  userId = (await newWorkspace(database)).userId;
  idempotency = createIdempotency({ db: database.db, clock: { now: () => now } });
});
afterAll(() => database?.close());

const ask = (key: string, input: Json = { by: 1 }, more: { userId?: string; route?: string } = {}) =>
  idempotency({ userId, key, route: 'gates.open', input, ...more }, async () => ({ done: ++done }));
const passes = (ms: number) => {
  now = new Date(now.getTime() + ms);
};

test('an answer is kept for 24 hours, and after them the key is a new one', async () => {
  const first = await ask('day');
  passes(24 * HOUR - 1_000);
  expect(await ask('day')).toEqual(first);
  passes(2_000);
  expect(await ask('day', { by: 2 })).toEqual({ done });
  expect(done).toBe(2);
});

test('a key is of one request: another body, call or workspace is refused, another person has keys of their own', async () => {
  const first = await ask('one', { b: 1, a: [1, 2] });
  for (const other of [ask('one', { b: 1, a: [2, 1] }), ask('one', { b: 1, a: [1, 2] }, { route: 'gates.close' })])
    await expect(other).rejects.toMatchObject({ code: 'request.key_reused', status: 422 });
  // The same body is the same in whatever order its fields stand.
  expect(await ask('one', { a: [1, 2], b: 1 })).toEqual(first);
  const { userId: somebody } = await newWorkspace(database);
  expect(await ask('one', { b: 1, a: [1, 2] }, { userId: somebody })).toEqual({ done });
  expect(done).toBe((first as { done: number }).done + 1);
});

test('while the first is at work the second is told to wait, and where the first died, the key is free after a minute', async () => {
  let finish: (answer: Json) => void = () => undefined;
  const request = { userId, key: 'slow', route: 'gates.open', input: { by: 1 } };
  const began = new Promise<void>((begun) => {
    void idempotency(request, () => {
      begun();
      return new Promise<Json>((resolve) => {
        finish = resolve;
      });
    });
  });
  await began;
  await expect(ask('slow')).rejects.toMatchObject({
    code: 'service.unavailable',
    details: { retryAfterSeconds: expect.any(Number) },
  });
  passes(61_000);
  const taken = await ask('slow');
  expect(taken).toEqual({ done });
  finish({ done: -1 });
});

test('what is done is answered, also where its answer cannot be kept', async () => {
  const { db } = database;
  let refuse = false;
  const forgetful = createIdempotency({
    db: {
      ...db,
      withUser: (id, work) => (refuse ? Promise.reject(new Error('The database is away.')) : db.withUser(id, work)),
    },
    clock: { now: () => now },
  });
  const request = { userId, key: 'away', route: 'gates.open', input: { by: 1 } };
  const answer = await forgetful(request, async () => {
    refuse = true;
    return { done: 'yes' };
  });
  expect(answer).toEqual({ done: 'yes' });
  // A refusal stays what it is, too.
  refuse = false;
  const refused = forgetful({ ...request, key: 'refused' }, async () => {
    refuse = true;
    throw new RangeError('not this one');
  });
  await expect(refused).rejects.toThrow('not this one');
});

test('a key is visible ASCII of some length', async () => {
  for (const key of ['', ' ', 'a b', 'é', 'x'.repeat(201), 'a\n'])
    await expect(ask(key)).rejects.toMatchObject({ code: 'request.invalid' });
  expect(await ask('x'.repeat(200))).toEqual({ done });
});
