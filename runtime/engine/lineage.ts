import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import type { Item } from '#shared/workflow/tree.ts';

/** Adds what a step returned for one input item: an object, which keeps the item's files, a list, or nothing. */
export function addItems(out: Item[], result: Json | undefined, index: number, source: Item | undefined): void {
  if (result === undefined) return;
  if (Array.isArray(result)) {
    for (const value of result) out.push({ json: asObject(value), from: index });
    return;
  }
  const item: Item = { json: asObject(result), from: index };
  if (source?.binary) item.binary = source.binary;
  out.push(item);
}

/** A result that is not an object becomes `{ value }`. */
export function asObject(value: Json): JsonObject {
  return isJsonObject(value) ? value : { value };
}

/**
 * Fills in where the items of a whole list came from, if the step did not say: by position when as many left as came,
 * all from the only one, else nothing (formats.md 4).
 */
export function withLineage(output: Item[], inputCount: number): Item[] {
  if (output.every((item) => item.from !== undefined)) return output;
  if (inputCount === 1) return output.map((item) => (item.from === undefined ? { ...item, from: 0 } : item));
  if (output.length !== inputCount) return output;
  return output.map((item, index) => (item.from === undefined ? { ...item, from: index } : item));
}
