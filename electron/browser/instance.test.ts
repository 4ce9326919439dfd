import { mkdtempSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { takeInstance } from './instance.ts';

const folder = () => mkdtempSync(join(tmpdir(), 'sluice-instance-'));

test('a second start is told where the first one is, and becomes the one when that has ended', async () => {
  const dir = folder();
  const first = await takeInstance(dir);
  if (!('instance' in first)) throw new Error('It found another one.');
  first.instance.announce('http://127.0.0.1:1/#token=x');
  expect(await takeInstance(dir)).toEqual({ running: 'http://127.0.0.1:1/#token=x' });
  first.instance.release();
  const next = await takeInstance(dir);
  expect('instance' in next).toBe(true);
  if ('instance' in next) next.instance.release();
});

test('a second start waits for one that is still starting', async () => {
  const dir = folder();
  const first = await takeInstance(dir);
  if (!('instance' in first)) throw new Error('It found another one.');
  const second = takeInstance(dir);
  first.instance.announce('http://127.0.0.1:2/#token=y');
  expect(await second).toEqual({ running: 'http://127.0.0.1:2/#token=y' });
  first.instance.release();
});

test.skipIf(process.platform === 'win32')('the token is for this user’s eyes only (not on Windows)', async () => {
  const dir = folder();
  const first = await takeInstance(dir);
  if (!('instance' in first)) throw new Error('It found another one.');
  first.instance.announce('http://127.0.0.1:1/#token=x');
  expect(statSync(join(dir, 'desktop.json')).mode & 0o777).toBe(0o600);
  first.instance.release();
});
