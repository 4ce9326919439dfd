import canonicalize from 'canonicalize';
import { isJsonObject, type Json } from '#shared/json.ts';

/**
 * One text for equal values, whatever the order of their fields, to be hashed: RFC 8785. That has none for half a surrogate
 * pair, which services do send and which `JSON.parse` takes, nor for NaN: such a value has the text of what is kept of it,
 * the half escaped, and null.
 */
export function canonicalText(value: Json | undefined): string {
  try {
    return canonicalize(value) ?? 'null';
  } catch {
    return lenient(value);
  }
}

function lenient(value: Json | undefined): string {
  if (Array.isArray(value)) return `[${value.map(lenient).join()}]`;
  if (!isJsonObject(value)) return JSON.stringify(value) ?? 'null';
  const keys = Object.keys(value).filter((key) => value[key] !== undefined);
  return `{${keys
    .sort()
    .map((key) => `${JSON.stringify(key)}:${lenient(value[key])}`)
    .join()}}`;
}
