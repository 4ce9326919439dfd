import { expect, test } from 'vitest';
import type { Json, JsonObject } from '#shared/json.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { createWorld, itemsOf, jsonOf } from '../stepCall.fixture.ts';
import { typed } from './columns.ts';
import { read, write } from './csv.ts';
import { cellText } from './guard.ts';

const { run, files } = createWorld();
const rows = async (text: string, config: JsonObject = {}) =>
  jsonOf((await run(read, { from: 'text', text, ...config }, itemsOf({}))).main);
const failure = async (text: string, config: JsonObject = {}) =>
  (await run(read, { from: 'text', text, ...config }, itemsOf({}))).error?.[0]?.json.error;
const written = async (items: Item[], config: JsonObject = {}) => {
  const { main = [] } = await run(write, config, items);
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(await files.read(main[0]?.binary?.file as never));
};

test('rows become items, quoted or not, and everything stays text', async () => {
  expect(await rows('id,name\n007,"Ann ""A"", x"\n\n2,"two\nlines"\r\n')).toEqual([
    { id: '007', name: 'Ann "A", x' },
    { id: '2', name: 'two\nlines' },
  ]);
  expect(await rows('a;b\n1;2', { delimiter: ';' })).toEqual([{ a: '1', b: '2' }]);
  expect(await rows('a\tb\n1\t2', { delimiter: 'tab' })).toEqual([{ a: '1', b: '2' }]);
  expect(await rows('1,2', { header: false })).toEqual([{ column_1: '1', column_2: '2' }]);
  expect(await rows('\uFEFFa,,a\n 1 ,2,3', { trim: true })).toEqual([{ a: '1', column_2: '2', a_2: '3' }]);
  expect(await rows('')).toEqual([]);
});

test('values are made of texts only where nothing is lost', async () => {
  expect(await rows('a,b,c,d\n1.5,true,,007', { types: true })).toEqual([{ a: 1.5, b: true, c: null, d: '007' }]);
  const cases: [string, Json][] = [
    ['0', 0],
    ['-1', -1],
    ['1e3', 1000],
    ['9007199254740991', 9007199254740991],
    ['9007199254740993', '9007199254740993'],
    ['0x10', '0x10'],
    ['1e999', '1e999'],
    ['+1', '+1'],
    ['Infinity', 'Infinity'],
    ['1,5', '1,5'],
    ['FALSE', false],
    ['00', '00'],
  ];
  for (const [text, value] of cases) expect(typed(text), text).toBe(value);
});

test('from a file of the item, in its encoding, and from the storage', async () => {
  const bytes = Buffer.from('name\nJ\xF6rg', 'latin1');
  const item = { json: {}, binary: { file: await files.keep(bytes, { mime: 'text/csv' }) } };
  expect(jsonOf((await run(read, { encoding: 'windows-1252' }, [item])).main)).toEqual([{ name: 'Jörg' }]);
  expect((await run(read, {}, [item])).error?.[0]?.json.error).toMatchObject({
    code: 'data.invalid',
    details: { encoding: 'utf-8' },
  });
  await files.save('in.csv', await files.keep(Buffer.from('n\n1\n2'), { mime: 'text/csv' }), 'replace');
  expect(jsonOf((await run(read, { from: 'storage', path: 'in.csv' }, itemsOf({}))).main)).toEqual([
    { n: '1' },
    { n: '2' },
  ]);
  expect((await run(read, { from: 'storage' }, itemsOf({}))).error?.[0]?.json.error).toMatchObject({
    code: 'config.invalid',
  });
});

test('an item that cannot be read leaves by error, the others go on', async () => {
  const { main, error } = await run(read, ({ json }) => ({ from: 'text', text: json.csv ?? null }), [
    { json: { csv: 'a\n1' } },
    { json: { csv: 'a,b\n1' } },
    { json: { csv: 'a\n2' } },
  ]);
  expect(main).toEqual([
    { json: { a: '1' }, from: 0 },
    { json: { a: '2' }, from: 2 },
  ]);
  expect(error).toMatchObject([{ from: 1, json: { error: { code: 'data.invalid', details: { line: 2 } } } }]);
});

