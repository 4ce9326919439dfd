import { isJsonObject, type Json } from '../../json.ts';
import { own, sameJson, type Value } from '../sameJson.ts';

/** What an edit did at one leaf of the tree. For a line of a script the path ends in the line, and `to` says if it is there. */
export type LeafChange = { path: string[]; to: Value; isLine?: true };

/** All that leads from one tree to another, leaf by leaf. Lists are leaves; so are empty objects. */
export function leafChanges(before: Value, after: Value, path: string[] = []): LeafChange[] {
  if (before === after) return [];
  if (path[0] === 'scripts' && path.length === 2) return lineChanges(before, after, path);
  const [from, to] = [fieldsOf(before), fieldsOf(after)];
  if (!from && !to) return sameJson(before, after) ? [] : [{ path, to: after }];
  const found: LeafChange[] = [];
  const look = (was: Value, is: Value, key: string) => {
    // Most of a large map is the very same.
    if (was !== is) found.push(...leafChanges(was, is, [...path, key]));
  };
  for (const key in from) look(from[key], to && own(to, key), key);
  for (const key in to) if (!from || !Object.hasOwn(from, key)) look(undefined, to[key], key);
  // A leaf that became an object, or the other way round.
  if (!from && before !== undefined && to) return found;
  if (!to && after !== undefined) found.push({ path, to: after });
  return found;
}

function fieldsOf(value: Value): { [key: string]: Json } | undefined {
  return isJsonObject(value) && Object.keys(value).length > 0 ? value : undefined;
}

/** Every line occurs once in a script. One that goes away is one leaf. */
function lineChanges(before: Value, after: Value, path: string[]): LeafChange[] {
  if (after === undefined) return [{ path, to: undefined }];
  const [from, to] = [linesOf(before), linesOf(after)];
  return [
    ...[...from].filter((line) => !to.has(line)).map((line) => ({ path: [...path, line], to: undefined })),
    ...[...to].filter((line) => !from.has(line)).map((line) => ({ path: [...path, line], to: true })),
  ].map((change) => ({ ...change, isLine: true as const }));
}

export function linesOf(text: Value): Set<string> {
  return new Set(typeof text === 'string' ? text.split('\n').filter((line) => line !== '') : []);
}
