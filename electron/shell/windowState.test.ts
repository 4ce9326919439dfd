import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isOpenable } from './harden.ts';
import { keepWindow, restoreWindow } from './windowState.ts';

const file = () => join(mkdtempSync(join(tmpdir(), 'sluice-window-')), 'window.json');
const main = { x: 0, y: 0, width: 1920, height: 1080 };
const second = { x: 1920, y: 0, width: 2560, height: 1440 };

test('a window comes back where it was', () => {
  const kept = file();
  const state = { x: 2000, y: 100, width: 1200, height: 800, maximized: true };
  keepWindow(kept, state);
  expect(restoreWindow(kept, [main, second])).toEqual(state);
});

test('a window whose screen is gone, or is too small for it, is put where it can be seen', () => {
  const kept = file();
  keepWindow(kept, { x: 2000, y: 100, width: 2400, height: 1300, maximized: false });
  expect(restoreWindow(kept, [main])).toEqual({ x: 0, y: 0, width: 1920, height: 1080, maximized: false });
});

test('without a last time, or with a file that is no state, the window fits the screen', () => {
  const broken = file();
  writeFileSync(broken, '{"x":"left"}');
  for (const path of [file(), broken]) {
    expect(restoreWindow(path, [{ ...main, width: 1000 }])).toEqual({ width: 1000, height: 900, maximized: false });
  }
});

test.each([
  ['https://example.com/a?b=c', true],
  ['http://127.0.0.1:4400/authorize?state=x', true],
  ['http://example.com/', false],
  ['https://user:password@example.com/', false],
  ['file:///etc/passwd', false],
  ['javascript:alert(1)', false],
  ['smb://host/share', false],
  ['not an address', false],
])('%s is opened in the system’s browser: %s', (address, opened) => {
  expect(isOpenable(address)).toBe(opened);
});
