import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { findControlPlane, startControlPlane } from './controlPlane.ts';

/** A checkout whose control plane is this program. */
function checkout(program: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-plane-'));
  mkdirSync(join(dir, 'build/out/cloud'), { recursive: true });
  writeFileSync(join(dir, 'build/out/cloud/main.js'), program);
  return dir;
}

const start = (program: string, env: Record<string, string> = {}, notices: string[] = []) => {
  const dir = checkout(program);
  const onNotice = (line: string) => notices.push(line);
  return startControlPlane({
    checkout: dir,
    dataDir: join(dir, 'data'),
    env: { PATH: process.env.PATH, ...env },
    onNotice,
  });
};

test('it is reached where it says it is, and ends when it is told to', async () => {
  const plane = await start(
    `console.log('Migrating …'); console.log('Control plane  http://127.0.0.1:' + process.env.PORT); setInterval(() => {}, 1000);`,
    { PORT: '4999' },
  );
  expect(plane.url).toBe('http://127.0.0.1:4999');
  await plane.stop();
  expect(plane.child.signalCode).toBe('SIGTERM');
});

test('one that cannot start says why', async () => {
  await expect(
    start(`console.error('Postgres is too old.'); process.exit(3);`, { PORT: '4999' }),
  ).rejects.toMatchObject({
    code: 'service.unavailable',
    message: expect.stringContaining('Postgres is too old.'),
  });
});

test('it gets the data folder, and a free port where none was asked for', async () => {
  const plane = await start(
    `console.log('Control plane  http://127.0.0.1:' + process.env.PORT + process.env.SLUICE_DATA); setInterval(() => {}, 1000);`,
  );
  onTestFinished(() => plane.stop());
  expect(plane.url).toMatch(/^http:\/\/127\.0\.0\.1:44\d\d\/.*\/data$/);
});

test('an installation without one says what to do', () => {
  const empty = mkdtempSync(join(tmpdir(), 'sluice-plane-'));
  expect(() => findControlPlane(undefined, join(empty, 'host'))).toThrow(
    expect.objectContaining({ code: 'host.not_supported', advice: expect.stringContaining('SLUICE_URL') }),
  );
});
