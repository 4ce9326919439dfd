import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import type { SqlResult, SqlStatement } from '../../engine/ports/sql.ts';
import { AnyJson, kindOf } from '../fields.ts';

/** How a database writes the places of parameters, and how many it takes. */
export type Dialect = { place(number: number): string; mostParameters: number };
export const SQLITE: Dialect = { place: (number) => `?${number}`, mostParameters: 32_000 };
export const POSTGRES: Dialect = { place: (number) => `$${number}`, mostParameters: 65_000 };

const MOST_ROWS = 1_000;
const NAME = /^[A-Za-z_][A-Za-z0-9_$]{0,62}$/;

export const TableName = z
  .string()
  .regex(
    /^([A-Za-z_][A-Za-z0-9_$]{0,62}\.)?[A-Za-z_][A-Za-z0-9_$]{0,62}$/,
    'must be the name of a table: letters, digits and _',
  )
  .meta({ title: 'Table', placeholder: 'orders', expression: false, order: 2 });

export const RowField = z.record(z.string(), AnyJson).optional().meta({
  title: 'Columns',
  help: 'A column and its value each.',
  widget: 'pairs',
  order: 3,
});

export const RowsField = z
  .array(z.record(z.string(), AnyJson))
  .max(MOST_ROWS)
  .optional()
  .meta({
    title: 'Several rows',
    help: `In place of columns: a list of up to ${MOST_ROWS} rows, all put in or none.`,
    placeholder: '={{ $json.lines }}',
    widget: 'json',
    order: 4,
  });

export const WhereField = z.record(z.string(), AnyJson).default({}).meta({
  title: 'Rows where',
  help: 'A column and the value it must equal each; all must hold. For other comparisons write a statement in a transaction.',
  placeholder: '{ "id": "={{ $json.id }}" }',
  widget: 'pairs',
  order: 3,
});

export const AllField = z.boolean().default(false).meta({
  title: 'All rows',
  help: 'Needed to mean every row of the table.',
  expression: false,
  order: 9,
});

export const SetField = z.record(z.string(), AnyJson).meta({ title: 'New values', widget: 'pairs', order: 4 });

export const OnConflict = z
  .enum(['fail', 'ignore'])
  .default('fail')
  .meta({
    title: 'If a row of that key is there',
    labels: { fail: 'Fail', ignore: 'Leave it as it is' },
    expression: false,
    order: 5,
  });

const Sql = z.string().min(1).max(100_000);

/** Of a query. Each database says in `help` how it writes the places of parameters. */
export const SelectField = Sql.meta({ title: 'SELECT statement', widget: 'code', expression: false, order: 2 });

/** Of a transaction, as `SelectField`. */
export const StatementsField = z
  .array(Sql)
  .min(1)
  .max(100)
  .meta({ title: 'Statements', widget: 'code', expression: false, order: 2 });

/** The values of one statement; `paramsOf` reads them. */
export const ParamsField = AnyJson.optional().meta({
  title: 'Parameters',
  placeholder: '["={{ $json.id }}"]',
  widget: 'json',
  order: 3,
});

/** Those of several; `listedStatements` reads them. */
export const ParamLists = AnyJson.optional().meta({
  title: 'Parameters',
  help: 'A list for each statement, in order.',
  placeholder: '[[1, "={{ $json.id }}"]]',
  widget: 'json',
  order: 3,
});

export const RowsAtMost = z
  .int()
  .min(1)
  .max(10_000)
  .default(1_000)
  .meta({ title: 'Rows, at most', help: 'More is an error; ask for a page at a time with LIMIT.', order: 4 });

/** Of a query: where there is no row nothing goes on, unless a step behind is to hear of that. */
export const WhenNone = z
  .enum(['nothing', 'empty_item'])
  .default('nothing')
  .meta({
    title: 'If there is no row',
    labels: { nothing: 'Nothing goes on', empty_item: 'Go on with an item without fields' },
    expression: false,
    order: 5,
  });

/** The items that a query gives. */
export function rowsOf(result: SqlResult | undefined, whenNone: z.infer<typeof WhenNone>): JsonObject[] {
  const rows = result?.rows ?? [];
  return rows.length === 0 && whenNone === 'empty_item' ? [{}] : rows;
}

/** A list of rows as one statement. Columns missing in a row are null. @throws SluiceError config.invalid, limit.exceeded */
export function insertStatement(
  dialect: Dialect,
  table: string,
  given: { row?: Record<string, Json | undefined>; rows?: Record<string, Json | undefined>[] },
  { onConflict = 'fail', returning = [] }: { onConflict?: 'fail' | 'ignore'; returning?: readonly string[] } = {},
): SqlStatement {
  const rows = given.rows ?? (given.row ? [given.row] : []);
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  if (columns.length === 0) {
    throw new SluiceError('config.invalid', `There is nothing to put into ${table}: the row has no columns.`, {
      advice: 'Fill in the columns of the row, or give a list of rows.',
      details: { table },
    });
  }
  const count = columns.length * rows.length;
  if (count > dialect.mostParameters) {
    throw new SluiceError(
      'limit.exceeded',
      `${rows.length} rows of ${columns.length} columns are ${count} values; ${dialect.mostParameters} are allowed at once.`,
      {
        advice: 'Put in fewer rows at once, with a loop.',
        details: { limit: dialect.mostParameters, count },
      },
    );
  }
  const params: Json[] = [];
  const place = (value: Json | undefined) => dialect.place(params.push(value ?? null));
  const values = rows.map((row) => `(${columns.map((column) => place(row[column])).join(', ')})`);
  const names = columns.map(quoted).join(', ');
  const conflict = onConflict === 'ignore' ? ' ON CONFLICT DO NOTHING' : '';
  return {
    sql: `INSERT INTO ${tableOf(table)} (${names}) VALUES ${values.join(', ')}${conflict}${returningOf(returning)}`,
    params,
  };
}

