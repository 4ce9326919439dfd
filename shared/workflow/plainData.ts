import { isJsonObject, type Json, type JsonObject } from '../json.ts';

const MAX_DEPTH = 64;

/** Whether every store we use can keep the text: no U+0000, no half of a surrogate pair. */
export function storable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

/** Why a value cannot be kept in a project, or undefined where it can: what a file may hold, a change may hold. */
export function dataFault(value: unknown, depth = 0): string | undefined {
  if (depth > MAX_DEPTH) return `it is nested deeper than ${MAX_DEPTH} levels`;
  if (typeof value === 'string') return storable(value) ? undefined : 'it holds a character that cannot be stored';
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : `${value} is not a JSON number`;
  if (value === null || typeof value === 'boolean') return undefined;
  if (Array.isArray(value)) return firstFault(value, depth);
  if (!isJsonObject(value)) return 'it is not JSON';
  for (const key of Object.keys(value)) {
    if (key === '__proto__' || key.length > 1000 || !storable(key))
      return `"${key.slice(0, 40)}" is not allowed as a field's name`;
  }
  return firstFault(
    Object.values(value).filter((one) => one !== undefined),
    depth,
  );
}

function firstFault(values: unknown[], depth: number): string | undefined {
  for (const one of values) {
    const fault = dataFault(one, depth + 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** What stands at a path, or undefined. Only own fields count. */
export function getIn(value: unknown, path: readonly string[]): Json | undefined {
  let at = value;
  for (const key of path) {
    if (Array.isArray(at)) at = at[Number(key)];
    else if (isJsonObject(at) && Object.hasOwn(at, key)) at = at[key];
    else return undefined;
  }
  return at as Json | undefined;
}

/**
 * A copy with one place changed, sharing everything else; undefined takes the field away.
 *
 * @param fresh copies that nobody else has seen yet: they are changed in place, and those made here are added. Many
 *   changes in a row so copy a large map once
 * @returns undefined where the path's parent does not exist; parents are not made
 */
export function setIn<T>(value: T, path: readonly string[], put: Json | undefined, fresh?: Set<object>): T | undefined {
  const [key, ...rest] = path;
  if (key === undefined) return put as T;
  if (Array.isArray(value)) {
    const index = Number(key);
    const inside = Number.isInteger(index) && index >= 0 && index <= value.length;
    if (!inside || (index === value.length && (rest.length > 0 || put === undefined))) return undefined;
    const child = rest.length === 0 ? put : setIn(value[index], rest, put, fresh);
    if (rest.length > 0 && child === undefined) return undefined;
    return (child === undefined ? value.toSpliced(index, 1) : value.toSpliced(index, 1, child)) as T;
  }
  if (!isJsonObject(value) || key === '__proto__') return undefined;
  if (rest.length > 0 && !Object.hasOwn(value, key)) return undefined;
  const child = rest.length === 0 ? put : setIn(value[key], rest, put, fresh);
  if (rest.length > 0 && child === undefined) return undefined;
  const copy = fresh?.has(value) ? value : (Object.assign(Object.create(null), value) as JsonObject);
  fresh?.add(copy);
  if (child === undefined) delete copy[key];
  else copy[key] = child;
  return copy as T;
}
