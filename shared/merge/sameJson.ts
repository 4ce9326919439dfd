import { isJsonObject, type Json, type JsonObject } from '../json.ts';

/** What stands at a place of a tree; undefined: nothing. */
export type Value = Json | undefined;

/**
 * Whether two values are the same by RFC 8785: the order of fields does not count, absent fields are no fields. Nothing is
 * hashed, and what two trees share is not looked into, so that comparing costs what changed.
 */
export function sameJson(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((one, i) => sameJson(one, b[i] as Json));
  if (!isJsonObject(a) || !isJsonObject(b)) return false;
  let left = 0;
  for (const key of Object.keys(b)) if (b[key] !== undefined) left++;
  for (const key of Object.keys(a)) {
    if (a[key] === undefined) continue;
    if (!sameJson(a[key], own(b, key))) return false;
    left--;
  }
  return left === 0;
}

/** What an object itself holds under a key: `constructor` is a variable like any other. */
export function own(value: JsonObject, key: string): Value {
  return Object.hasOwn(value, key) ? value[key] : undefined;
}
