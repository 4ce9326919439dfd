import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '#shared/json.ts';
import { drawn } from '../../../tests/fixtures/drawn.ts';
import { type RunSketch, runSketch, type Sketch } from '../../../tests/fixtures/engine.ts';
import { openProjectFiles } from '../../engine/ports/files.ts';
import { memoryBlobs } from '../../journal/memoryBlobs.ts';
import { cutRecords } from './cutRecords.ts';

fc.configureGlobal(drawn);

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0).reverse()) close();
});

/** A project's storage with some files in it. */
function storage(contents: Record<string, string | Uint8Array>) {
  const dir = mkdtempSync(join(tmpdir(), 'batches-'));
  open.push(() => rmSync(dir, { recursive: true, force: true }));
  const files = openProjectFiles(dir);
  open.push(() => files.close());
  const write = (name: string, content: string | Uint8Array) => writeFileSync(join(dir, 'files', name), content);
  for (const [name, content] of Object.entries(contents)) write(name, content);
  return { dir, files, write };
}

/** What each batch has comes back as a list, so that `done` gives the batches. */
const reading = (uses: string, config: JsonObject): Sketch => ({
  steps: {
    start: { uses: 'trigger.manual' },
    read: { uses, config },
    batch: { uses: 'items.set', mode: 'each', config: { fields: {} } },
  },
  edges: ['start -> read', 'read.loop -> batch'],
});

async function read(uses: string, config: JsonObject, options: RunSketch) {
  const { outcome, ofType, left, ...run } = await runSketch(reading(uses, config), options);
  const batches = ofType('step.succeeded')
    .filter(({ stepId }) => stepId === 'batch')
    .map(({ outputs }) => (outputs.main && 'items' in outputs.main ? outputs.main.items.map(({ json }) => json) : []));
  return { ...run, outcome, batches, items: left('batch') as JsonObject[] };
}

