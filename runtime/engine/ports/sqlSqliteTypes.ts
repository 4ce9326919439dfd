import type { SQLInputValue } from 'node:sqlite';
import type { Json } from '#shared/json.ts';

/** A parameter: whole numbers as such, lists and objects as their JSON. */
export function toSqlite(value: Json): SQLInputValue {
  if (value === null || value === undefined) return null;
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** What a database gives as plain JSON: numbers that JSON cannot hold as text, bytes as base64. */
export function fromSqlite(value: unknown): Json {
  if (typeof value === 'bigint') {
    return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : String(value);
  }
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  return typeof value === 'string' ? value : null;
}
