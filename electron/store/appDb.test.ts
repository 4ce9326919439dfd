import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openAppDb } from './appDb.ts';

const folder = () => mkdtempSync(join(tmpdir(), 'sluice-appdb-'));
const id = '0199f2c4-5d1e-7a3b-9c40-6f2b8e1d7a55';
const other = '0199f2c4-5d1e-7a3b-9c40-6f2b8e1d7a56';

test('projects and preferences are there after a restart, last opened first', () => {
  const dir = folder();
  const first = openAppDb(dir);
  first.saveProject({ id, dir: '/a', name: 'A', workflowCount: 1, openedAt: '2026-11-20T07:00:00.000Z' });
  first.saveProject({ id: other, dir: '/b', name: 'B', workflowCount: 2, openedAt: '2026-11-20T08:00:00.000Z' });
  first.setPreferences({ theme: 'dark', layout: { library: 240 } });
  first.close();
  const second = openAppDb(dir);
  expect(second.projects().map(({ name }) => name)).toEqual(['B', 'A']);
  expect(second.preferences()).toEqual({ theme: 'dark', layout: { library: 240 } });
  second.close();
});

test('trust holds for one project in one place', () => {
  const dir = folder();
  const here = folder();
  const copy = folder();
  const db = openAppDb(dir);
  db.trust(here, id, '2026-11-20T07:00:00.000Z');
  expect(db.isTrusted(here, id)).toBe(true);
  expect(db.isTrusted(copy, id)).toBe(false);
  expect(db.isTrusted(here, other)).toBe(false);
  db.close();
});

test('a damaged database is put aside, kept, and the program starts', () => {
  const dir = folder();
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'app.db'), 'this is no database, but it is somebody’s data'.repeat(100));
  const db = openAppDb(dir);
  expect(db.projects()).toEqual([]);
  db.close();
  expect(readdirSync(dir)).toContain('app.db.damaged');
  expect(readFileSync(join(dir, 'app.db.damaged'), 'utf8')).toContain('somebody’s data');
});
