import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../tests/fixtures/postgres.ts';
import { createAttempts } from './attempts.ts';
import { type CodeGuesses, createCodeGuesses, type Guess } from './codeGuesses.ts';

let database: TestDatabase;
let guesses: CodeGuesses;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  guesses = createCodeGuesses(createAttempts(database));
  await database.ownerSql('delete from attempt');
});

const stranger = (ip: string): Guess => ({ userId: 'u', ip, kind: 'time', knownAddress: false });

test('five wrong codes close an address for this account, and a right one before opens it again', async () => {
  for (const left of [4, 3, 2, 1]) expect(await guesses.count(stranger('1'))).toBe(left);
  await guesses.check(stranger('1'));
  await guesses.clear(stranger('1'));
  for (const left of [4, 3, 2, 1, 0]) expect(await guesses.count(stranger('1'))).toBe(left);
  await expect(guesses.check(stranger('1'))).rejects.toMatchObject({ code: 'rate.exceeded' });
  await guesses.check({ ...stranger('1'), userId: 'another' });
});

test('guesses from many addresses close the account to strangers, not to where it is known and not to recovery codes', async () => {
  for (let turn = 0; turn < 20; turn++) await guesses.count(stranger(String(turn)));
  await expect(guesses.check(stranger('a new one'))).rejects.toMatchObject({
    code: 'rate.exceeded',
    details: { retryAfterSeconds: expect.any(Number) },
  });
  await guesses.check({ ...stranger('home'), knownAddress: true });
  await guesses.check({ ...stranger('a new one'), kind: 'recovery' });
  await guesses.check({ ...stranger('a new one'), userId: 'another' });
});
