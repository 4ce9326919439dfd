import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import type { Json, JsonObject } from '#shared/json.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { roughBytes } from '../../engine/payload.ts';
import { columnNames } from '../csv/columns.ts';
import { fieldsOf } from '../csv/csv.ts';
import { Columns, MOST_COLUMNS } from '../csv/format.ts';
import { cellText } from '../csv/guard.ts';
import { fileOf } from '../data/eachItem.ts';
import { FileKey, FileName, PassedOn, readField } from '../fields.ts';
import { manyItems } from '../files/manyItems.ts';
import { needed, sourceFields } from '../files/source.ts';
import { type Call, defineStepType } from '../stepType.ts';
import { sheetArchive } from './sheetArchive.ts';

const MOST_BYTES = 20 * 1024 * 1024;
const MOST_ROWS = 100_000;
const MOST_CELLS = 500_000;
/** One text may stand in every cell: what comes out is measured, not what went in. */
const MOST_GIVEN = 64 * 1024 * 1024;
/** Of one cell, by the format itself. */
const MOST_TEXT = 32_767;
const MIME = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet';

const { file, path } = sourceFields;
const ReadConfig = z.strictObject({
  from: z
    .enum(['file', 'storage'])
    .default('file')
    .meta({
      title: 'Read from',
      labels: { file: 'A file of the item', storage: 'The project’s storage' },
      expression: false,
      order: 1,
    }),
  file,
  path,
  sheet: z
    .union([z.string().min(1).max(31), z.int().min(1).max(1_000)])
    .default(1)
    .meta({
      title: 'Sheet',
      help: 'Its name, or its number from 1.',
      order: 5,
    }),
  header: z.boolean().default(true).meta({
    title: 'First row holds the names',
    help: 'Otherwise the values are called column_1, column_2 and so on.',
    expression: false,
    order: 6,
  }),
  skip: z.int().min(0).max(MOST_ROWS).default(0).meta({ title: 'Leave out rows at the top', order: 7 }),
  limit: z
    .int()
    .min(1)
    .max(MOST_ROWS)
    .default(MOST_ROWS)
    .meta({ title: 'Rows, at most', help: 'More is an error.', expression: false, order: 8 }),
});

export const read = defineStepType({
  version: 1,
  category: 'files',
  mode: 'each',
  type: 'sheet.read',
  title: 'Read a spreadsheet',
  description: 'Gives each row of a sheet of an Excel file (.xlsx) as an item; dates come as ISO text.',
  icon: 'file-spreadsheet',
  effect: ({ from }) => (from === 'storage' ? 'idempotent' : 'pure'),
  config: ReadConfig,
  output: PassedOn,
  runAll: (call) => manyItems(call, (item, config) => rowsOf(item, config, call)),
});

async function rowsOf(item: Item, config: z.infer<typeof ReadConfig>, { files }: Call): Promise<JsonObject[]> {
  const ref = config.from === 'file' ? fileOf(item, config.file) : await files.load(needed(config.path));
  if (ref.bytes > MOST_BYTES) throw tooMuch('bytes', MOST_BYTES);
  const limits = { rows: MOST_ROWS, columns: MOST_COLUMNS, cells: MOST_CELLS };
  const archive = await sheetArchive(await files.read(ref), limits);
  const [first, ...rest] = (await parsed(archive, config.sheet)).slice(config.skip);
  if (!first) return [];
  const names = columnNames(config.header ? first.map((cell) => cellText(cell, false)) : first.map(() => ''));
  const rows = (config.header ? rest : [first, ...rest]).filter((row) => row.some((cell) => cell !== null));
  if (rows.length > config.limit) throw tooMuch('rows', config.limit);
  let bytes = 0;
  return rows.map((row) => {
    const json = Object.fromEntries(names.map((name, index) => [name, row[index] ?? null]));
    bytes += roughBytes(json, MOST_GIVEN);
    if (bytes > MOST_GIVEN) throw tooMuch('bytes', MOST_GIVEN);
    return json;
  });
}