/** @throws SluiceError config.invalid */
export function updateStatement(
  dialect: Dialect,
  table: string,
  {
    where,
    set,
    all,
    returning = [],
  }: { where: Record<string, Json | undefined>; set: JsonObject; all: boolean; returning?: readonly string[] },
): SqlStatement {
  const params: Json[] = [];
  const place = (value: Json | undefined) => dialect.place(params.push(value ?? null));
  const changes = Object.entries(set).map(([column, value]) => `${quoted(column)} = ${place(value)}`);
  if (changes.length === 0) {
    throw new SluiceError('config.invalid', `The update of ${table} changes nothing: it has no new values.`, {
      advice: 'Fill in the columns to change.',
      details: { table },
    });
  }
  const condition = conditionOf(where, all, 'update', place);
  return { sql: `UPDATE ${tableOf(table)} SET ${changes.join(', ')}${condition}${returningOf(returning)}`, params };
}

/** @throws SluiceError config.invalid */
export function deleteStatement(
  dialect: Dialect,
  table: string,
  { where, all }: { where: Record<string, Json | undefined>; all: boolean },
): SqlStatement {
  const params: Json[] = [];
  const place = (value: Json | undefined) => dialect.place(params.push(value ?? null));
  return { sql: `DELETE FROM ${tableOf(table)}${conditionOf(where, all, 'delete', place)}`, params };
}

/** A statement each with its values. @throws SluiceError config.invalid */
export function listedStatements(statements: readonly string[], given: Json | undefined): SqlStatement[] {
  const lists = given ?? [];
  if (!Array.isArray(lists) || lists.length > statements.length) {
    throw new SluiceError(
      'config.invalid',
      `The parameters must be a list with one list for each of ${statements.length} statements.`,
      {
        advice: 'Write them as [[first, second], []]: a list per statement, in order.',
        details: { field: 'params' },
      },
    );
  }
  return statements.map((sql, index) => ({ sql, params: paramsOf(lists[index] ?? [], `params[${index}]`) }));
}

/** @throws SluiceError config.invalid */
export function paramsOf(given: Json | undefined, field = 'params'): Json[] {
  if (given === undefined || given === null) return [];
  if (Array.isArray(given)) return given.map((value) => value ?? null);
  throw new SluiceError('config.invalid', `The parameters are ${kindOf(given)}, not a list.`, {
    advice: 'Write a list, also for a single value: ["={{ $json.id }}"].',
    details: { field },
  });
}

/**
 * The condition with every column that its author wrote: one whose expression gave nothing is not in the resolved config,
 * and without it more rows would match.
 */
export function whereWritten(
  { where: authored }: JsonObject,
  where: Record<string, Json | undefined>,
): Record<string, Json | undefined> {
  if (!isJsonObject(authored)) return where;
  return { ...Object.fromEntries(Object.keys(authored).map((column) => [column, undefined])), ...where };
}

/**
 * An expression that gave nothing must not turn "the rows of this id" into "every row", nor data that holds an object in
 * place of a value into a comparison of its own.
 */
function conditionOf(
  where: Record<string, Json | undefined>,
  all: boolean,
  what: string,
  place: (value: Json | undefined) => string,
): string {
  const entries = Object.entries(where);
  const missing = entries.find(([, value]) => value === undefined)?.[0];
  if (missing !== undefined || (entries.length === 0 && !all)) {
    throw new SluiceError(
      'config.invalid',
      `The condition of the ${what} is empty${missing === undefined ? '' : ` at ${missing.slice(0, 60)}`}, which would mean every row.`,
      {
        advice: 'Look whether its values are there, or turn on All rows if that is meant.',
        details: { field: 'where' },
      },
    );
  }
  const parts = entries.map(([column, value]) => {
    if (value === null) return `${quoted(column)} IS NULL`;
    if (typeof value === 'object') {
      throw new SluiceError('config.invalid', `The column ${column.slice(0, 60)} cannot equal ${kindOf(value)}.`, {
        advice:
          'Compare with a text, a number, true, false or null; for anything else write a statement in a transaction.',
        details: { field: `where.${column.slice(0, 60)}` },
      });
    }
    return `${quoted(column)} = ${place(value)}`;
  });
  return parts.length > 0 ? ` WHERE ${parts.join(' AND ')}` : '';
}

function returningOf(columns: readonly string[]): string {
  return columns.length > 0 ? ` RETURNING ${columns.map(quoted).join(', ')}` : '';
}

function tableOf(name: string): string {
  return name.split('.').map(quoted).join('.');
}

/** A name as SQL takes it. Few characters are allowed and all are quoted. @throws SluiceError config.invalid */
function quoted(name: string): string {
  if (NAME.test(name)) return `"${name}"`;
  throw new SluiceError(
    'config.invalid',
    `'${name.slice(0, 60).replace(/\p{Cc}/gu, '·')}' cannot be the name of a column.`,
    {
      advice: 'Use letters, digits and _, beginning with a letter; for other names write a statement in a transaction.',
    },
  );
}