describe('lines', () => {
  test.each([
    ['', []],
    ['a', [['a']]],
    ['a\nb\n', [['a', 'b']]],
    [
      'a\r\n\r\nc\rd\n\n',
      [
        ['a', ''],
        ['c\rd', ''],
      ],
    ],
    ['1\n2\n3\n4\n5', [['1', '2'], ['3', '4'], ['5']]],
    ['\ufeffé\n\ufeffz\nz', [['é', '\ufeffz'], ['z']]],
  ])('of %j come in batches of two: %j', async (content, expected) => {
    const { outcome, batches } = await read('file.lines', { path: 'f.txt', batch: 2 }, storage({ 'f.txt': content }));
    expect(outcome).toEqual({ status: 'succeeded' });
    expect(batches.map((batch) => batch.map(({ text }) => text))).toEqual(expected);
    const numbers = batches.flat().map(({ line }) => line);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  });

  test('are left out where they are empty, and read as JSON', async () => {
    const { files } = storage({ 'f.txt': 'a\n\n\nb\n', 'f.jsonl': '{"n":1}\n\n{"n":2,"s":"\\n"}\r\n' });
    const some = await read('file.lines', { path: 'f.txt', skipEmpty: true, batch: 1 }, { files });
    expect(some.items).toEqual([
      { line: 1, text: 'a' },
      { line: 4, text: 'b' },
    ]);
    const objects = await read('file.lines', { path: 'f.jsonl', as: 'json' }, { files });
    expect(objects.items).toEqual([{ n: 1 }, { n: 2, s: '\n' }]);
  });

  test.each([
    ['{"n":1}\n[2]\n', 'json', 'data.invalid', 'Line 2 of f.txt is JSON, but no object'],
    ['{"n":1}\n{"n":\n', 'json', 'data.invalid', 'Line 2 of f.txt is no JSON'],
    [`${'['.repeat(300)}\n`, 'json', 'data.invalid', 'Line 1 of f.txt nests'],
    [`ok\n${'x'.repeat(1_100_000)}\n`, 'text', 'limit.exceeded', 'Line 2 of f.txt is longer'],
    [`ok\n${'x'.repeat(5_000_000)}`, 'text', 'limit.exceeded', 'Line 2 of f.txt is longer'],
    [Buffer.from([0x61, 0x0a, 0xff, 0x0a]), 'text', 'data.invalid', 'not text in utf-8'],
  ])('that cannot be read are named: %#', async (content, as, code, says) => {
    const { files } = storage({ 'f.txt': content });
    const { outcome } = await read('file.lines', { path: 'f.txt', as, batch: 1 }, { files });
    expect(outcome).toMatchObject({ status: 'failed', error: { code, message: expect.stringContaining(says) } });
  });

  test('of the files of all items come one file after the other, each with its own item’s trail', async () => {
    const { files } = storage({ 'a.txt': '1\n2\n3', 'b.txt': '', 'c.txt': '4\n' });
    const sketch = reading('file.lines', { path: '={{ $json.name }}.txt', batch: 2 });
    const items = ['a', 'b', 'c'].map((name) => ({ name }));
    if (sketch.steps.batch) sketch.steps.batch.config = { fields: { of: "={{ $('start').item.json.name }}" } };
    const run = await runSketch(sketch, { files, items });
    expect(run.outcome).toEqual({ status: 'succeeded' });
    expect(run.left('batch')).toEqual([
      { line: 1, text: '1', of: 'a' },
      { line: 2, text: '2', of: 'a' },
      { line: 3, text: '3', of: 'a' },
      { line: 1, text: '4', of: 'c' },
    ]);
    const missing = await runSketch(sketch, { files, items: [{ name: 'a' }, { name: 'd' }] });
    expect(missing.outcome).toMatchObject({ status: 'failed', error: { code: 'file.not_found' } });
    const none = await runSketch(
      { ...sketch, steps: { ...sketch.steps, read: { uses: 'file.lines', config: { path: '={{ $json.name }}' } } } },
      { files, items: [{ name: 'a.txt' }, { name: 5 }] },
    );
    expect(none.outcome).toMatchObject({ status: 'failed', error: { code: 'config.invalid' } });
  });

  test('of a file that is written to meanwhile are refused', async () => {
    const { files, write } = storage({ 'f.txt': '1\n2\n3\n' });
    let batches = 0;
    const { outcome } = await read(
      'file.lines',
      { path: 'f.txt', batch: 1 },
      {
        files,
        onEvent: (event) => {
          if (event.type === 'step.succeeded' && ++batches === 1) write('f.txt', '1\n2\nother\n');
        },
      },
    );
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'file.changed', stepId: 'read' } });
  });

  test('are not read twice by a run that goes on after a crash', async () => {
    const { files, write } = storage({ 'f.txt': '1\n2\n3\n4\n5\n' });
    const sketch: Sketch = {
      ...reading('file.lines', { path: 'f.txt', batch: 2 }),
      edges: ['start -> read', 'read.loop -> batch', 'batch -> read.next'],
    };
    const options = { files, blobs: memoryBlobs() };
    const whole = await runSketch(sketch, options);
    const output = whole.ofType('run.ended')[0]?.output;
    expect(JSON.stringify(output)).toContain('"text":"5"');
    for (let cut = 1; cut < whole.events.length; cut++) {
      const events = whole.events.slice(0, cut);
      const all = events.filter((event) => event.type === 'effect.recorded').length === 3;
      if (all) write('f.txt', 'nothing of this is looked at');
      const resumed = await runSketch(sketch, { ...options, events, fence: 2 });
      expect(resumed.ofType('run.ended')[0]?.output, `after ${cut} events`).toEqual(output);
    }
  });
});

