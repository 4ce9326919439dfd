import { SluiceError } from '#shared/error.ts';
import { isJsonObject, type Json } from '#shared/json.ts';
import { kindOf } from '../fields.ts';
import type { Where } from '../stepType.ts';

type Resolved = Record<string, Json | undefined>;

/**
 * The rows that a step's author meant. A comparison is one that stands in the config as `written`; what an expression gave
 * is a value and nothing else, since an object that came with the data could be a comparison that nobody wrote:
 * `{ "ne": 0 }` for the rows of one customer. Nor does an expression that gave nothing leave its condition out.
 *
 * @throws SluiceError config.invalid, data.invalid, each with the column
 */
export function conditionsOf(written: Json | undefined, resolved: Resolved): Where {
  const authored = isJsonObject(written) ? written : {};
  const columns = new Set([...Object.keys(authored), ...Object.keys(resolved)]);
  const where: Where = {};
  for (const column of columns) {
    const own = Object.hasOwn(authored, column) ? authored[column] : undefined;
    const value = Object.hasOwn(resolved, column) ? resolved[column] : undefined;
    where[column] = isJsonObject(own) ? comparisons(column, Object.keys(own), value) : plain(column, value);
  }
  return where;
}

function comparisons(column: string, operators: readonly string[], value: Json | undefined): Record<string, Json> {
  if (operators.length === 0) {
    throw new SluiceError('config.invalid', `The condition for ${column} compares with nothing, so every row has it.`, {
      advice: 'Write a value or a comparison such as { "gt": 3 }, or leave the column out.',
      details: { column },
    });
  }
  const given = isJsonObject(value) ? value : {};
  return Object.fromEntries(operators.map((operator) => [operator, plain(`${column} ${operator}`, given[operator])]));
}

function plain(place: string, value: Json | undefined): Json {
  if (value === undefined) {
    throw new SluiceError('data.invalid', `The condition ${place} has no value: its expression gave nothing.`, {
      advice: 'Look whether the item has that field. Write null for rows without one, such as {{ $json.id ?? null }}.',
      details: { condition: place },
    });
  }
  if (value === null || typeof value !== 'object') return value;
  throw new SluiceError('data.invalid', `The condition ${place} got ${kindOf(value)} from the data, not a value.`, {
    advice:
      'Name a text or a number of it, such as {{ $json.filter.id }}. A comparison is written in the step itself: { "gt": "{{ $json.least }}" }.',
    details: { condition: place },
  });
}
