import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startEmbeddedPostgres } from '../cloud/platform/embeddedPostgres.ts';
import { schemaDiff } from '../cloud/platform/migrate.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/**
 * Writes the migration from the schema that is committed to the schema as it is now: `node build/authorMigration.ts add_labels`.
 * Read it before you commit it: row-level security, grants and triggers of a new table are written by hand.
 */
async function authorMigration(name: string): Promise<string | undefined> {
  const before = execFileSync('git', ['show', 'HEAD:prisma/schema.prisma'], { cwd: root, encoding: 'utf8' });
  const after = readFileSync(join(root, 'prisma', 'schema.prisma'), 'utf8');
  // The engine wants a server to talk to, although it changes nothing there.
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-author-'));
  await chmod(dataDir, 0o755);
  const cluster = await startEmbeddedPostgres({ dataDir, ownerPassword: 'unused' });
  try {
    const sql = (await schemaDiff(cluster.connection, after, before)).trim();
    if (sql === '' || sql === '-- This is an empty migration.') return undefined;
    const stamp = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
    const folder = join(root, 'prisma', 'migrations', `${stamp}_${name}`);
    mkdirSync(folder);
    writeFileSync(join(folder, 'migration.sql'), `BEGIN;\n\n${sql}\n\nCOMMIT;\n`);
    return folder;
  } finally {
    await cluster.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const name = process.argv[2] ?? '';
  if (!/^[a-z][a-z0-9_]{2,60}$/.test(name)) {
    console.error('Say what the migration does, in snake case: node build/authorMigration.ts add_labels');
    process.exit(2);
  }
  console.log((await authorMigration(name)) ?? 'The schema has not changed since the last commit.');
}
