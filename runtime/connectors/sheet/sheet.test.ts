import { zipSync } from 'fflate';
import { expect, test } from 'vitest';
import type { JsonObject } from '#shared/json.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { createWorld, itemsOf, jsonOf } from '../stepCall.fixture.ts';
import { read, write } from './sheet.ts';

const { run, files } = createWorld();
const HEAD = '<?xml version="1.0" encoding="UTF-8"?>';
const MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"';
const REL = 'http://schemas.openxmlformats.org';

/** A file of this format with one sheet of the given rows. */
async function xlsx(sheetData: string, more: Record<string, string | Uint8Array> = {}): Promise<Item> {
  const texts: Record<string, string | Uint8Array> = {
    '[Content_Types].xml': `${HEAD}<Types xmlns="${REL}/package/2006/content-types"/>`,
    'xl/workbook.xml': `${HEAD}<workbook ${MAIN} xmlns:r="${REL}/officeDocument/2006/relationships"><sheets><sheet name="One" sheetId="1" r:id="rId1"/></sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': `${HEAD}<Relationships xmlns="${REL}/package/2006/relationships"><Relationship Id="rId1" Type="${REL}/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`,
    'xl/worksheets/sheet1.xml': `${HEAD}<worksheet ${MAIN}><sheetData>${sheetData}</sheetData></worksheet>`,
    ...more,
  };
  const entries = Object.entries(texts).map(([name, text]) => [
    name,
    typeof text === 'string' ? new TextEncoder().encode(text) : text,
  ]);
  const bytes = zipSync(Object.fromEntries(entries));
  return { json: {}, binary: { file: await files.keep(bytes, { mime: 'x' }) } };
}

test('what is written is read again, with every type', async () => {
  const rows: JsonObject[] = [
    { name: 'Ann', n: 5, yes: true, text: '=1+1' },
    { name: 'Bob & <Co>', n: -1.5, yes: false, list: [1], text: '007' },
  ];
  const { main = [] } = await run(write, { sheet: 'Mine' }, itemsOf(...rows));
  expect(main[0]?.binary?.file).toMatchObject({ name: 'data.xlsx' });
  expect(jsonOf((await run(read, { sheet: 'Mine' }, main)).main)).toEqual([
    { name: 'Ann', n: 5, yes: true, text: '=1+1', list: null },
    { name: 'Bob & <Co>', n: -1.5, yes: false, text: '007', list: '[1]' },
  ]);
  const { main: named } = await run(
    write,
    { columns: ['n', 'deep.x'], header: false },
    itemsOf({ n: 1, deep: { x: 'y' } }),
  );
  expect(jsonOf((await run(read, { header: false }, named ?? [])).main)).toEqual([{ column_1: 1, column_2: 'y' }]);
});

test('a text that looks like a formula is stored as text', async () => {
  const { main = [] } = await run(write, {}, itemsOf({ a: '=HYPERLINK("http://x.example")' }));
  const { unzip } = await import('../data/unzip.ts');
  const parts = await unzip(await files.read(main[0]?.binary?.file as never), {
    entries: 100,
    bytes: 1_000_000,
    ratio: 200,
  });
  const sheet = parts.find(({ name }) => name.endsWith('sheet1.xml'));
  expect(new TextDecoder().decode(sheet?.bytes)).not.toContain('<f>');
});

test('dates, gaps and names that come twice', async () => {
  const { main: dated = [] } = await run(read, {}, [
    await xlsx(
      '<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c><c r="C1" t="inlineStr"><is><t>a</t></is></c></row><row r="3"><c r="A3"><v>1</v></c><c r="C3" t="b"><v>1</v></c></row>',
    ),
  ]);
  expect(jsonOf(dated)).toEqual([{ a: 1, column_2: null, a_2: true }]);
});

test('a field called __proto__ is a field like any other', async () => {
  const [row] = jsonOf(
    (
      await run(read, {}, [
        await xlsx(
          '<row r="1"><c r="A1" t="inlineStr"><is><t>__proto__</t></is></c></row><row r="2"><c r="A2"><v>1</v></c></row>',
        ),
      ])
    ).main,
  );
  expect(Object.entries(row ?? {})).toEqual([['__proto__', 1]]);
  expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
});

