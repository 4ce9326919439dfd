import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { PassedOn } from '../fields.ts';
import { batchFields, batchSource } from '../files/lines.ts';
import { keptOf, nextPiece, type Piece } from '../files/pieces.ts';
import { Encoding } from '../files/source.ts';
import { defineStepType } from '../stepType.ts';
import { columnNames, rowOf } from './columns.ts';
import { delimiterOf, formatFields, MOST_COLUMNS, MOST_RECORD, notCsv, tooMany } from './format.ts';

const Config = z.strictObject({
  ...batchFields,
  ...formatFields,
  encoding: Encoding.default('utf-8').meta({ title: 'Encoding', expression: false, order: 10 }),
});
type Config = z.infer<typeof Config>;

/** Rows as the parser gives them, with the line where each ends. */
type Read = { record: string[]; info: { lines: number } };

/** A source: the engine hands out its batches as a loop does. */
export const rows = defineStepType({
  ...batchSource,
  type: 'csv.rows',
  title: 'Read CSV in batches',
  description:
    'Gives each row of a CSV file in the storage as an item, batch after batch, so that a file of any size takes no more room than one batch; what comes back to next leaves by done at the end.',
  icon: 'sheet',
  config: Config,
  output: PassedOn,
  async nextBatch(call, cursor) {
    const { config } = call;
    const piece = await nextPiece(call, cursor, { isCsv: true, heads: config.header ? 1 : 0 });
    const read = await recordsOf(piece, config);
    let names = piece.isFirst ? undefined : (keptOf(cursor) as string[] | undefined);
    if (!names && read[0]) {
      const { record } = config.header ? (read.shift() as Read) : read[0];
      if (record.length > MOST_COLUMNS) throw tooMany('columns', MOST_COLUMNS, piece.line);
      names = columnNames(config.header ? record : record.map(() => ''));
    }
    const items = read.map(({ record, info }): Item => {
      const line = piece.line - 1 + info.lines;
      checkLength(record, names ?? [], line, config);
      return { json: rowOf(record, names ?? [], config.types), from: piece.item };
    });
    if (!piece.next) return { items };
    const isSame = piece.next.item === piece.item;
    const next = isSame && names ? { ...piece.next, more: names } : piece.next;
    return { items, cursor: next as unknown as Json };
  },
});

async function recordsOf({ text, line, isCut }: Piece, { delimiter, trim }: Config): Promise<Read[]> {
  const { parse } = await import('csv-parse/sync');
  try {
    const read = parse(text, {
      delimiter: delimiterOf(delimiter),
      trim,
      // Rows are compared with the first one of the file, which may lie in another batch.
      relax_column_count: true,
      max_record_size: MOST_RECORD,
      skip_empty_lines: true,
      record_delimiter: ['\r\n', '\n', '\r'],
      info: true,
    }) as unknown as Read[];
    if (isCut) throw tooMany('characters in one row', MOST_RECORD, line);
    return read;
  } catch (thrown) {
    throw notCsv(thrown, line - 1);
  }
}

function checkLength(record: readonly string[], names: readonly string[], line: number, { ragged }: Config): void {
  if (record.length > MOST_COLUMNS) throw tooMany('columns', MOST_COLUMNS, line);
  if (ragged || record.length === names.length) return;
  throw new SluiceError('data.invalid', `Line ${line} of the CSV has ${record.length} values, not ${names.length}.`, {
    advice:
      'Look at that line, and at what stands between the values; rows of another length can be allowed in the step.',
    details: { line },
  });
}
