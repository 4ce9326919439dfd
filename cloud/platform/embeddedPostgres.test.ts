import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ConnectionInfo, startEmbeddedPostgres } from './embeddedPostgres.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'sluice-pg-'));
  chmodSync(dataDir, 0o755);
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

async function query(connection: ConnectionInfo, text: string) {
  const client = new pg.Client(connection);
  await client.connect();
  const { rows } = await client.query(text);
  await client.end();
  return rows;
}

test('what was written is there after a stop and another start', async () => {
  const first = await startEmbeddedPostgres({ dataDir, ownerPassword: 'one' });
  await query(first.connection, 'create table kept as select 42 as n');
  await first.stop();
  await expect(query(first.connection, 'select 1')).rejects.toThrow();
  const second = await startEmbeddedPostgres({ dataDir, ownerPassword: 'one' });
  expect(await query(second.connection, 'select n from kept')).toEqual([{ n: 42 }]);
  await second.stop();
  expect(existsSync(join(dataDir, 'postgres.owner'))).toBe(false);
});

test('a Postgres whose control plane was killed is stopped, and its data recovered', async () => {
  const script = `
    import { startEmbeddedPostgres } from ${JSON.stringify(new URL('./embeddedPostgres.ts', import.meta.url).href)};
    const { connection } = await startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)}, ownerPassword: 'one' });
    console.log(JSON.stringify(connection));
    setInterval(() => undefined, 1000);`;
  const file = join(dataDir, 'start.mjs');
  writeFileSync(file, script);
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const connection = JSON.parse(line.toString()) as ConnectionInfo;
  await query(connection, 'create table kept as select 1 as n');
  await expect(startEmbeddedPostgres({ dataDir, ownerPassword: 'one' })).rejects.toMatchObject({
    code: 'config.invalid',
    message: expect.stringContaining(`process ${child.pid}`),
  });
  child.kill('SIGKILL');
  await once(child, 'exit');
  const orphan = Number(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]);
  const recovered = await startEmbeddedPostgres({ dataDir, ownerPassword: 'one' });
  expect(await query(recovered.connection, 'select n from kept')).toEqual([{ n: 1 }]);
  expect(() => process.kill(orphan, 0)).toThrow();
  await recovered.stop();
});

test('a stale postmaster.pid of a process that is not Postgres is cleared, and that process left alone', async () => {
  const first = await startEmbeddedPostgres({ dataDir, ownerPassword: 'one' });
  await first.stop();
  const bystander = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], { stdio: 'ignore' });
  writeFileSync(join(dataDir, 'postgres', 'postmaster.pid'), `${bystander.pid}\n`);
  const second = await startEmbeddedPostgres({ dataDir, ownerPassword: 'one' });
  expect(await query(second.connection, 'select 1 as n')).toEqual([{ n: 1 }]);
  await second.stop();
  expect(bystander.exitCode).toBeNull();
  bystander.kill();
});

test('another master key is told apart from a broken database', async () => {
  const first = await startEmbeddedPostgres({ dataDir, ownerPassword: 'one' });
  await first.stop();
  await expect(startEmbeddedPostgres({ dataDir, ownerPassword: 'two' })).rejects.toMatchObject({
    code: 'config.invalid',
  });
  const again = await startEmbeddedPostgres({ dataDir, ownerPassword: 'one' });
  await again.stop();
});

test.skipIf(process.getuid?.() !== 0)(
  'a folder that the user of Postgres cannot enter is refused with advice (needs root)',
  async () => {
    chmodSync(dataDir, 0o700);
    await expect(startEmbeddedPostgres({ dataDir, ownerPassword: 'one' })).rejects.toMatchObject({
      code: 'config.invalid',
      message: expect.stringContaining(dataDir),
      advice: expect.stringContaining('SLUICE_DATA'),
    });
  },
);
