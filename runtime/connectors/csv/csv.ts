import { pipeline, Readable } from 'node:stream';
import { setImmediate as breathe } from 'node:timers/promises';
import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import type { Json, JsonObject } from '#shared/json.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { FileKey, FileName, PassedOn, readField } from '../fields.ts';
import { manyItems } from '../files/manyItems.ts';
import { decoded, Encoding, readSource, sourceFields } from '../files/source.ts';
import { type Call, defineStepType } from '../stepType.ts';
import { columnNames, rowOf } from './columns.ts';
import { Columns, Delimiter, delimiterOf, formatFields, MOST_COLUMNS, MOST_RECORD, notCsv, tooMany } from './format.ts';
import { cellText } from './guard.ts';

const MOST_BYTES = 64 * 1024 * 1024;
const MOST_ROWS = 100_000;
const MOST_CELLS = 5_000_000;
/** So much is worked on before others get a turn. */
const PIECE = 64 * 1024;

const ReadConfig = z.strictObject({
  ...sourceFields,
  ...formatFields,
  encoding: Encoding.default('utf-8').meta({ title: 'Encoding', expression: false, order: 10 }),
  limit: z
    .int()
    .min(1)
    .max(MOST_ROWS)
    .default(MOST_ROWS)
    .meta({ title: 'Rows, at most', help: 'More is an error.', expression: false, order: 11 }),
});

export const read = defineStepType({
  version: 1,
  category: 'files',
  mode: 'each',
  type: 'csv.read',
  title: 'Read CSV',
  description: 'Gives each row of a CSV file, of a text or of a file in the storage as an item.',
  icon: 'sheet',
  effect: ({ from }) => (from === 'storage' ? 'idempotent' : 'pure'),
  config: ReadConfig,
  output: PassedOn,
  runAll: (call) => manyItems(call, (item, config) => rowsOf(item, config, call)),
});

async function rowsOf(item: Item, config: z.infer<typeof ReadConfig>, { files, signal }: Call): Promise<JsonObject[]> {
  const text = decoded(await readSource(item, config, files, MOST_BYTES), config.encoding);
  const { parse } = await import('csv-parse');
  const parser = parse({
    delimiter: delimiterOf(config.delimiter),
    trim: config.trim,
    relax_column_count: config.ragged,
    max_record_size: MOST_RECORD,
    skip_empty_lines: true,
    record_delimiter: ['\r\n', '\n', '\r'],
    info: true,
  });
  // What goes wrong on the way ends the parser, and is thrown where its rows are taken.
  pipeline(Readable.from(piecesOf(text, signal), { objectMode: false }), parser, () => {});
  const rows: JsonObject[] = [];
  let names: string[] | undefined;
  let cells = 0;
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
      if (record.length > MOST_COLUMNS) throw tooMany('columns', MOST_COLUMNS, info.lines);
      if (!names && config.header) {
        names = columnNames(record);
        continue;
      }
      names ??= columnNames(record.map(() => ''));
      if (rows.length >= config.limit) throw tooMany('rows', config.limit, info.lines);
      cells += record.length;
      if (cells > MOST_CELLS) throw tooMany('values', MOST_CELLS, info.lines);
      const known: string[] = names;
      rows.push(rowOf(record, known, config.types));
    }
    return rows;
  } catch (thrown) {
    parser.destroy();
    throw notCsv(thrown);
  }
}

/** A piece at a time, so that a large file holds up nobody else. */
function* piecesOf(text: string, signal: AbortSignal): Generator<string> {
  for (let at = 0; at < text.length; at += PIECE) {
    signal.throwIfAborted();
    yield text.slice(at, at + PIECE);
  }
}

const WriteConfig = z.strictObject({
  columns: Columns,
  delimiter: Delimiter,
  header: z.boolean().default(true).meta({ title: 'Begin with the names', expression: false, order: 6 }),
  guard: z.boolean().default(true).meta({
    title: 'Keep formulas from running',
    help: 'Puts an apostrophe before texts that a spreadsheet would take for a formula.',
    expression: false,
    order: 7,
  }),
  bom: z.boolean().default(false).meta({
    title: 'Mark as Unicode',
    help: 'Some spreadsheets need it to show accents.',
    expression: false,
    order: 8,
  }),
  file: FileKey.default('file').meta({ title: 'Name of the file in the item', expression: false, order: 9 }),
  fileName: FileName.default('data.csv').meta({ title: 'Name of the file', placeholder: 'report.csv', order: 10 }),
});

export const write = defineStepType({
  version: 1,
  category: 'files',
  mode: 'once',
  type: 'csv.write',
  title: 'Write CSV',
  description: 'Makes one CSV file of all items; a step that writes files or sends mail can take it from there.',
  icon: 'sheet',
  effect: 'pure',
  config: WriteConfig,
  output: z.object({ rows: z.int() }),
  async runAll({ inputs: { main = [] }, config, files, signal }) {
    const columns = config.columns.length > 0 ? config.columns : fieldsOf(main, MOST_COLUMNS, 'CSV');
    const { stringify } = await import('csv-stringify/sync');
    const options = { delimiter: delimiterOf(config.delimiter) };
    const line = (cells: (Json | undefined)[]) => cells.map((cell) => cellText(cell, config.guard));
    const pieces = [Buffer.from(config.bom ? '\uFEFF' : '')];
    if (config.header) pieces.push(Buffer.from(stringify([line(columns)], options)));
    for (let at = 0; at < main.length; at += 1_000) {
      signal.throwIfAborted();
      const rows = main.slice(at, at + 1_000).map(({ json }) => line(columns.map((column) => readField(json, column))));
      pieces.push(Buffer.from(stringify(rows, options)));
      await breathe();
    }
    const kept = await files.keep(Buffer.concat(pieces), { mime: 'text/csv', name: config.fileName });
    return { main: [{ json: { rows: main.length }, binary: { [config.file]: kept } }] };
  },
});

/** The fields of all items, in the order in which they first come. @throws SluiceError limit.exceeded */
export function fieldsOf(items: readonly Item[], most: number, what: string): string[] {
  const names = new Set<string>();
  for (const { json } of items) for (const name of Object.keys(json)) names.add(name);
  if (names.size <= most) return [...names];
  throw new SluiceError('limit.exceeded', `The items have ${names.size} fields; ${what} may have ${most} columns.`, {
    advice: 'Name the columns that are needed in the step.',
    details: { limit: most, count: names.size },
  });
}
