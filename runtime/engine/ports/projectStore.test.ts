import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Json } from '#shared/json.ts';
import type { ProjectStore } from './ports.ts';
import { openProjectStore } from './projectStore.ts';

let folder: string;
let store: ProjectStore;
let clock = Date.UTC(2026, 10, 20, 7);
let effects = 0;
const effect = () => ({ effectKey: `effect-${++effects}` });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'store-'));
  store = openProjectStore(join(folder, 'deep', 'store.db'), { now: () => clock });
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true });
});

function fill(rows: Record<string, Json>[]) {
  for (const [i, row] of rows.entries()) store.tableInsert('t', i, row, effect());
}
function refusal(work: () => unknown): unknown {
  try {
    return expect.fail(`it gave ${JSON.stringify(work())}`);
  } catch (thrown) {
    return thrown;
  }
}
const keys = (where: Parameters<ProjectStore['tableDelete']>[1]) =>
  store.tableQuery({ table: 't', where }).map(({ key }) => key);

test('a value is there until its time is up', () => {
  store.kvSet('a', { n: [1, null] }, effect());
  store.kvSet('b', 'short', { ...effect(), ttlMs: 1_000 });
  expect(store.kvGet('a')).toEqual({ n: [1, null] });
  expect(store.kvGet('b')).toBe('short');
  clock += 1_000;
  expect(store.kvGet('b')).toBeUndefined();
  expect(store.kvGet('never')).toBeUndefined();
  expect(refusal(() => store.kvSet('', 1, effect()))).toMatchObject({ code: 'config.invalid' });
  expect(refusal(() => store.kvSet('big', 'x'.repeat(1_100_000), effect()))).toMatchObject({ code: 'limit.exceeded' });
});

test('what was written is there after the store is opened again', () => {
  store.kvSet('a', 1, effect());
  store.tableInsert('t', 'k', { v: 1 }, { effectKey: 'kept' });
  store.close();
  store = openProjectStore(join(folder, 'deep', 'store.db'), { now: () => clock });
  expect(store.kvGet('a')).toBe(1);
  expect(store.tableInsert('t', 'k', { v: 2 }, { effectKey: 'kept' })).toEqual({ inserted: true });
  expect(store.tableQuery({ table: 't' })).toMatchObject([{ key: 'k', v: 1 }]);
});

test('a key exists once in its table, whatever order its fields have', () => {
  expect(store.tableInsert('t', { a: 1, b: 2 }, { v: 1 }, effect())).toEqual({ inserted: true });
  expect(store.tableInsert('t', { b: 2, a: 1 }, { v: 2 }, effect())).toEqual({ inserted: false });
  expect(store.tableInsert('other', { b: 2, a: 1 }, { v: 3 }, effect())).toEqual({ inserted: true });
  expect(store.tableInsert('t', '1', {}, effect())).toEqual({ inserted: true });
  expect(store.tableInsert('t', 1, {}, effect())).toEqual({ inserted: true });
  const at = new Date(clock).toISOString();
  expect(store.tableQuery({ table: 't' })[0]).toEqual({
    key: { a: 1, b: 2 },
    v: 1,
    createdAt: at,
    updatedAt: at,
  });
});

test('the same effect again gives the first result and changes nothing', () => {
  store.tableInsert('t', 'k', { n: 1 }, { effectKey: 'one' });
  expect(store.tableInsert('t', 'k', { n: 1 }, { effectKey: 'one' })).toEqual({ inserted: true });
  store.tableUpdate('t', {}, { n: 2 }, { effectKey: 'two' });
  store.tableUpdate('t', {}, { n: 3 }, effect());
  expect(store.tableUpdate('t', {}, { n: 2 }, { effectKey: 'two' })).toEqual({ changed: 1 });
  expect(store.tableQuery({ table: 't' })).toMatchObject([{ n: 3 }]);
  store.tableDelete('t', {}, { effectKey: 'gone' });
  store.tableInsert('t', 'k', { n: 4 }, effect());
  expect(store.tableDelete('t', {}, { effectKey: 'gone' })).toEqual({ changed: 1 });
  expect(keys({})).toEqual(['k']);
  store.kvSet('v', 1, { effectKey: 'kv' });
  store.kvSet('v', 2, effect());
  store.kvSet('v', 1, { effectKey: 'kv' });
  expect(store.kvGet('v')).toBe(2);
});

test('a write that fails is not remembered and leaves nothing half done', () => {
  fill([{ n: 1, text: 'x'.repeat(600_000) }, { n: 2 }]);
  expect(
    refusal(() => store.tableUpdate('t', {}, { more: 'y'.repeat(600_000) }, { effectKey: 'fails' })),
  ).toMatchObject({ code: 'limit.exceeded' });
  expect(store.tableQuery({ table: 't' }).map((row) => 'more' in row)).toEqual([false, false]);
  expect(store.tableUpdate('t', {}, { more: 1 }, { effectKey: 'fails' })).toEqual({ changed: 2 });
});

