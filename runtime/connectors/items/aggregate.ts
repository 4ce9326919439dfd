import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import type { Json, JsonObject } from '#shared/json.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { FieldPath, kindOf, lastPart, PassedOn, readField, sortedText } from '../fields.ts';
import { defineStepType } from '../stepType.ts';

const Operation = z.enum(['list', 'count', 'sum', 'min', 'max', 'avg', 'first', 'last']);
type Operation = z.infer<typeof Operation>;

export const aggregate = defineStepType({
  version: 1,
  type: 'items.aggregate',
  title: 'Aggregate',
  description: 'Makes one item of many: lists, counts, sums and averages, for all or for each group.',
  category: 'items',
  icon: 'sigma',
  effect: 'pure',
  mode: 'once',
  config: z.strictObject({
    fields: z
      .array(
        z
          .strictObject({
            operation: Operation.default('list').meta({ title: 'What', expression: false, order: 1 }),
            field: FieldPath.optional().meta({
              title: 'Of the field',
              help: 'Count needs none: it then counts the items.',
              placeholder: 'amount',
              expression: false,
              order: 2,
            }),
            as: z.string().min(1).max(100).optional().meta({
              title: 'Name of the result',
              help: 'The field’s name for a list, else like sum_amount.',
              expression: false,
              order: 3,
            }),
          })
          .refine(({ operation, field }) => operation === 'count' || field !== undefined, {
            message: 'must be named',
            path: ['field'],
          }),
      )
      .min(1)
      .max(50)
      .meta({ title: 'Results', order: 1 }),
    groupBy: z.array(FieldPath).max(10).default([]).meta({
      title: 'For each',
      help: 'One item for each different value of these fields.',
      expression: false,
      order: 2,
    }),
  }),
  output: PassedOn,
  runAll({ inputs: { main = [] }, config: { fields, groupBy } }) {
    const groups = new Map<string, { json: JsonObject; members: [item: Item, index: number][] }>();
    for (const [index, item] of main.entries()) {
      const key = groupBy.map((path) => readField(item.json, path) ?? null);
      const text = sortedText(key);
      let group = groups.get(text);
      if (!group) {
        group = { json: Object.fromEntries(groupBy.map((path, i) => [lastPart(path), key[i] as Json])), members: [] };
        groups.set(text, group);
      }
      group.members.push([item, index]);
    }
    const merged = [...groups.values()].map(({ json, members }): Item => {
      const items = members.map(([item]) => item);
      for (const { operation, field, as } of fields)
        json[as ?? nameOf(operation, field)] = result(operation, field, items);
      return { json, from: members.map(([, index]) => ['main', index]) };
    });
    return { main: merged };
  },
});

function nameOf(operation: Operation, field: string | undefined): string {
  if (field === undefined) return operation;
  return operation === 'list' ? lastPart(field) : `${operation}_${lastPart(field)}`;
}

/** Null and missing values are passed over, as in SQL: an average is over those that are there. */
function result(operation: Operation, field: string | undefined, items: Item[]): Json {
  if (field === undefined) return items.length;
  const values = items
    .map(({ json }) => readField(json, field))
    .filter((value) => value !== undefined && value !== null);
  switch (operation) {
    case 'list':
      return values;
    case 'count':
      return values.length;
    case 'first':
      return values[0] ?? null;
    case 'last':
      return values.at(-1) ?? null;
    case 'sum':
      return numbers(values, field, operation).reduce((sum, value) => sum + value, 0);
    case 'avg':
      return values.length === 0
        ? null
        : numbers(values, field, operation).reduce((sum, value) => sum + value, 0) / values.length;
    case 'min':
    case 'max':
      return extreme(values, field, operation);
  }
}

function extreme(values: Json[], field: string, operation: 'min' | 'max'): Json {
  if (values.length === 0) return null;
  const comparable = values.every((value) => typeof value === 'string')
    ? (values as string[])
    : numbers(values, field, operation);
  return comparable.reduce<string | number>(
    (best, value) => ((operation === 'min' ? value < best : value > best) ? value : best),
    comparable[0] as string | number,
  );
}

function numbers(values: Json[], field: string, operation: Operation): number[] {
  return values.map((value) => {
    if (typeof value === 'number') return value;
    throw new SluiceError('config.invalid', `${operation} of ${field}: one value is ${kindOf(value)}, not a number.`, {
      advice: 'Turn it into a number first, for example with =Number($json.amount) in a set step.',
    });
  });
}