async function parsed(archive: ArrayBuffer, sheet: string | number): Promise<Json[][]> {
  const { readSheet, SheetNotFoundError } = await import('read-excel-file/universal');
  try {
    const rows = (await readSheet(archive, sheet)) as unknown[][];
    return rows.map((row) => row.map(cellOf));
  } catch (thrown) {
    if (thrown instanceof SheetNotFoundError) {
      throw new SluiceError('data.invalid', `The file has no sheet ${JSON.stringify(sheet)}.`, {
        advice: 'Give the name as it stands on its tab, or its number from 1.',
        details: { sheet },
      });
    }
    const why = thrown instanceof Error ? thrown.message.slice(0, 200) : 'it is damaged';
    throw new SluiceError('data.invalid', `The spreadsheet cannot be read: ${why}.`, {
      cause: thrown,
      advice: 'Open it in a spreadsheet program and save it again as .xlsx.',
    });
  }
}

function cellOf(value: unknown): Json {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  return typeof value === 'string' || typeof value === 'boolean' ? value : null;
}

const WriteConfig = z.strictObject({
  columns: Columns,
  header: z.boolean().default(true).meta({ title: 'Begin with the names', expression: false, order: 2 }),
  sheet: z
    .string()
    .regex(/^(?!')[^[\]:*?/\\\p{Cc}]{1,31}(?<!')$/u, 'must have 1 to 31 characters without [ ] : * ? / \\')
    .default('Sheet1')
    .meta({ title: 'Name of the sheet', order: 3 }),
  file: FileKey.default('file').meta({ title: 'Name of the file in the item', expression: false, order: 4 }),
  fileName: FileName.default('data.xlsx').meta({ title: 'Name of the file', placeholder: 'report.xlsx', order: 5 }),
});

export const write = defineStepType({
  version: 1,
  category: 'files',
  mode: 'once',
  type: 'sheet.write',
  title: 'Write a spreadsheet',
  description: 'Makes one Excel file (.xlsx) of all items. Texts stay texts: nothing becomes a formula.',
  icon: 'file-spreadsheet',
  effect: 'pure',
  config: WriteConfig,
  output: z.object({ rows: z.int() }),
  async runAll({ inputs: { main = [] }, config, files }) {
    const columns = config.columns.length > 0 ? config.columns : fieldsOf(main, MOST_COLUMNS, 'a sheet');
    if (main.length > MOST_ROWS) throw tooMuch('rows', MOST_ROWS);
    if (main.length * columns.length > MOST_CELLS) throw tooMuch('cells', MOST_CELLS);
    const rows = main.map(({ json }, index) => columns.map((column) => cell(readField(json, column), index, column)));
    if (config.header)
      rows.unshift(columns.map((column) => ({ ...cell(column, -1, column), fontWeight: 'bold' as const })));
    const { default: writeXlsxFile } = await import('write-excel-file/universal');
    const blob = await writeXlsxFile(rows, { sheet: config.sheet }).toBlob();
    const kept = await files.keep(new Uint8Array(await blob.arrayBuffer()), { mime: MIME, name: config.fileName });
    return { main: [{ json: { rows: main.length }, binary: { [config.file]: kept } }] };
  },
});

type Cell = { value?: string | number | boolean; type?: StringConstructor | NumberConstructor | BooleanConstructor };

/** Each cell says its type, so that no text is taken for anything else. */
function cell(value: Json | undefined, row: number, column: string): Cell {
  if (typeof value === 'number') return { value, type: Number };
  if (typeof value === 'boolean') return { value, type: Boolean };
  const text = cellText(value, false).replace(NOT_XML, '');
  if (text.length > MOST_TEXT) {
    throw new SluiceError(
      'limit.exceeded',
      `The field ${column} of item ${row} has ${text.length} characters; a cell holds ${MOST_TEXT}.`,
      {
        advice: 'Shorten the text, or write CSV.',
        details: { limit: MOST_TEXT, item: row, field: column },
      },
    );
  }
  return text === '' ? {} : { value: text, type: String };
}

/** Characters that a file of this format cannot hold. */
const NOT_XML =
  /(?![\t\n\r])\p{Cc}|[\uFFFE\uFFFF]|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/gu;

function tooMuch(what: string, limit: number): SluiceError {
  return new SluiceError('limit.exceeded', `The spreadsheet has more than ${limit} ${what}.`, {
    advice: 'Split it, or use CSV.',
    details: { limit, what },
  });
}
