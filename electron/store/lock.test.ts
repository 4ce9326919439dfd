import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { LockSystem } from './lock.ts';
import { openProjectDb } from './projectDb.ts';

const folder = () => mkdtempSync(join(tmpdir(), 'sluice-lock-'));

/** A system in which these processes live. */
function system(pid: number, alive: Record<number, string>, computer = 'desk'): LockSystem {
  return { pid, computer, startOf: (asked) => alive[asked], now: () => Date.parse('2026-11-20T07:00:00Z') };
}

test('the second one is told who holds the project', () => {
  const dir = folder();
  const alive = { 10: 'monday', 11: 'tuesday' };
  const first = openProjectDb(dir, 'The desktop', system(10, alive));
  expect(() => openProjectDb(dir, 'sluice serve', system(11, alive))).toThrow(
    expect.objectContaining({
      code: 'project.locked',
      message: expect.stringContaining('The desktop (process 10 on desk)'),
      advice: expect.stringContaining('close it there'),
    }),
  );
  first.close();
  openProjectDb(dir, 'sluice serve', system(11, alive)).close();
});

test('a holder that died is replaced', () => {
  const dir = folder();
  openProjectDb(dir, 'The desktop', system(10, { 10: 'monday' }));
  openProjectDb(dir, 'The desktop', system(11, { 11: 'tuesday' })).close();
});

test('a process that got the pid of a dead holder is not taken for it', () => {
  const dir = folder();
  openProjectDb(dir, 'The desktop', system(10, { 10: 'monday' }));
  openProjectDb(dir, 'The desktop', system(11, { 10: 'wednesday', 11: 'tuesday' })).close();
});

test('a folder on a shared drive stays with the computer that has it', () => {
  const dir = folder();
  openProjectDb(dir, 'The desktop', system(10, { 10: 'monday' }, 'laptop'));
  expect(() => openProjectDb(dir, 'The desktop', system(11, { 11: 'tuesday' }, 'desk'))).toThrow(/on laptop/);
});

test('of several processes that start at once exactly one becomes the writer', async () => {
  const dir = folder();
  const script = `
    import { openProjectDb } from ${JSON.stringify(join(import.meta.dirname, 'projectDb.ts'))};
    try { openProjectDb(${JSON.stringify(dir)}, 'race'); console.log('writer'); setInterval(() => {}, 1000); }
    catch (thrown) { console.log(thrown.code); }`;
  const children = Array.from({ length: 5 }, () =>
    spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: join(import.meta.dirname, '..', '..'),
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  const said = await Promise.all(children.map(async (child) => String((await once(child.stdout, 'data'))[0]).trim()));
  expect(said.sort()).toEqual(['project.locked', 'project.locked', 'project.locked', 'project.locked', 'writer']);

  // The writer is killed without a chance to say so; the next one gets in.
  await Promise.all(
    children.map(async (child) => {
      if (child.exitCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }),
  );
  openProjectDb(dir, 'after the crash').close();
});
