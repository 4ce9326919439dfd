import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { watchProject } from './watcher.ts';

/** Waits as long as a slow machine may need. */
const until = <T>(work: () => T | Promise<T>, options = {}) =>
  vi.waitFor(work, { timeout: 60_000, interval: 20, ...options });

/** @param settleMs longer where a slow machine must not come between changes that are made together */
async function watched(settleMs?: number) {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-watch-'));
  for (const name of ['workflows', '.git', '.sluice', 'scripts/deep']) mkdirSync(join(dir, name), { recursive: true });
  writeFileSync(join(dir, 'sluice.yaml'), 'name: x\n');
  writeFileSync(join(dir, 'workflows/old.yaml'), 'old');
  const batches: string[][] = [];
  const watcher = watchProject(
    dir,
    async (paths) => void batches.push(paths.sort()),
    (error) => {
      throw error;
    },
    settleMs,
  );
  onTestFinished(() => watcher.close());
  await watcher.ready;
  return { dir, batches };
}

test('changes that come together are told together, and only files of the project', async () => {
  const { dir, batches } = await watched(1_500);
  writeFileSync(join(dir, 'workflows/a.yaml'), 'a');
  writeFileSync(join(dir, 'scripts/deep/b.ts'), 'b');
  writeFileSync(join(dir, 'notes.txt'), 'c');
  writeFileSync(join(dir, '.sluice/state.db'), 'd');
  rmSync(join(dir, 'workflows/old.yaml'));
  await until(() => expect(batches.flat()).toHaveLength(3));
  expect(batches).toEqual([['scripts/deep/b.ts', 'workflows/a.yaml', 'workflows/old.yaml']]);
});

test('while git is at work nothing is told', async () => {
  const { dir, batches } = await watched();
  writeFileSync(join(dir, '.git/index.lock'), '');
  writeFileSync(join(dir, 'workflows/a.yaml'), 'a');
  await sleep(600);
  expect(batches).toEqual([]);
  rmSync(join(dir, '.git/index.lock'));
  await until(() => expect(batches).toEqual([['workflows/a.yaml']]));
});

test('another branch that is checked out is told, also where it changes no file', async () => {
  const { dir, batches } = await watched();
  writeFileSync(join(dir, '.git/index'), 'x');
  writeFileSync(join(dir, '.git/HEAD.lock'), 'ref: refs/heads/other\n');
  renameSync(join(dir, '.git/HEAD.lock'), join(dir, '.git/HEAD'));
  await until(() => expect(batches).toEqual([['.git/HEAD']]));
});
