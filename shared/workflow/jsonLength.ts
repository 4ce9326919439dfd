import { isJsonObject, type Json } from '../json.ts';

const lengths = new WeakMap<object, number>();

/**
 * How long the JSON text of a value is. Remembered per object, so values must not be changed after they were measured; a
 * copy that shares its unchanged parts costs only what changed.
 */
export function jsonLength(value: Json): number {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value).length;
  const known = lengths.get(value);
  if (known !== undefined) return known;
  const length = isJsonObject(value) ? lengthOfFields(value) : JSON.stringify(value).length;
  lengths.set(value, length);
  return length;
}

function lengthOfFields(value: Record<string, Json | undefined>): number {
  let length = 2;
  let isFirst = true;
  for (const key in value) {
    const child = value[key];
    if (child === undefined) continue;
    length += JSON.stringify(key).length + 1 + jsonLength(child) + (isFirst ? 0 : 1);
    isFirst = false;
  }
  return length;
}
