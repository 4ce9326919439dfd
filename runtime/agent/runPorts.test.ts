import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { memoryBlobs } from '../journal/memoryBlobs.ts';
import { createRunPorts } from './runPorts.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'run-ports-'));
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));
const sandbox = { run: () => Promise.reject(new Error('no scripts')), close: () => Promise.resolve() };
const place = (name: string) => ({
  projectId: '0199f2c4-5d1e-7a3b-9c40-6f2b8e1d7a55',
  environment: { name, vars: {} },
});
const open = (storageBytes?: number) =>
  createRunPorts({ dataDir, blobs: memoryBlobs(), sandbox, storageBytes: () => storageBytes });
const { signal } = new AbortController();
const bytes = (text: string) => new TextEncoder().encode(text);

test('each environment has files and databases of its own, which are there after a restart', async () => {
  const first = open();
  const { files, sql } = first.portsFor(place('local'));
  const folder = join(dataDir, 'projects', place('local').projectId, 'local');
  expect(existsSync(join(folder, 'files'))).toBe(false);
  await files.save('a.txt', bytes('one'), { how: 'create', effectKey: 'k1' });
  const make = { file: 'app.db', access: 'write' as const, statements: [{ sql: 'CREATE TABLE t (n)', params: [] }] };
  await sql?.run(make, { stepId: 's', effectKey: 'k2', signal });
  expect(await first.portsFor(place('production')).files.list('')).toEqual([]);
  await first.close();
  const second = open();
  expect((await second.portsFor(place('local')).files.list('')).map(({ path }) => path)).toEqual(['a.txt', 'app.db']);
  await second.close();
});

test('what a project keeps is on disk from the first thing it keeps, and there after a restart', async () => {
  const first = open();
  const { store } = first.portsFor(place('keeping'));
  const file = join(dataDir, 'projects', place('keeping').projectId, 'keeping', 'store.db');
  expect(existsSync(file)).toBe(false);
  store.kvSet('last', 7, { effectKey: 'k1' });
  expect(existsSync(file)).toBe(true);
  await first.close();
  const second = open();
  expect(second.portsFor(place('keeping')).store.kvGet('last')).toBe(7);
  await second.close();
});

test('what a plan gives to storage holds for files and databases', async () => {
  const ports = open(40_000);
  const { files, sql } = ports.portsFor(place('small'));
  await files.save('a', bytes('x'.repeat(20_000)), { how: 'create', effectKey: 'k1' });
  await expect(files.save('b', bytes('x'.repeat(20_001)), { how: 'create', effectKey: 'k2' })).rejects.toMatchObject({
    code: 'limit.exceeded',
  });
  const big = [
    { sql: 'CREATE TABLE t (s)', params: [] },
    { sql: 'INSERT INTO t VALUES (?)', params: ['x'.repeat(30_000)] },
  ];
  await expect(
    sql?.run({ file: 'a.db', access: 'write', statements: big }, { stepId: 's', effectKey: 'k3', signal }),
  ).rejects.toMatchObject({ code: 'limit.exceeded' });
  await ports.close();
});
