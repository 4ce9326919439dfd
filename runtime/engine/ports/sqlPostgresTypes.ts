import type pg from 'pg';
import type { Json } from '#shared/json.ts';

const INT8 = 20;
const DATE = 1082;
const TIMESTAMP = 1114;
/** Lists whose entries a driver would make into dates of its own time zone. */
const DATE_LISTS = [1115, 1182];

/** How values of a database are read: as text where JSON has no equal for them. */
export function postgresTypes(types: typeof pg.types): pg.CustomTypesConfig {
  const parsers = new Map<number, (text: string) => unknown>([
    [INT8, (text) => (Number.isSafeInteger(Number(text)) ? Number(text) : text)],
    [DATE, (text) => text],
    [TIMESTAMP, (text) => text.replace(' ', 'T')],
    ...DATE_LISTS.map((oid) => [oid, (text: string) => text] as const),
  ]);
  return {
    getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
      parsers.get(oid) ?? types.getTypeParser(oid, format as 'text')) as pg.CustomTypesConfig['getTypeParser'],
  };
}

/** What a driver gives as plain JSON: moments as ISO text, bytes as base64, what is no number as null. */
export function jsonFrom(value: unknown): Json {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map(jsonFrom);
  return Object.fromEntries(Object.entries(value as object).map(([key, entry]) => [key, jsonFrom(entry)]));
}
