import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import type { Json, JsonObject } from '#shared/json.ts';
import { AnyJson, PassedOn } from '../fields.ts';
import { defineStepType, type Where } from '../stepType.ts';
import { conditionsOf } from './conditions.ts';

const common = { version: 1, category: 'storage', icon: 'table-2', mode: 'each' } as const;
const TableName = z
  .string()
  .regex(
    /^[A-Za-z][A-Za-z0-9_-]{0,62}$/,
    'must begin with a letter and hold only letters, digits, _ and - (at most 63)',
  )
  .meta({ title: 'Table', help: 'Made with its first row.', placeholder: 'triaged', expression: false, order: 1 });
const Columns = z.record(z.string(), AnyJson);
const WhereField = Columns.meta({
  title: 'Rows where',
  help: 'A column and its value each, or a comparison: eq, ne, gt, gte, lt, lte, contains. All must hold. Comparisons are written here; what an expression gives is only ever a value.',
  placeholder: '{ "score": { "gt": 3 } }',
  widget: 'json',
  order: 2,
});
const EveryRow = z
  .boolean()
  .default(false)
  .meta({ title: 'All rows', help: 'Needed to mean every row of the table.', expression: false, order: 4 });

export const insert = defineStepType({
  ...common,
  type: 'table.insert',
  title: 'Insert a row',
  description: 'Adds a row under its key; a key that exists changes nothing, and inserted says which it was.',
  effect: 'keyed',
  config: z.strictObject({
    table: TableName,
    key: AnyJson.optional().meta({
      title: 'Key',
      help: 'What tells the rows apart.',
      placeholder: '=$json.id',
      needed: true,
      order: 2,
    }),
    row: Columns.default({}).meta({ title: 'Columns', widget: 'pairs', order: 3 }),
  }),
  output: z.looseObject({ inserted: z.boolean() }),
  async run({ item, config: { table, key, row }, store }) {
    const { inserted } = await store.tableInsert(table, key ?? null, row as JsonObject);
    return { ...item.json, inserted };
  },
});

export const update = defineStepType({
  ...common,
  type: 'table.update',
  title: 'Update rows',
  description: 'Changes columns of the rows that match; changed says how many.',
  effect: 'keyed',
  config: z.strictObject({
    table: TableName,
    where: WhereField.default({}),
    set: Columns.meta({ title: 'New values', widget: 'pairs', order: 3 }),
    all: EveryRow,
  }),
  output: z.looseObject({ changed: z.int() }),
  async run({ item, config: { table, where, set, all }, store, written }) {
    const meant = refuseEvery(conditionsOf(written.where, where), all, 'update');
    const { changed } = await store.tableUpdate(table, meant, set as JsonObject);
    return { ...item.json, changed };
  },
});

export const remove = defineStepType({
  ...common,
  type: 'table.delete',
  title: 'Delete rows',
  description: 'Deletes the rows that match; changed says how many.',
  effect: 'keyed',
  config: z.strictObject({ table: TableName, where: WhereField.default({}), all: EveryRow }),
  output: z.looseObject({ changed: z.int() }),
  async run({ item, config: { table, where, all }, store, written }) {
    const meant = refuseEvery(conditionsOf(written.where, where), all, 'delete');
    const { changed } = await store.tableDelete(table, meant);
    return { ...item.json, changed };
  },
});

export const query = defineStepType({
  ...common,
  type: 'table.query',
  title: 'Find rows',
  description: 'Gives the rows that match, each as an item.',
  effect: 'idempotent',
  config: z.strictObject({
    table: TableName,
    where: WhereField.default({}),
    orderBy: z
      .strictObject({
        column: z.string().min(1).max(100).meta({ title: 'Column', expression: false }),
        descending: z.boolean().default(false).meta({ title: 'Largest first', expression: false }),
      })
      .optional()
      .meta({ title: 'Order', help: 'Oldest first when left empty.', order: 3 }),
    limit: z.int().min(1).max(10_000).default(1_000).meta({ title: 'At most', order: 4 }),
  }),
  output: PassedOn,
  run({ config: { table, where, orderBy, limit }, store, written }): Promise<Json> {
    return store.tableQuery({ table, where: conditionsOf(written.where, where), orderBy, limit });
  },
});

/** Every row is meant only where the step says so. */
function refuseEvery(where: Where, all: boolean, what: string): Where {
  if (Object.keys(where).length > 0 || all) return where;
  throw new SluiceError('config.invalid', `The condition of the ${what} is empty, which would mean every row.`, {
    advice: 'Look whether its values are there, or turn on All rows if that is meant.',
  });
}