describe('rows', () => {
  const rowsOf = async (content: string | Uint8Array, config: JsonObject = {}) => {
    const { outcome, batches } = await read('csv.rows', { path: 'f.csv', ...config }, storage({ 'f.csv': content }));
    return outcome.error ? `${outcome.error.code}: ${outcome.error.message}` : batches;
  };

  test('have the names of the first line in every batch', async () => {
    expect(await rowsOf('a,b\n1,2\n"3\n\n",4\n\n\n5,"6,""7"""\n', { batch: 1 })).toEqual([
      [{ a: '1', b: '2' }],
      [{ a: '3\n\n', b: '4' }],
      [{ a: '5', b: '6,"7"' }],
    ]);
    expect(await rowsOf('1;x\r\n2;y\r3;z', { batch: 2, header: false, delimiter: ';', types: true })).toEqual([
      [
        { column_1: 1, column_2: 'x' },
        { column_1: 2, column_2: 'y' },
      ],
      [{ column_1: 3, column_2: 'z' }],
    ]);
    expect(await rowsOf('a\n')).toEqual([]);
    expect(await rowsOf('')).toEqual([]);
  });

  test('of another length and broken ones are named by their line, whichever batch they are in', async () => {
    const text = 'a,b\n"1\n1",2\n3,4\n5\n6,7\n';
    expect(await rowsOf(text, { batch: 1 })).toBe('data.invalid: Line 5 of the CSV has 1 values, not 2.');
    expect(await rowsOf(text, { batch: 100 })).toBe('data.invalid: Line 5 of the CSV has 1 values, not 2.');
    expect(await rowsOf('a,b\n1\n2,3,4\n', { batch: 1, ragged: true })).toEqual([
      [{ a: '1' }],
      [{ a: '2', b: '3', column_3: '4' }],
    ]);
    expect(await rowsOf('a,b\n1,2\n3" pipe,4\n5,6\n', { batch: 1 })).toMatch(/^data.invalid: Line 3 of the CSV/);
    expect(await rowsOf(`a,b\n1,2\n3" pipe,4\n${'5,6\n'.repeat(2_000_000)}`, { batch: 1 })).toMatch(
      /^data.invalid: Line 3 of the CSV/,
    );
    expect(await rowsOf(`a,b\n1,"${'x'.repeat(5_000_000)}`)).toMatch(/^limit.exceeded: .*characters in one row/);
    expect(await rowsOf(`${'c,'.repeat(1_001)}\n`)).toMatch(/^limit.exceeded: .*1000 columns/);
  });

  test('are the same in any encoding and in batches of any size, wherever a piece of the file ends', async () => {
    const cell = fc.oneof(
      fc.constantFrom('', 'é"', 'a,b', '\n', '\r\n', ' x ', '"\n"', '日本', 'x'.repeat(30_000)),
      fc.string({ unit: 'grapheme', maxLength: 5 }).map((text) => text.replaceAll('\0', '')),
    );
    const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
    const table = fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(
        table,
        fc.integer({ min: 1, max: 30 }),
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.boolean(),
        async (cells, batch, ending, wide) => {
          const text = `a,b${ending}${cells.map(([a, b]) => `${quote(a)},${quote(b)}`).join(ending)}`;
          const content = Buffer.from(text, wide ? 'utf16le' : 'utf8');
          const batches = await rowsOf(content, { batch, encoding: wide ? 'utf-16le' : 'utf-8' });
          expect(Array.isArray(batches) ? batches.flat() : batches).toEqual(cells.map(([a, b]) => ({ a, b })));
        },
      ),
      { numRuns: 60 },
    );
  });
});

test('a piece ends behind its last whole record, and what cannot be known yet is none', () => {
  const cut = (text: string, last: boolean, isCsv = true, most = 10): Json => {
    const { end, records, lines } = cutRecords(Buffer.from(text), { most, last, isCsv, wide: false });
    return [end, records, lines];
  };
  expect(cut('a\nb\nc', false)).toEqual([4, 2, 2]);
  expect(cut('a\nb\nc', true)).toEqual([5, 3, 3]);
  expect(cut('a\nb\nc', true, true, 1)).toEqual([2, 1, 1]);
  expect(cut('a\r', false)).toEqual([0, 0, 0]);
  expect(cut('a\r', true)).toEqual([2, 1, 1]);
  expect(cut('a\rb', false)).toEqual([2, 1, 1]);
  expect(cut('a\rb', false, false)).toEqual([0, 0, 0]);
  expect(cut('"a\n', false)).toEqual([0, 0, 0]);
  expect(cut('"a\n"\n"', false)).toEqual([5, 1, 2]);
});

test.each(['csv.rows', 'file.lines'])('%s takes a million lines in a process that has no room for them', (uses) => {
  const { dir } = storage({});
  const file = openSync(join(dir, 'files', 'big.csv'), 'w');
  writeSync(file, 'n,name\n');
  for (let first = 1; first <= 1_000_000; first += 10_000) {
    const rows = Array.from({ length: 10_000 }, (_, index) => `${first + index},"customer, ${first + index}"\n`);
    writeSync(file, rows.join(''));
  }
  closeSync(file);
  const program = join(import.meta.dirname, '../../../tests/fixtures/millionLines.ts');
  const flags = ['--max-old-space-size=48', program, dir, 'big.csv', uses];
  const { outcome, total } = JSON.parse(execFileSync(process.execPath, flags, { encoding: 'utf8' }));
  expect(outcome).toEqual({ status: 'succeeded' });
  expect(total).toBe((1_000_000 * 1_000_001) / 2);
}, 300_000);
