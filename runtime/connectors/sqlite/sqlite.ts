import { z } from 'zod';
import type { JsonObject } from '#shared/json.ts';
import { PassedOn } from '../fields.ts';
import { defineStepType } from '../stepType.ts';
import {
  AllField,
  deleteStatement,
  insertStatement,
  listedStatements,
  OnConflict,
  ParamLists,
  ParamsField,
  paramsOf,
  RowField,
  RowsAtMost,
  RowsField,
  rowsOf,
  SelectField,
  SetField,
  SQLITE,
  StatementsField,
  TableName,
  updateStatement,
  WhenNone,
  WhereField,
  whereWritten,
} from './statements.ts';

const common = { version: 1, category: 'storage', icon: 'database', mode: 'each' } as const;
const File = z
  .string()
  .regex(/^[^\\:]{1,490}\.(db|sqlite|sqlite3)$/i, 'must end in .db, .sqlite or .sqlite3')
  .default('data.db')
  .meta({
    title: 'Database',
    help: 'A file in the project’s storage; made with the first step that writes to it.',
    expression: false,
    order: 1,
  });
const Results = z.array(z.object({ rows: z.array(z.looseObject({})), changed: z.int() }));

export const query = defineStepType({
  ...common,
  type: 'sqlite.query',
  title: 'SQLite: query',
  description: 'Asks a SQLite database of the project’s storage with a SELECT; each row becomes an item.',
  effect: 'idempotent',
  config: z.strictObject({
    file: File,
    sql: SelectField.meta({
      help: 'Taken as it is: values go to the parameters, their places are written ?.',
      placeholder: 'SELECT id, name FROM orders WHERE customer = ? LIMIT 100',
    }),
    params: ParamsField.meta({ help: 'A list with one value for each ?.' }),
    limit: RowsAtMost,
    whenNone: WhenNone,
  }),
  output: PassedOn,
  async run({ config: { file, sql, params, limit, whenNone }, sql: database }) {
    const statements = [{ sql, params: paramsOf(params) }];
    const [result] = await database.run({ file, access: 'read', statements, maxRows: limit });
    return rowsOf(result, whenNone);
  },
});

export const insert = defineStepType({
  ...common,
  type: 'sqlite.insert',
  title: 'SQLite: insert',
  description: 'Puts one row or several into a table of a SQLite database, once, whatever is interrupted.',
  effect: 'keyed',
  config: z.strictObject({
    file: File,
    table: TableName,
    row: RowField,
    rows: RowsField,
    onConflict: OnConflict,
  }),
  output: z.looseObject({ inserted: z.int() }),
  async run({ item, config: { file, table, row, rows, onConflict }, sql }) {
    const statement = insertStatement(SQLITE, table, { row, rows }, { onConflict });
    const [result] = await sql.run({ file, access: 'write', statements: [statement] });
    return { ...item.json, inserted: result?.changed ?? 0 };
  },
});

export const update = defineStepType({
  ...common,
  type: 'sqlite.update',
  title: 'SQLite: update',
  description: 'Changes the rows of a SQLite table that match; changed says how many.',
  effect: 'keyed',
  config: z.strictObject({
    file: File,
    table: TableName,
    where: WhereField,
    set: SetField,
    all: AllField,
  }),
  output: z.looseObject({ changed: z.int() }),
  async run({ item, config: { file, table, where, set, all }, sql, written }) {
    const statement = updateStatement(SQLITE, table, {
      where: whereWritten(written, where),
      set: set as JsonObject,
      all,
    });
    const [result] = await sql.run({ file, access: 'write', statements: [statement] });
    return { ...item.json, changed: result?.changed ?? 0 };
  },
});

export const remove = defineStepType({
  ...common,
  type: 'sqlite.delete',
  title: 'SQLite: delete',
  description: 'Deletes the rows of a SQLite table that match; changed says how many.',
  effect: 'keyed',
  config: z.strictObject({ file: File, table: TableName, where: WhereField, all: AllField }),
  output: z.looseObject({ changed: z.int() }),
  async run({ item, config: { file, table, where, all }, sql, written }) {
    const statement = deleteStatement(SQLITE, table, { where: whereWritten(written, where), all });
    const [result] = await sql.run({ file, access: 'write', statements: [statement] });
    return { ...item.json, changed: result?.changed ?? 0 };
  },
});

export const transaction = defineStepType({
  ...common,
  type: 'sqlite.transaction',
  title: 'SQLite: transaction',
  description: 'Runs several statements on a SQLite database, all or none of them, and once. Also makes tables.',
  effect: 'keyed',
  config: z.strictObject({
    file: File,
    statements: StatementsField.meta({
      help: 'Each taken as it is: values go to the parameters, their places are written ?.',
      placeholder: 'UPDATE stock SET amount = amount - ? WHERE id = ?',
    }),
    params: ParamLists,
  }),
  output: z.looseObject({ results: Results }),
  async run({ item, config: { file, statements, params }, sql }) {
    const results = await sql.run({ file, access: 'write', statements: listedStatements(statements, params) });
    return { ...item.json, results: results.map(({ rows, changed }) => ({ rows, changed })) };
  },
});
