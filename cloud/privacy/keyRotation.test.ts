import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, newWorkspace, type TestDatabase } from '../../tests/fixtures/postgres.ts';
import type { Sealed, SealedPlace } from '../platform/secrets.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

const OPERATIONS = 60;
const ROTATIONS = 10;

test('while keys are rotated nothing fails to be sealed or opened, and every older value still opens', async () => {
  const { db, secrets, ownerSql } = database;
  const actor = await newWorkspace(database);
  const { workspaceId } = actor;
  const kept: { place: SealedPlace; sealed: Sealed; text: string }[] = [];
  let failed = 0;
  const sealAndOpen = async (n: number) => {
    const place = { workspaceId, table: 'connection', row: randomUUID(), column: 'ciphertext' };
    const text = `secret ${n}`;
    try {
      const sealed = await db.withWorkspace(actor, (tx) => secrets.seal(tx, place, text));
      const opened = await db.withWorkspace(actor, (tx) => secrets.open(tx, place, sealed));
      if (opened.toString() !== text) failed++;
      kept.push({ place, sealed, text });
    } catch {
      failed++;
    }
  };
  let rotated = 0;
  const rotate = async () => {
    for (; rotated < ROTATIONS; rotated++) await db.withWorkspace(actor, (tx) => secrets.rotateKey(tx, workspaceId));
  };
  await Promise.all([rotate(), ...Array.from({ length: OPERATIONS }, (_, n) => sealAndOpen(n))]);
  // With the last key, whatever turn each of the others had.
  await sealAndOpen(OPERATIONS);
  const opened = await db.withWorkspace(actor, async (tx) => {
    let right = 0;
    for (const { place, sealed, text } of kept) {
      if ((await secrets.open(tx, place, sealed)).toString() === text) right++;
    }
    return right;
  });
  expect({ failed, rotated, opened }).toEqual({ failed: 0, rotated: ROTATIONS, opened: OPERATIONS + 1 });
  expect(kept.at(-1)?.sealed.keyVersion).toBe(ROTATIONS + 1);
  console.log(`keys: ${OPERATIONS + 1} values sealed and opened during ${ROTATIONS} rotations, ${failed} failed`);

  // Without its keys nothing of the workspace opens: a backup of a workspace that was purged is worthless.
  await ownerSql('delete from workspace_key where workspace_id = $1', [workspaceId]);
  const [one] = kept;
  if (!one) return expect.fail('nothing was kept');
  const open = () => db.withWorkspace(actor, (tx) => secrets.open(tx, one.place, one.sealed));
  await expect(open()).rejects.toMatchObject({ code: 'store.failed' });
});
