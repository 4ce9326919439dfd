import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Secret } from '#shared/log.ts';
import { createTestDatabase, newWorkspace, type TestDatabase } from '../../tests/fixtures/postgres.ts';
import { createMasterKey, createSecrets, loadMasterKey } from './secrets.ts';

let database: TestDatabase;
let scope: { workspaceId: string };
beforeAll(async () => {
  database = await createTestDatabase();
  scope = await newWorkspace(database);
});
afterAll(() => database.close());

const place = () => ({ workspaceId: scope.workspaceId, table: 'connection', row: 'r1', column: 'ciphertext' });

test('what was sealed opens in its place, and the text is not in what is stored', async () => {
  const { db, secrets } = database;
  const sealed = await db.withWorkspace(scope, (tx) => secrets.seal(tx, place(), 'a token'));
  expect(Buffer.from(sealed.ciphertext).includes('a token')).toBe(false);
  const opened = await db.withWorkspace(scope, (tx) => secrets.open(tx, place(), sealed));
  expect(opened.toString()).toBe('a token');
});

test('moved to another row, column, table or workspace, or changed by a bit, it does not open', async () => {
  const { db, secrets } = database;
  const sealed = await db.withWorkspace(scope, (tx) => secrets.seal(tx, place(), 'a token'));
  const other = await newWorkspace(database);
  const changed = new Uint8Array(sealed.ciphertext);
  changed[20] = (changed[20] ?? 0) ^ 1;
  const attempts = [
    [{ ...place(), row: 'r2' }, sealed],
    [{ ...place(), column: 'metadata' }, sealed],
    [{ ...place(), table: 'run' }, sealed],
    [{ ...place(), workspaceId: other.workspaceId }, sealed],
    [place(), { ...sealed, ciphertext: changed }],
  ] as const;
  for (const [where, what] of attempts) {
    await expect(
      db.withWorkspace({ workspaceId: where.workspaceId }, (tx) => secrets.open(tx, where, what)),
    ).rejects.toMatchObject({ code: 'store.failed' });
  }
});

test('after a rotation new values use the new key and old values still open', async () => {
  const { db, secrets } = database;
  await db.withWorkspace(scope, async (tx) => {
    const before = await secrets.seal(tx, place(), 'old');
    const version = await secrets.rotateKey(tx, scope.workspaceId);
    const after = await secrets.seal(tx, place(), 'new');
    expect([before.keyVersion, after.keyVersion]).toEqual([version - 1, version]);
    expect((await secrets.open(tx, place(), before)).toString()).toBe('old');
    expect((await secrets.open(tx, place(), after)).toString()).toBe('new');
  });
});

test('another master key opens nothing', async () => {
  const { db, secrets } = database;
  const sealed = await db.withWorkspace(scope, (tx) => secrets.seal(tx, place(), 'a token'));
  const stranger = createSecrets(createMasterKey(Buffer.alloc(32, 7)));
  await expect(db.withWorkspace(scope, (tx) => stranger.open(tx, place(), sealed))).rejects.toMatchObject({
    code: 'store.failed',
  });
});

test('the key file is made once, for its owner only, and a bad setting is refused without being shown', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-keys-'));
  try {
    const first = loadMasterKey(folder);
    expect(statSync(join(folder, 'keys', 'master.key')).mode & 0o777).toBe(0o600);
    expect(loadMasterKey(folder).derive('x')).toBe(first.derive('x'));
    expect(first.derive('x')).not.toBe(first.derive('y'));
    expect(() => loadMasterKey(folder, new Secret('too short'))).toThrow(
      expect.objectContaining({ code: 'config.invalid', message: expect.not.stringContaining('too short') }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
