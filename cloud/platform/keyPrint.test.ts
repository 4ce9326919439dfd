import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../tests/fixtures/postgres.ts';
import { ensureSameKey } from './keyPrint.ts';
import { createMasterKey } from './secrets.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database?.close());

test('a database is kept to the master key that it began with', async () => {
  const [first, other] = [createMasterKey(randomBytes(32)), createMasterKey(randomBytes(32))];
  await ensureSameKey(database.owner, first);
  const said = async () =>
    (await database.ownerSql<{ said: string }>(`select obj_description('workspace_key'::regclass) as said`))[0]?.said;
  const before = await said();
  await expect(ensureSameKey(database.owner, other)).rejects.toMatchObject({
    code: 'config.invalid',
    advice: expect.stringContaining('SLUICE_MASTER_KEY'),
  });
  expect(await said()).toBe(before);
  await ensureSameKey(database.owner, first);
});
