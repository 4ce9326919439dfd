import { z } from 'zod';
import type { JsonObject } from '#shared/json.ts';
import { PassedOn } from '../fields.ts';
import {
  AllField,
  deleteStatement,
  insertStatement,
  listedStatements,
  OnConflict,
  ParamLists,
  ParamsField,
  POSTGRES,
  paramsOf,
  RowField,
  RowsAtMost,
  RowsField,
  rowsOf,
  SelectField,
  SetField,
  StatementsField,
  TableName,
  updateStatement,
  WhenNone,
  WhereField,
  whereWritten,
} from '../sqlite/statements.ts';
import { defineStepType } from '../stepType.ts';
import { postgres } from './connector.ts';

const common = {
  version: 1,
  category: 'storage',
  icon: 'database',
  mode: 'each',
  connector: postgres,
  // A little more than a statement may take, so that the database is the one to say what happened.
  timeoutMs: 65_000,
} as const;
const Timeout = z
  .int()
  .min(1)
  .max(60_000)
  .default(30_000)
  .meta({ title: 'Give up after, in milliseconds', expression: false, order: 10 });
const Once = z.boolean().default(true).meta({
  title: 'Once',
  help: 'Keeps a key in the table sluice_effects of the database, so that an interrupted step is not done twice. Off: a person decides after an interruption.',
  expression: false,
  order: 11,
});
const Returning = z
  .array(z.string().min(1).max(63))
  .max(100)
  .default([])
  .meta({ title: 'Give back', help: 'Columns of the new rows, such as an id.', expression: false, order: 8 });
const write = { ...common, effect: ({ once }: { once?: boolean }) => (once === false ? 'unsafe' : 'keyed') } as const;
const Rows = z.array(z.looseObject({}));

export const query = defineStepType({
  ...common,
  type: 'postgres.query',
  title: 'PostgreSQL: query',
  description:
    'Asks a PostgreSQL database with a SELECT, in a transaction that cannot change anything; each row becomes an item.',
  effect: 'idempotent',
  config: z.strictObject({
    sql: SelectField.meta({
      help: 'Taken as it is: values go to the parameters, their places are written $1, $2.',
      placeholder: 'SELECT id, name FROM orders WHERE customer = $1 LIMIT 100',
    }),
    params: ParamsField.meta({ help: 'A list with one value for each $ number.' }),
    limit: RowsAtMost,
    whenNone: WhenNone,
    timeoutMs: Timeout,
  }),
  output: PassedOn,
  async run({ config: { sql, params, limit, timeoutMs, whenNone }, sql: database }) {
    const statements = [{ sql, params: paramsOf(params) }];
    const [result] = await database.run({ access: 'read', statements, maxRows: limit, timeoutMs });
    return rowsOf(result, whenNone);
  },
});

export const insert = defineStepType({
  ...write,
  type: 'postgres.insert',
  title: 'PostgreSQL: insert',
  description: 'Puts one row or several into a table of a PostgreSQL database.',
  config: z.strictObject({
    table: TableName,
    row: RowField,
    rows: RowsField,
    onConflict: OnConflict,
    returning: Returning,
    timeoutMs: Timeout,
    once: Once,
  }),
  output: z.looseObject({ inserted: z.int(), rows: Rows.optional() }),
  async run({ item, config: { table, row, rows, onConflict, returning, ...how }, sql }) {
    const statement = insertStatement(POSTGRES, table, { row, rows }, { onConflict, returning });
    const [result] = await sql.run({ access: 'write', statements: [statement], ...how });
    return {
      ...item.json,
      inserted: result?.changed ?? 0,
      ...(returning.length > 0 ? { rows: result?.rows ?? [] } : {}),
    };
  },
});

export const update = defineStepType({
  ...write,
  type: 'postgres.update',
  title: 'PostgreSQL: update',
  description: 'Changes the rows of a PostgreSQL table that match; changed says how many.',
  config: z.strictObject({
    table: TableName,
    where: WhereField,
    set: SetField,
    returning: Returning,
    all: AllField,
    timeoutMs: Timeout,
    once: Once,
  }),
  output: z.looseObject({ changed: z.int(), rows: Rows.optional() }),
  async run({ item, config: { table, where, set, all, returning, ...how }, sql, written }) {
    const statement = updateStatement(POSTGRES, table, {
      where: whereWritten(written, where),
      set: set as JsonObject,
      all,
      returning,
    });
    const [result] = await sql.run({ access: 'write', statements: [statement], ...how });
    return {
      ...item.json,
      changed: result?.changed ?? 0,
      ...(returning.length > 0 ? { rows: result?.rows ?? [] } : {}),
    };
  },
});

export const remove = defineStepType({
  ...write,
  type: 'postgres.delete',
  title: 'PostgreSQL: delete',
  description: 'Deletes the rows of a PostgreSQL table that match; changed says how many.',
  config: z.strictObject({ table: TableName, where: WhereField, all: AllField, timeoutMs: Timeout, once: Once }),
  output: z.looseObject({ changed: z.int() }),
  async run({ item, config: { table, where, all, ...how }, sql, written }) {
    const statement = deleteStatement(POSTGRES, table, { where: whereWritten(written, where), all });
    const [result] = await sql.run({ access: 'write', statements: [statement], ...how });
    return { ...item.json, changed: result?.changed ?? 0 };
  },
});

export const transaction = defineStepType({
  ...write,
  type: 'postgres.transaction',
  title: 'PostgreSQL: transaction',
  description: 'Runs several statements on a PostgreSQL database, all or none of them.',
  config: z.strictObject({
    statements: StatementsField.meta({
      help: 'Each taken as it is: values go to the parameters, their places are written $1, $2.',
      placeholder: 'UPDATE stock SET amount = amount - $1 WHERE id = $2',
    }),
    params: ParamLists,
    timeoutMs: Timeout,
    once: Once,
  }),
  output: z.looseObject({ results: z.array(z.object({ rows: Rows, changed: z.int() })) }),
  async run({ item, config: { statements, params, ...how }, sql }) {
    const results = await sql.run({ access: 'write', statements: listedStatements(statements, params), ...how });
    return { ...item.json, results: results.map(({ rows, changed }) => ({ rows, changed })) };
  },
});
