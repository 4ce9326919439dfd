import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../tests/fixtures/postgres.ts';
import { type Database, openDatabase } from '../platform/database.ts';
import { type Attempts, createAttempts } from './attempts.ts';
import { createFailedSignIns, type PasswordGuess } from './failedSignIns.ts';

let database: TestDatabase;
const opened: Database[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.ownerSql('delete from attempt'));
afterAll(async () => {
  await Promise.all(opened.map((db) => db.close()));
  await database.close();
});

/** What one more process of the control plane has: connections of its own, and nothing in memory. */
function newProcess(): Attempts {
  const { owner, master } = database;
  const db = openDatabase({ connection: owner, passwordOf: (role) => master.derive(`postgres:${role}`), poolSize: 3 });
  opened.push(db);
  return createAttempts({ db, master });
}

const guess = (ip: string, knownAddress = false): PasswordGuess => ({ email: 'kim@example.com', ip, knownAddress });
/** A wrong password that takes as long to look at as a real one. @returns whether it was looked at at all */
async function guessIn(failed: ReturnType<typeof createFailedSignIns>, one: PasswordGuess): Promise<boolean> {
  return failed.inTurn(one, async () => {
    const isOpen = await failed.check(one).then(
      () => true,
      () => false,
    );
    if (!isOpen) return false;
    await sleep(5);
    await failed.count(one);
    return true;
  });
}

test('failures count in every process, and outlive the one they were counted in', async () => {
  const [a, b] = [createFailedSignIns(newProcess()), createFailedSignIns(newProcess())];
  expect([await a.count(guess('1')), await b.count(guess('1')), await a.count(guess('1'))]).toEqual([4, 3, 2]);
  await b.check(guess('1'));
  expect([await b.count(guess('1')), await a.count(guess('1'))]).toEqual([1, 0]);
  const later = createFailedSignIns(newProcess());
  for (const one of [a, b, later]) await expect(one.check(guess('1'))).rejects.toMatchObject({ code: 'rate.exceeded' });
  // Somebody else, and the same person elsewhere, go on; and so they do where a letter showed who they are.
  await later.check({ ...guess('1'), email: 'robin@example.com' });
  await later.check(guess('2', true));
  await later.trust('kim@example.com', '1');
  await a.check(guess('1'));
});

test('many guesses in the same moment are looked at no more often than guesses one after the other', async () => {
  const failed = createFailedSignIns(newProcess());
  const one = await Promise.all(Array.from({ length: 30 }, () => guessIn(failed, guess('198.51.100.1', true))));
  expect(one.filter(Boolean)).toHaveLength(5);
  const strangers = await Promise.all(
    Array.from({ length: 70 }, (_, n) => guessIn(failed, { ...guess(`203.0.113.${n}`), email: 'sam@example.com' })),
  );
  expect(strangers.filter(Boolean)).toHaveLength(20);
  // A home of IPv6 is one place, whatever address of it is used.
  const home = await Promise.all(
    Array.from({ length: 40 }, (_, n) =>
      guessIn(failed, { ...guess(`2001:db8::${n + 1}`), email: 'alex@example.com' }),
    ),
  );
  expect(home.filter(Boolean)).toHaveLength(5);
  console.log('Guesses: 120 in the same moment, 30 looked at');
});

test('several processes that are asked in the same moment look at one guess each beyond the limit at most', async () => {
  const processes = [newProcess(), newProcess(), newProcess()].map(createFailedSignIns);
  const all = processes.flatMap((one) => Array.from({ length: 20 }, () => guessIn(one, guess('198.51.100.2', true))));
  const looked = (await Promise.all(all)).filter(Boolean).length;
  expect(looked).toBeGreaterThanOrEqual(5);
  expect(looked).toBeLessThanOrEqual(5 + processes.length - 1);
});

test('what is counted names nobody, is seen by who names it alone, and goes when it counts no more', async () => {
  const attempts = newProcess();
  await createFailedSignIns(attempts).count(guess('198.51.100.3'));
  const rows = await database.ownerSql<{ key_hash: string }>('select * from attempt');
  expect(rows).toHaveLength(2);
  expect(JSON.stringify(rows)).not.toContain('kim');
  const seen = await database.db.withoutTenant((tx) => tx.attempt.count());
  expect(seen).toBe(0);
  expect(await attempts.of(['password', 'kim@example.com', '198.51.100.3'])).toEqual([
    { tries: 1, leftMs: expect.any(Number) },
  ]);

  await database.ownerSql("update attempt set until = now() - interval '1 second'");
  expect(await attempts.of(['password', 'kim@example.com', '198.51.100.3'])).toEqual([undefined]);
  expect(await attempts.add(['another'], 60)).toBe(1);
  expect(await database.ownerSql('select 1 from attempt')).toHaveLength(1);
});
