import { createHash, randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../tests/fixtures/postgres.ts';
import {
  applyMigrations,
  migrationNames,
  migrationSql,
  prismaFolder,
  schemaDiff,
  setRolePasswords,
} from './migrate.ts';
import { createMasterKey } from './secrets.ts';

let migrated: TestDatabase;
let empty: TestDatabase;
beforeAll(async () => {
  [migrated, empty] = await Promise.all([createTestDatabase(), createTestDatabase({ migrated: false })]);
});
afterAll(() => Promise.all([migrated.close(), empty.close()]));

test('every migration is applied once, and its file is the one that was applied', async () => {
  const rows = await migrated.ownerSql<{ migration_name: string; checksum: string; done: boolean }>(
    'select migration_name, checksum, finished_at is not null as done from _prisma_migrations order by migration_name',
  );
  const files = migrationNames().map((name) => ({
    migration_name: name,
    checksum: createHash('sha256').update(migrationSql(name)).digest('hex'),
    done: true,
  }));
  expect(rows).toEqual(files);
  expect(await applyMigrations(migrated.owner)).toEqual([]);
});

test('an owner that may not give our roles their passwords is told so in words, and one that may has nothing to do', async () => {
  const name = `somebody_${randomBytes(6).toString('hex')}`;
  await migrated.ownerSql(`create role ${name} login createrole password 'none'`);
  try {
    const somebody = { ...migrated.owner, user: name, password: 'none' };
    await expect(setRolePasswords(somebody, () => 'another')).rejects.toMatchObject({
      code: 'config.invalid',
      message: expect.stringContaining('sluice_app'),
      advice: expect.stringContaining('docs/self-hosting.md'),
    });
  } finally {
    await migrated.ownerSql(`drop role ${name}`);
  }
  const master = createMasterKey(Buffer.from(migrated.masterKey, 'hex'));
  await setRolePasswords(migrated.owner, (role) => master.derive(`postgres:${role}`));
});

test('every migration is one transaction and destroys nothing', () => {
  for (const name of migrationNames()) {
    const statements = migrationSql(name).replace(/--.*$/gm, '').trim();
    expect(statements, name).toMatch(/^BEGIN;[\s\S]*COMMIT;$/);
    expect(statements, name).not.toMatch(/\b(TRUNCATE\s+(TABLE\s+)?"|DROP\s+TABLE|DROP\s+COLUMN)/i);
  }
});

test('the migrated tables are those of the schema', async () => {
  const schema = readFileSync(join(prismaFolder(), 'schema.prisma'), 'utf8');
  await empty.ownerSql(await schemaDiff(empty.owner, schema));
  const columns = `select table_name, column_name, data_type, udt_name, is_nullable, column_default, datetime_precision
    from information_schema.columns where table_schema = 'public' and table_name <> '_prisma_migrations' order by 1, 2`;
  expect(await migrated.ownerSql(columns)).toEqual(await empty.ownerSql(columns));
  // Partial indexes and checks have no words in the schema, and are in the migrations only.
  const indexes = `select indexname, indexdef from pg_indexes where schemaname = 'public' and tablename <> '_prisma_migrations'
    and indexdef not like '% WHERE %' order by 1`;
  expect(await migrated.ownerSql(indexes)).toEqual(await empty.ownerSql(indexes));
  // When a key is checked has no word in the schema either.
  const constraints = `select conname, replace(pg_get_constraintdef(oid), ' DEFERRABLE INITIALLY DEFERRED', '') as def from pg_constraint where connamespace = 'public'::regnamespace
    and contype in ('p', 'u', 'f') and conrelid::regclass::text <> '_prisma_migrations' order by 1`;
  expect(await migrated.ownerSql(constraints)).toEqual(await empty.ownerSql(constraints));
  const enums = `select t.typname, array_agg(e.enumlabel::text order by e.enumsortorder) as labels
    from pg_type t join pg_enum e on e.enumtypid = t.oid group by 1 order by 1`;
  expect(await migrated.ownerSql(enums)).toEqual(await empty.ownerSql(enums));
});

test('a migration that fails leaves nothing behind and says which one it was', async () => {
  const broken = await createTestDatabase();
  const folder = mkdtempSync(join(tmpdir(), 'sluice-migrations-'));
  try {
    cpSync(prismaFolder(), folder, { recursive: true });
    mkdirSync(join(folder, 'migrations', '29990101000000_broken'));
    const sql = 'BEGIN;\nCREATE TABLE half_done (id int);\nSELECT * FROM no_such_table;\nCOMMIT;\n';
    writeFileSync(join(folder, 'migrations', '29990101000000_broken', 'migration.sql'), sql);
    await expect(applyMigrations(broken.owner, folder)).rejects.toMatchObject({
      code: 'store.failed',
      message: expect.stringContaining('29990101000000_broken'),
    });
    expect(await broken.ownerSql("select to_regclass('half_done')::text as found")).toEqual([{ found: null }]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await broken.close();
  }
});