const far = (places: string) => `<row r="1"><c r="A1"><v>1</v></c></row>${places}`;
test.each([
  ['<row r="1048576"><c r="A1048576"><v>1</v></c></row>', 'limit.exceeded'],
  ['<row r="2"><c r="XFD2"><v>1</v></c></row>', 'limit.exceeded'],
  ['<row r="100000"><c r="Z100000"><v>1</v></c></row>', 'limit.exceeded'],
  ['<row r="1e9"><c><v>1</v></c></row>', 'data.invalid'],
  ['<row r="0x7fffffff"><c><v>1</v></c></row>', 'data.invalid'],
  ['<row r="&#57;99999999"><c><v>1</v></c></row>', 'data.invalid'],
  ['<row x=">" r="999999999"><c><v>1</v></c></row>', 'data.invalid'],
  ['<row r="2"><c r="ZZZZZZ2"><v>1</v></c></row>', 'data.invalid'],
  ['<row r="2"><c r="A9999999999"><v>1</v></c></row>', 'data.invalid'],
  ["<row\nr='2000000'><c><v>1</v></c></row>", 'limit.exceeded'],
  ['<x:row r="2000000"><x:c><x:v>1</x:v></x:c></x:row>', 'limit.exceeded'],
])('a sheet that claims %s is refused before it is built', async (places, code) => {
  await expect(run(read, {}, [await xlsx(far(places))])).resolves.toMatchObject({
    error: [{ json: { error: { code } } }],
  });
});

test('a sheet just within the limits is read', async () => {
  expect((await run(read, {}, [await xlsx(far('<row r="500"><c r="ALL500"><v>1</v></c></row>'))])).main).toHaveLength(
    1,
  );
});

test('a ZIP bomb, a file that is none and a damaged one are refused', async () => {
  const bomb = await xlsx('', { 'xl/worksheets/sheet1.xml': new Uint8Array(60_000_000) });
  const zeros = await xlsx('', { 'xl/sharedStrings.xml': `<sst ${MAIN}>${' '.repeat(51 * 1024 * 1024)}</sst>` });
  const text = { json: {}, binary: { file: await files.keep(new TextEncoder().encode('a,b'), { mime: 'x' }) } };
  const other = {
    json: {},
    binary: { file: await files.keep(zipSync({ 'a.txt': new Uint8Array(3) }), { mime: 'x' }) },
  };
  const { error = [], main } = await run(read, {}, [
    bomb,
    zeros,
    text,
    other,
    await xlsx('<row r="1"><c'),
    { json: {} },
  ]);
  expect(error.map(({ json }) => (json.error as JsonObject).code)).toEqual([
    'limit.exceeded',
    'limit.exceeded',
    'data.invalid',
    'data.invalid',
    'data.invalid',
    'data.invalid',
  ]);
  expect(main).toEqual([]);
});

test('entities are not expanded', async () => {
  const bomb = `${HEAD}<!DOCTYPE x [<!ENTITY a "${'b'.repeat(1000)}"><!ENTITY c "${'&a;'.repeat(1000)}">]><worksheet ${MAIN}><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>&c;</t></is></c></row></sheetData></worksheet>`;
  const { main = [], error = [] } = await run(read, { header: false }, [
    await xlsx('', { 'xl/worksheets/sheet1.xml': bomb }),
  ]);
  expect(JSON.stringify([main, error]).length).toBeLessThan(1_000);
});

test('a sheet that is not there is named, and rows are limited', async () => {
  const { main = [] } = await run(write, {}, itemsOf({ n: 1 }, { n: 2 }, { n: 3 }));
  const failed = async (config: JsonObject) => (await run(read, config, main)).error?.[0]?.json.error;
  expect(await failed({ sheet: 'Two' })).toMatchObject({
    code: 'data.invalid',
    message: expect.stringContaining('Two'),
  });
  expect(await failed({ sheet: 2 })).toMatchObject({ code: 'data.invalid' });
  expect(await failed({ limit: 2 })).toMatchObject({ code: 'limit.exceeded', details: { limit: 2 } });
  expect((await run(read, { limit: 3 }, main)).main).toHaveLength(3);
  expect(jsonOf((await run(read, { skip: 2 }, main)).main)).toEqual([{ '2': 3 }]);
});

test('a cell takes as much text as the format allows, and no characters that would break it', async () => {
  const { main = [] } = await run(write, {}, itemsOf({ a: 'x'.repeat(32_767), b: 'a\u0000b\uD800' }));
  expect(jsonOf((await run(read, {}, main)).main)[0]?.b).toBe('ab');
  await expect(run(write, {}, itemsOf({ a: 'x'.repeat(32_768) }))).rejects.toMatchObject({
    code: 'limit.exceeded',
    details: { field: 'a' },
  });
  await expect(run(write, { sheet: 'a/b' }, itemsOf({ a: 1 }))).rejects.toThrow();
});
