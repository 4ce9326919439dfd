import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';

export const MOST_COLUMNS = 1_000;
export const MOST_RECORD = 1024 * 1024;

export const Delimiter = z
  .string()
  .regex(/^([^"\r\n\\]|tab|\\t)$/, 'must be one character, or tab')
  .default(',')
  .meta({
    title: 'Between the values',
    help: 'One character such as , or ; or the word tab.',
    expression: false,
    order: 5,
  });

/** Of what is written: a file of rows, or a sheet. */
export const Columns = z.array(z.string().min(1).max(300)).max(MOST_COLUMNS).default([]).meta({
  title: 'Columns',
  help: 'Names of fields, or ways into them such as address.city. Left empty: every field of the items.',
  expression: false,
  order: 1,
});

/** How a CSV that is read is written. */
export const formatFields = {
  delimiter: Delimiter,
  header: z.boolean().default(true).meta({
    title: 'First line holds the names',
    help: 'Otherwise the values are called column_1, column_2 and so on.',
    expression: false,
    order: 6,
  }),
  types: z.boolean().default(false).meta({
    title: 'Make numbers and yes or no of values',
    help: 'Off: everything is text, so that 007 stays 007.',
    expression: false,
    order: 7,
  }),
  trim: z.boolean().default(false).meta({ title: 'Cut spaces around values', expression: false, order: 8 }),
  ragged: z.boolean().default(false).meta({
    title: 'Take rows of another length',
    help: 'Missing values are left out, surplus ones are called column_5 and so on. Off: such a row is an error.',
    expression: false,
    order: 9,
  }),
};

export function delimiterOf(text: string): string {
  return text === 'tab' || text === '\\t' ? '\t' : text;
}

/** What a parser of CSV threw, as a person can act on it; `before`: lines that it did not see. */
export function notCsv(thrown: unknown, before = 0): unknown {
  const { code, message, lines: seen } = thrown as { code?: string; message: string; lines?: number };
  const lines = seen === undefined ? undefined : seen + before;
  if (typeof code !== 'string' || !/^(CSV_|INVALID_)/.test(code)) return thrown;
  if (code === 'CSV_MAX_RECORD_SIZE') return tooMany('characters in one row', MOST_RECORD, lines);
  return new SluiceError('data.invalid', `Line ${lines ?? '?'} of the CSV cannot be read: ${message}.`, {
    advice:
      'Look at that line, and at what stands between the values; rows of another length can be allowed in the step.',
    details: lines === undefined ? { reason: code } : { line: lines, reason: code },
  });
}

export function tooMany(what: string, limit: number, line: number | undefined): SluiceError {
  return new SluiceError('limit.exceeded', `The CSV has more than ${limit} ${what} (line ${line ?? '?'}).`, {
    advice:
      'Put the file into the storage and read it in batches (csv.rows), or keep only the rows and columns that are needed.',
    details: { limit, what, ...(line === undefined ? {} : { line }) },
  });
}
