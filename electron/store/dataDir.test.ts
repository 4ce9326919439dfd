import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { findPlaces } from './dataDir.ts';

const elsewhere = mkdtempSync(join(tmpdir(), 'sluice-places-'));

test('SLUICE_DATA wins over everything', () => {
  const places = findPlaces({ SLUICE_DATA: 'some/where', HOME: '/home/somebody' });
  expect(places.dataDir).toBe(resolve('some/where'));
  expect(places.projectsDir).toBe(join(resolve('some/where'), 'projects'));
});

test('a checkout keeps its data in itself', () => {
  mkdirSync(join(elsewhere, 'repo', 'deep', 'down'), { recursive: true });
  writeFileSync(join(elsewhere, 'repo', 'package.json'), '{"name":"sluice"}');
  writeFileSync(join(elsewhere, 'repo', 'package-lock.json'), '{}');
  const { dataDir, checkout } = findPlaces({}, 'linux', join(elsewhere, 'repo', 'deep', 'down'));
  expect(checkout).toBe(join(elsewhere, 'repo'));
  expect(dataDir).toBe(join(elsewhere, 'repo', '.data'));
});

test('an installed program uses the folder that the platform has for it', () => {
  const at = (platform: NodeJS.Platform, env: Record<string, string>) => findPlaces(env, platform, elsewhere);
  expect(at('linux', { HOME: '/home/a' }).dataDir).toBe('/home/a/.local/share/Sluice');
  expect(at('linux', { HOME: '/home/a', XDG_DATA_HOME: '/x' }).dataDir).toBe('/x/Sluice');
  expect(at('darwin', { HOME: '/Users/a' }).dataDir).toBe('/Users/a/Library/Application Support/Sluice');
  expect(at('win32', { APPDATA: '/roaming', HOME: '/u' }).dataDir).toBe('/roaming/Sluice');
  expect(at('linux', { HOME: '/home/a' }).projectsDir).toBe('/home/a/Sluice');
});
