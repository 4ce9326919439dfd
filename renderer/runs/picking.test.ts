import { v7 as uuid } from 'uuid';
import { expect, test } from 'vitest';
import { beside, pickRange, timeOfId, togglePick } from './picking.ts';

const ids = ['a', 'b', 'c', 'd'];

test('a run is picked and let go again', () => {
  expect([...togglePick(new Set(['a']), 'b')]).toEqual(['a', 'b']);
  expect([...togglePick(new Set(['a', 'b']), 'a')]).toEqual(['b']);
});

test('a range goes both ways and keeps what was picked before', () => {
  expect([...pickRange(ids, new Set(['d']), 'c', 'a')].sort()).toEqual(['a', 'b', 'c', 'd']);
  expect([...pickRange(ids, new Set(), undefined, 'b')]).toEqual(['b']);
  // The one it would begin at was filtered away meanwhile.
  expect([...pickRange(ids, new Set(), 'gone', 'b')]).toEqual(['b']);
});

test('walking stops at the ends of the list', () => {
  expect(beside(ids, 'b', 1)).toBe('c');
  expect(beside(ids, 'd', 1)).toBe('d');
  expect(beside(ids, undefined, 1)).toBe('a');
  expect(beside([], undefined, 1)).toBeUndefined();
});

test('the id of a run tells when it was made', () => {
  const at = Date.parse('2026-11-20T08:14:29.123Z');
  expect(timeOfId(uuid({ msecs: at }))).toBe('2026-11-20T08:14:29.123Z');
});
