import type { TableQuery, Where } from '#runtime/connectors/stepType.ts';
import { SluiceError } from '#shared/error.ts';
import { isJsonObject, type Json } from '#shared/json.ts';

/** A piece of SQL whose values are parameters. No text of a caller ever becomes part of `sql`. */
export type Clause = { sql: string; values: (string | number)[] };

/** Columns that every row has beside its own; a row may not bring its own of these names. */
export const OWN_COLUMNS = ['key', 'createdAt', 'updatedAt'] as const;

const OPERATORS = ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'contains'] as const;
type Operator = (typeof OPERATORS)[number];
const COMPARISONS = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;

/** Checks the name of a table. @throws SluiceError config.invalid */
export function tableName(name: string): string {
  if (/^[A-Za-z][A-Za-z0-9_-]{0,62}$/.test(name)) return name;
  throw new SluiceError('config.invalid', `'${clip(name)}' cannot be the name of a table.`, {
    advice: 'Begin with a letter and use only letters, digits, _ and - (at most 63).',
  });
}

/** Checks the name of a column. @throws SluiceError config.invalid */
export function columnName(name: string): string {
  if (name.length > 0 && name.length <= 100 && !/["\\\p{Cc}]/u.test(name)) return name;
  throw new SluiceError('config.invalid', `'${clip(name)}' cannot be the name of a column.`, {
    advice: 'Use at most 100 characters, without quotation marks, backslashes and control characters.',
  });
}

/** The condition of a query: every column must match. Numbers compare with numbers, text with text, nothing is converted. */
export function whereClause(where: Where | undefined): Clause {
  const parts: string[] = [];
  const values: Clause['values'] = [];
  for (const [column, wanted] of Object.entries(where ?? {})) {
    for (const [operator, value] of operatorsOf(column, wanted)) {
      const part = compare(column, operator, value);
      parts.push(part.sql);
      values.push(...part.values);
    }
  }
  return { sql: parts.length > 0 ? parts.join(' AND ') : 'TRUE', values };
}

export function orderClause(orderBy: TableQuery['orderBy']): Clause {
  // Rows come in the order they were put in, and where others are equal.
  if (!orderBy) return { sql: 'id', values: [] };
  const { doc, path } = placeOf(orderBy.column);
  return { sql: `json_extract(${doc}, ?) ${orderBy.descending ? 'DESC' : 'ASC'}, id`, values: [path] };
}

function operatorsOf(column: string, wanted: Where[string]): [Operator, Json][] {
  if (!isJsonObject(wanted)) return [['eq', wanted as Json]];
  return Object.entries(wanted).map(([name, value]) => {
    if (!(OPERATORS as readonly string[]).includes(name)) {
      throw new SluiceError('config.invalid', `'${clip(name)}' is no comparison for the column ${clip(column)}.`, {
        advice: `Use one of ${OPERATORS.join(', ')}.`,
      });
    }
    return [name as Operator, value as Json];
  });
}

function compare(column: string, operator: Operator, value: Json): Clause {
  const { doc, path } = placeOf(column);
  const at = `json_extract(${doc}, ?)`;
  const type = `json_type(${doc}, ?)`;
  if (operator === 'contains') {
    if (typeof value !== 'string' && typeof value !== 'number') throw notComparable(column, operator, value);
    // Text holds text; a list holds the value itself.
    const inText = typeof value === 'string' ? `(${type} = 'text' AND instr(${at}, ?) > 0) OR ` : '';
    return {
      sql: `(${inText}(${type} = 'array' AND EXISTS (SELECT 1 FROM json_each(${doc}, ?) AS e WHERE e.value = ? AND e.type IN (${typesOf(value)}))))`,
      values: [...(inText ? [path, path, value] : []), path, path, value],
    };
  }
  if (operator === 'eq' || operator === 'ne') {
    const not = operator === 'ne' ? 'NOT ' : '';
    if (value === null || value === undefined) return { sql: `${not}(${at} IS NULL)`, values: [path] };
    if (typeof value === 'boolean') return { sql: `${not}(ifnull(${type}, '') = ?)`, values: [path, String(value)] };
    if (typeof value === 'object') throw notComparable(column, operator, value);
    return { sql: `${not}(ifnull(${type}, '') IN (${typesOf(value)}) AND ${at} = ?)`, values: [path, path, value] };
  }
  if (typeof value !== 'string' && typeof value !== 'number') throw notComparable(column, operator, value);
  return { sql: `(${type} IN (${typesOf(value)}) AND ${at} ${COMPARISONS[operator]} ?)`, values: [path, path, value] };
}

/** Where a column's value lies: a JSON document in SQL and the path into it, which is a parameter. */
function placeOf(column: string): { doc: string; path: string } {
  if (column === 'key') return { doc: 'key', path: '$' };
  if (column === 'createdAt') return { doc: 'json_quote(created)', path: '$' };
  if (column === 'updatedAt') return { doc: 'json_quote(updated)', path: '$' };
  return { doc: 'row', path: `$."${columnName(column)}"` };
}

function typesOf(value: string | number): string {
  return typeof value === 'string' ? "'text'" : "'integer', 'real'";
}

function notComparable(column: string, operator: string, value: Json | undefined): SluiceError {
  const what =
    value === undefined
      ? 'nothing'
      : value === null
        ? 'null'
        : Array.isArray(value)
          ? 'a list'
          : `a value of type ${typeof value}`;
  return new SluiceError(
    'config.invalid',
    `The column ${clip(column)} cannot be compared by '${operator}' with ${what}.`,
    {
      advice: 'Compare with a text or a number; eq and ne also take true, false and null.',
    },
  );
}

function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