test('comparisons look at type and value, and nothing is converted', () => {
  fill([
    { v: 1 },
    { v: 2.5 },
    { v: '1' },
    { v: 'ten' },
    { v: true },
    { v: null },
    {},
    { v: [1, 'ten'] },
    { v: 1, w: 'x' },
    { 'odd-name x': 5 },
  ]);
  expect(keys({ v: 1 })).toEqual([0, 8]);
  expect(keys({ v: 1, w: 'x' })).toEqual([8]);
  expect(keys({ v: '1' })).toEqual([2]);
  expect(keys({ v: true })).toEqual([4]);
  expect(keys({ v: null })).toEqual([5, 6, 9]);
  expect(keys({ v: { ne: 1 } })).toEqual([1, 2, 3, 4, 5, 6, 7, 9]);
  expect(keys({ v: { ne: true } })).toEqual([0, 1, 2, 3, 5, 6, 7, 8, 9]);
  expect(keys({ v: { ne: null } })).toEqual([0, 1, 2, 3, 4, 7, 8]);
  expect(keys({ v: { gt: 1 } })).toEqual([1]);
  expect(keys({ v: { gte: 1, lt: 2 } })).toEqual([0, 8]);
  expect(keys({ v: { gt: '1' } })).toEqual([3]);
  expect(keys({ v: { contains: 'e' } })).toEqual([3]);
  expect(keys({ v: { contains: 'ten' } })).toEqual([3, 7]);
  expect(keys({ v: { contains: 1 } })).toEqual([7]);
  expect(keys({ 'odd-name x': 5 })).toEqual([9]);
  expect(keys({ key: { gte: 8 } })).toEqual([8, 9]);
  expect(keys({ createdAt: { lte: new Date(clock).toISOString() }, v: 2.5 })).toEqual([1]);
});

test('rows are ordered and limited', () => {
  fill([{ n: 3 }, { n: 1 }, { n: 2 }, { n: 1 }]);
  const query = (more: object) => store.tableQuery({ table: 't', ...more }).map(({ key }) => key);
  expect(query({ orderBy: { column: 'n' } })).toEqual([1, 3, 2, 0]);
  expect(query({ orderBy: { column: 'n', descending: true }, limit: 2 })).toEqual([0, 2]);
  expect(query({ orderBy: { column: 'key', descending: true }, limit: 1 })).toEqual([3]);
  expect(store.tableQuery({ table: 'empty' })).toEqual([]);
});

test.each([
  't"; DROP TABLE rows; --',
  "t'",
  '',
  'sqlite master',
  '1t',
  'a'.repeat(64),
  't\u0000',
])('%j is no name of a table', (name) => {
  expect(refusal(() => store.tableInsert(name, 1, {}, effect()))).toMatchObject({ code: 'config.invalid' });
  expect(refusal(() => store.tableQuery({ table: name }))).toMatchObject({ code: 'config.invalid' });
});

test('hostile columns, values, operators and keys are data or refused, never SQL', () => {
  fill([{ v: 'safe' }]);
  for (const column of ['v" OR 1=1 --', 'a\\', '', 'a\nb', 'x'.repeat(101)]) {
    expect(refusal(() => store.tableQuery({ table: 't', where: { [column]: 1 } }))).toMatchObject({
      code: 'config.invalid',
    });
    expect(refusal(() => store.tableQuery({ table: 't', orderBy: { column } }))).toMatchObject({
      code: 'config.invalid',
    });
    expect(refusal(() => store.tableInsert('t', 'k', { [column]: 1 }, effect()))).toMatchObject({
      code: 'config.invalid',
    });
  }
  for (const text of ["') OR 1=1; --", '%', "'; DELETE FROM rows; --"]) {
    expect(keys({ v: text })).toEqual([]);
    expect(keys({ v: { contains: text } })).toEqual([]);
    expect(store.tableDelete('t', { key: text }, effect())).toEqual({ changed: 0 });
    store.tableInsert('t', text, { v: text }, effect());
    expect(keys({ v: text })).toEqual([text]);
    store.tableDelete('t', { key: text }, effect());
  }
  for (const column of ["v' OR '1'='1", 'v)', '$.v', 'v[0]', '__proto__', 'constructor'])
    expect(keys({ [column]: 'safe' })).toEqual([]);
  for (const where of [{ v: { like: '%' } }, { v: { gt: null } }, { v: { eq: [1] } }, { v: { contains: true } }]) {
    expect(refusal(() => store.tableQuery({ table: 't', where: where as never }))).toMatchObject({
      code: 'config.invalid',
    });
  }
  for (const key of [null, ''])
    expect(refusal(() => store.tableInsert('t', key, {}, effect()))).toMatchObject({ code: 'config.invalid' });
  expect(refusal(() => store.tableInsert('t', 1, { key: 1 }, effect()))).toMatchObject({ code: 'config.invalid' });
  expect(keys({})).toEqual([0]);
});

test('a store at its limit says so, keeps what it has, and takes more after something is deleted', () => {
  const small = openProjectStore(join(folder, 'small.db'), { maxBytes: 400_000 });
  const failed = refusal(() => {
    for (let i = 0; i < 100; i++) small.tableInsert('t', i, { text: 'x'.repeat(20_000) }, effect());
  });
  expect(failed).toMatchObject({ code: 'limit.exceeded', advice: expect.stringContaining('Delete') });
  const kept = small.tableQuery({ table: 't' });
  expect(kept.length).toBeGreaterThan(5);
  expect(small.tableDelete('t', { key: { lt: 5 } }, effect())).toEqual({ changed: 5 });
  expect(small.tableInsert('t', 'again', { text: 'x'.repeat(20_000) }, effect())).toEqual({ inserted: true });
  small.close();
});

test('two openers of one file see each other’s writes', () => {
  const other = openProjectStore(join(folder, 'deep', 'store.db'), { now: () => clock });
  store.tableInsert('t', 'k', { by: 'one' }, { effectKey: 'shared' });
  expect(other.tableInsert('t', 'k', { by: 'two' }, { effectKey: 'shared' })).toEqual({ inserted: true });
  expect(other.tableQuery({ table: 't' })).toMatchObject([{ by: 'one' }]);
  other.close();
});
