import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import type { Json, JsonObject } from '#shared/json.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { FieldName, FieldPath, kindOf, lastPart, PassedOn, readField, sortedText } from '../fields.ts';
import { defineStepType } from '../stepType.ts';

const Operation = z.enum([
  'count',
  'count_distinct',
  'sum',
  'average',
  'min',
  'max',
  'first',
  'last',
  'concatenate',
  'list',
]);
type Operation = z.infer<typeof Operation>;
const MOST_TEXT = 10_000_000;

export const summarize = defineStepType({
  version: 1,
  type: 'items.summarize',
  title: 'Summarize',
  description: 'Counts, adds up and joins the values of items, for all of them or for each group, like a pivot table.',
  category: 'items',
  icon: 'table-properties',
  effect: 'pure',
  mode: 'once',
  config: z.strictObject({
    values: z
      .array(
        z
          .strictObject({
            operation: Operation.default('count').meta({ title: 'What', expression: false, order: 1 }),
            field: FieldPath.optional().meta({
              title: 'Of the field',
              help: 'Count needs none: it then counts the items.',
              placeholder: 'amount',
              expression: false,
              order: 2,
            }),
            separator: z
              .string()
              .max(100)
              .default(', ')
              .meta({ title: 'Between them', expression: false, showWhen: { operation: 'concatenate' }, order: 3 }),
            as: FieldName.optional().meta({
              title: 'Name of the result',
              help: 'Else like sum_amount.',
              expression: false,
              order: 4,
            }),
          })
          .refine(({ operation, field }) => operation === 'count' || field !== undefined, {
            message: 'must be named',
            path: ['field'],
          }),
      )
      .min(1)
      .max(50)
      .meta({ title: 'Values', order: 1 }),
    groupBy: z.array(FieldPath).max(10).default([]).meta({
      title: 'For each',
      help: 'One item for each different value of these fields.',
      placeholder: 'country',
      expression: false,
      order: 2,
    }),
    notNumbers: z.enum(['fail', 'skip']).default('fail').meta({
      title: 'A value that is no number',
      help: 'For sum, average, min and max. What is skipped is counted in the log.',
      expression: false,
      order: 3,
    }),
    emptyTexts: z
      .boolean()
      .default(false)
      .meta({ title: 'Count empty texts as values', help: 'Missing and null never are.', expression: false, order: 4 }),
  }),
  output: PassedOn,
  runAll({ inputs: { main = [] }, config: { values, groupBy, notNumbers, emptyTexts }, log }) {
    const groups = new Map<string, { keys: Json[]; from: [string, number][]; cells: Cell[] }>();
    for (const [index, { json }] of main.entries()) {
      const keys = groupBy.map((path) => readField(json, path) ?? null);
      const text = sortedText(keys);
      let group = groups.get(text);
      if (!group) {
        group = { keys, from: [], cells: values.map(() => emptyCell()) };
        groups.set(text, group);
      }
      group.from.push(['main', index]);
      for (const [i, { operation, field }] of values.entries()) {
        const cell = group.cells[i] as Cell;
        const value = field === undefined ? true : readField(json, field);
        if (value === undefined || value === null || (value === '' && !emptyTexts)) continue;
        add(cell, operation, value, { field: field ?? '', index, skip: notNumbers === 'skip' });
      }
    }
    const skipped = new Map<string, number>();
    const merged = [...groups.values()].map(({ keys, from, cells }): Item => {
      const entries: [string, Json][] = groupBy.map((path, i) => [lastPart(path), keys[i] as Json]);
      for (const [i, { operation, field, as, separator }] of values.entries()) {
        const cell = cells[i] as Cell;
        const name = as ?? (field === undefined ? operation : `${operation}_${lastPart(field)}`);
        entries.push([name, result(cell, operation, separator)]);
        if (cell.skipped > 0) skipped.set(name, (skipped.get(name) ?? 0) + cell.skipped);
      }
      return { json: Object.fromEntries(entries) as JsonObject, from };
    });
    for (const [name, count] of skipped) log('warn', `${name}: ${count} values are no numbers and were left out.`);
    return { main: merged };
  },
});

/** What is known of one value of one group so far. */
type Cell = {
  count: number;
  sum: number;
  best: number | string | undefined;
  first: Json | undefined;
  last: Json | undefined;
  all: Json[];
  distinct: Set<string>;
  skipped: number;
};

function emptyCell(): Cell {
  return {
    count: 0,
    sum: 0,
    best: undefined,
    first: undefined,
    last: undefined,
    all: [],
    distinct: new Set(),
    skipped: 0,
  };
}

type Where = { field: string; index: number; skip: boolean };

function add(cell: Cell, operation: Operation, value: Json, where: Where): void {
  switch (operation) {
    case 'sum':
    case 'average': {
      if (typeof value !== 'number') {
        notNumber(cell, operation, value, where);
        return;
      }
      cell.sum += value;
      break;
    }
    case 'min':
    case 'max': {
      // Texts compare with texts, as dates of one form do; a text among numbers does not.
      const fits = typeof value === 'number' || typeof value === 'string';
      if (!fits || (cell.best !== undefined && typeof cell.best !== typeof value)) {
        notNumber(cell, operation, value, where);
        return;
      }
      if (cell.best === undefined || (operation === 'min' ? value < cell.best : value > cell.best)) cell.best = value;
      break;
    }
    case 'count_distinct':
      cell.distinct.add(sortedText(value));
      break;
    case 'concatenate':
    case 'list':
      cell.all.push(value);
      break;
    case 'first':
      if (cell.count === 0) cell.first = value;
      break;
    case 'last':
      cell.last = value;
      break;
    case 'count':
      break;
  }
  cell.count += 1;
}

function notNumber(cell: Cell, operation: Operation, value: Json, { field, index, skip }: Where): void {
  if (skip) {
    cell.skipped += 1;
    return;
  }
  throw new SluiceError('data.invalid', `${operation} of ${field}: item ${index} has ${kindOf(value)}, not a number.`, {
    advice:
      'Turn it into a number first, for example with =Number($json.amount) in a set step, or leave such values out.',
    details: { itemIndex: index, field },
  });
}

function result(cell: Cell, operation: Operation, separator: string): Json {
  switch (operation) {
    case 'count':
      return cell.count;
    case 'count_distinct':
      return cell.distinct.size;
    case 'sum':
      return finite(cell.sum, operation);
    case 'average':
      return cell.count === 0 ? null : finite(cell.sum / cell.count, operation);
    case 'min':
    case 'max':
      return cell.best ?? null;
    case 'first':
      return cell.first ?? null;
    case 'last':
      return cell.last ?? null;
    case 'list':
      return cell.all;
    case 'concatenate':
      return joined(cell.all, separator);
  }
}

function finite(value: number, operation: Operation): number {
  if (Number.isFinite(value)) return value;
  throw new SluiceError('data.invalid', `The ${operation} is larger than a number can be.`, {
    advice: 'Divide the values first, or leave out those that are too large.',
  });
}

function joined(values: Json[], separator: string): string {
  const texts = values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value)));
  const length = texts.reduce((sum, text) => sum + text.length + separator.length, 0);
  if (length <= MOST_TEXT) return texts.join(separator);
  throw new SluiceError(
    'limit.exceeded',
    `The joined text would have ${length} characters; ${MOST_TEXT} are allowed.`,
    {
      advice: 'Group the items, or make a list of them.',
      details: { limit: MOST_TEXT },
    },
  );
}
