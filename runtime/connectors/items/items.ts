import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import { AnyJson, FieldPath, kindOf, lastPart, PassedOn, readField } from '../fields.ts';
import { defineStepType } from '../stepType.ts';

const common = { version: 1, category: 'items', effect: 'pure', output: PassedOn } as const;

export const set = defineStepType({
  ...common,
  type: 'items.set',
  title: 'Set fields',
  description: 'Gives each item new or changed fields.',
  icon: 'pencil',
  mode: 'each',
  config: z.strictObject({
    fields: z
      .record(z.string(), AnyJson)
      .default({})
      .meta({ title: 'Fields', help: 'A name and a value each.', widget: 'pairs', order: 1 }),
    keepOthers: z.boolean().default(true).meta({ title: 'Keep the other fields', order: 2 }),
  }),
  run({ item, config: { fields, keepOthers } }) {
    if (keepOthers) return { ...item.json, ...fields } as JsonObject;
    // Fields with an expression among them were made for this item; others are shared by all.
    return (Object.isFrozen(fields) ? { ...fields } : fields) as JsonObject;
  },
});

export const sort = defineStepType({
  ...common,
  type: 'items.sort',
  title: 'Sort',
  description: 'Puts the items in order by one or more fields.',
  icon: 'arrow-down-up',
  mode: 'once',
  config: z.strictObject({
    by: z
      .array(
        z.strictObject({
          field: FieldPath.meta({ title: 'Field', placeholder: 'createdAt', expression: false }),
          direction: z
            .enum(['ascending', 'descending'])
            .default('ascending')
            .meta({ title: 'Direction', expression: false }),
        }),
      )
      .min(1)
      .max(10)
      .meta({ title: 'By', help: 'Numbers come before text; items without the field come last.' }),
  }),
  runAll({ inputs: { main = [] }, config }) {
    const marked = main.map((item, from) => ({
      item: { ...item, from },
      keys: config.by.map(({ field }) => readField(item.json, field)),
    }));
    marked.sort((a, b) => {
      for (const [i, { direction }] of config.by.entries()) {
        const order = compare(a.keys[i], b.keys[i], direction === 'descending' ? -1 : 1);
        if (order !== 0) return order;
      }
      return 0;
    });
    return { main: marked.map(({ item }) => item) };
  },
});

export const limit = defineStepType({
  ...common,
  type: 'items.limit',
  title: 'Limit',
  description: 'Passes on only so many items, from the front or the end.',
  icon: 'list-end',
  mode: 'once',
  config: z.strictObject({
    count: z.int().min(0).max(1_000_000).default(1).meta({ title: 'How many', order: 1 }),
    keep: z.enum(['first', 'last']).default('first').meta({ title: 'Keep', expression: false, order: 2 }),
  }),
  runAll({ inputs: { main = [] }, config: { count, keep } }) {
    const all = main.map((item, from) => ({ ...item, from }));
    return { main: keep === 'first' ? all.slice(0, count) : all.slice(Math.max(0, all.length - count)) };
  },
});

export const splitOut = defineStepType({
  ...common,
  type: 'items.splitOut',
  title: 'Split out',
  description: 'Makes an item of each entry of a list in the item.',
  icon: 'ungroup',
  mode: 'each',
  config: z.strictObject({
    field: FieldPath.meta({ title: 'Field with the list', placeholder: 'body.lines', expression: false, order: 1 }),
    keepOthers: z
      .boolean()
      .default(false)
      .meta({ title: 'Keep the other fields', help: 'Then each entry stands under the name of the list.', order: 2 }),
  }),
  run({ item, config: { field, keepOthers } }): Json[] {
    const list = readField(item.json, field);
    if (list === undefined || list === null) return [];
    if (!Array.isArray(list)) {
      throw new SluiceError('config.invalid', `The field ${field} is ${kindOf(list)}, not a list.`, {
        advice: 'Name the field that holds the list.',
      });
    }
    const name = lastPart(field);
    if (!keepOthers) return list.map((entry) => (isJsonObject(entry) ? entry : { [name]: entry }));
    const { [name]: _, ...others } = item.json;
    return list.map((entry) => ({ ...others, [name]: entry }));
  },
});

/** Numbers, then text, then everything else, what is missing last, whichever the direction. */
function compare(a: Json | undefined, b: Json | undefined, sign: 1 | -1): number {
  const [left, right] = [rank(a), rank(b)];
  if (left !== right) return left === MISSING || right === MISSING ? left - right : (left - right) * sign;
  if (left === MISSING) return 0;
  const [x, y] = [comparable(a), comparable(b)];
  return x < y ? -sign : x > y ? sign : 0;
}

const MISSING = 3;

function rank(value: Json | undefined): number {
  if (value === undefined || value === null) return MISSING;
  return typeof value === 'number' ? 0 : typeof value === 'string' ? 1 : 2;
}

function comparable(value: Json | undefined): number | string {
  if (typeof value === 'number' || typeof value === 'string') return value;
  return JSON.stringify(value ?? null);
}