test('a row of another length is an error that names the line, unless it is wanted', async () => {
  expect(await failure('a,b\n1,2\n3')).toMatchObject({
    code: 'data.invalid',
    message: expect.stringContaining('Line 3'),
  });
  expect(await rows('a,b\n1\n1,2,3', { ragged: true })).toEqual([{ a: '1' }, { a: '1', b: '2', column_3: '3' }]);
  expect(await failure('a,b\n"1,2')).toMatchObject({ code: 'data.invalid' });
  expect(await failure('a\nx"y"')).toMatchObject({ code: 'data.invalid' });
});

test('limits of rows, columns and lengths, at and above', async () => {
  const lines = (count: number) => `n\n${'1\n'.repeat(count)}`;
  expect(await rows(lines(3), { limit: 3 })).toHaveLength(3);
  expect(await failure(lines(4), { limit: 3 })).toMatchObject({
    code: 'limit.exceeded',
    details: { limit: 3, what: 'rows' },
  });
  const wide = (count: number) => Array.from({ length: count }, (_, n) => n).join(',');
  expect(Object.keys((await rows(`${wide(1_000)}\n${wide(1_000)}`))[0] ?? {})).toHaveLength(1_000);
  expect(await failure(wide(1_001))).toMatchObject({ code: 'limit.exceeded', details: { what: 'columns' } });
  expect(await failure(wide(1_000_000))).toMatchObject({ code: 'limit.exceeded' });
  expect(await failure(`a\n${'x'.repeat(1_100_000)}`)).toMatchObject({ code: 'limit.exceeded' });
  expect(await failure(`a\n"${'x\n'.repeat(600_000)}`)).toMatchObject({ code: 'limit.exceeded' });
  expect(await failure('a\n'.repeat(10).padEnd(70_000_000, 'x'))).toMatchObject({ code: 'limit.exceeded' });
});

test('fields of any name change no prototype', async () => {
  const [row] = await rows('__proto__,constructor\n1,2');
  expect(Object.entries(row ?? {})).toEqual([
    ['__proto__', '1'],
    ['constructor', '2'],
  ]);
  expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
  expect(Object.getPrototypeOf({})).toBe(Object.prototype);
});

test('a cancelled step stops reading', async () => {
  const controller = new AbortController();
  controller.abort(new Error('cancelled'));
  const call = {
    inputs: { main: itemsOf({}) },
    configFor: () => read.config.parse({ from: 'text', text: 'a\n1' }),
    files,
    signal: controller.signal,
  };
  await expect(Promise.resolve(read.runAll?.(call as never))).rejects.toThrow();
});

test('items become one file, with the columns of all of them or those named', async () => {
  const items = itemsOf({ id: 1, name: 'Ann, "A"' }, { id: 2, more: { x: [1] } });
  expect(await written(items)).toBe('id,name,more\n1,"Ann, ""A""",\n2,,"{""x"":[1]}"\n');
  expect(await written(items, { columns: ['more.x', 'id'], header: false, delimiter: ';' })).toBe(';1\n[1];2\n');
  expect(await written([], { bom: true, columns: ['a'] })).toBe('\uFEFFa\n');
  expect((await run(write, { fileName: 'r.csv' }, items)).main).toMatchObject([
    { json: { rows: 2 }, binary: { file: { name: 'r.csv', mime: 'text/csv' } } },
  ]);
});

test('what is written is read again', async () => {
  const text = await written(itemsOf({ a: 'x\ny', b: '"' }, { a: ',', b: ' ' }));
  expect(await rows(text)).toEqual([
    { a: 'x\ny', b: '"' },
    { a: ',', b: ' ' },
  ]);
});

test.each([
  '=1+1',
  '+1+1',
  '-1+1',
  '@SUM(A1)',
  ' =1',
  '\t=1',
  '\r=1',
  '\n=1',
  '＝1',
  '|cmd',
  '%0A=1',
  '=HYPERLINK("x")',
  '-cmd',
  '+x',
])('%j cannot run as a formula, unless that is wanted', (text) => {
  expect(cellText(text, true)).toBe(`'${text}`);
  expect(cellText(text, false)).toBe(text);
});

test.each(['-5', '+49', '-1.5e3', '-12%', 'a=b', '5-3', '', 'x@y.example'])('%j stays as it is', (text) => {
  expect(cellText(text, true)).toBe(text);
});

test('too many fields are refused with their number', async () => {
  const item = { json: Object.fromEntries(Array.from({ length: 1_001 }, (_, n) => [`f${n}`, 1])) };
  await expect(run(write, {}, [item])).rejects.toMatchObject({ code: 'limit.exceeded', details: { count: 1_001 } });
});
