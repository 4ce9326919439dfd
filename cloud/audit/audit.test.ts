import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, newWorkspace, type TestDatabase } from '../../tests/fixtures/postgres.ts';
import { findTampering } from './auditStore.ts';
import { recordAudit } from './recordAudit.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

const record = (n: number) => ({
  action: 'connection.create',
  resource: 'connection',
  resourceId: `c${n}`,
  metadata: { n, note: 'Grüße', nested: { b: 1, a: [null] } },
});

/** A way round the trigger that a thief of the owner's password would have. */
async function tamper(text: string, values: unknown[]): Promise<void> {
  await database.ownerSql('alter table audit_entry disable trigger append_only');
  await database.ownerSql(text, values);
  await database.ownerSql('alter table audit_entry enable trigger append_only');
}

test('entries made at once, by Prisma and by SQL, form one chain without a gap', async () => {
  const actor = await newWorkspace(database);
  const kinds = Array.from({ length: 12 }, (_, n) =>
    n % 2
      ? database.db.withWorkspace(actor, (tx) => recordAudit(tx, actor, record(n)))
      : database.db.withWorkspaceSql(actor, (sql) => recordAudit(sql, actor, record(n))),
  );
  await Promise.all(kinds);
  const rows = await database.ownerSql<{ seq: number }>(
    'select seq from audit_entry where workspace_id = $1 order by seq',
    [actor.workspaceId],
  );
  expect(rows.map((row) => row.seq)).toEqual(Array.from({ length: 13 }, (_, n) => n + 1));
  expect(await findTampering(database.db, actor)).toBeUndefined();
});

test('an entry stays away with the transaction that it belongs to', async () => {
  const actor = await newWorkspace(database);
  const failing = database.db.withWorkspace(actor, async (tx) => {
    await recordAudit(tx, actor, record(1));
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  expect(
    await database.ownerSql('select 1 from audit_entry where workspace_id = $1 and seq > 1', [actor.workspaceId]),
  ).toEqual([]);
});

test('changing or deleting an entry is refused, also to the owner', async () => {
  const actor = await newWorkspace(database);
  await expect(
    database.ownerSql("update audit_entry set action = 'x' where workspace_id = $1", [actor.workspaceId]),
  ).rejects.toMatchObject({ code: '23001' });
  await expect(
    database.ownerSql('delete from audit_entry where workspace_id = $1', [actor.workspaceId]),
  ).rejects.toMatchObject({ code: '23001' });
  await expect(database.db.withWorkspace(actor, (tx) => tx.auditEntry.deleteMany())).rejects.toThrow(
    /permission denied/,
  );
});

test.each([
  ['changed', `update audit_entry set metadata = '{"n": 99}' where workspace_id = $1 and seq = 3`],
  ['moved in time', `update audit_entry set at = at + interval '1 second' where workspace_id = $1 and seq = 3`],
  ['given to somebody else', `update audit_entry set actor_name = 'Mallory' where workspace_id = $1 and seq = 3`],
  ['taken out', 'delete from audit_entry where workspace_id = $1 and seq = 3'],
])('an entry that was %s by somebody who can is found', async (_how, text) => {
  const actor = await newWorkspace(database);
  await database.db.withWorkspace(actor, async (tx) => {
    for (let n = 0; n < 4; n++) await recordAudit(tx, actor, record(n));
  });
  expect(await findTampering(database.db, actor)).toBeUndefined();
  await tamper(text, [actor.workspaceId]);
  expect(await findTampering(database.db, actor)).toBe(text.startsWith('delete') ? 4 : 3);
});
