import { z } from 'zod';

/** Plain data: what crosses every boundary of the system. */
export type Json = null | boolean | number | string | Json[] | JsonObject;
export type JsonObject = { [key: string]: Json };

export const Json: z.ZodType<Json, Json> = z.json() as z.ZodType<Json, Json>;
export const JsonObject: z.ZodType<JsonObject, JsonObject> = z.record(z.string(), Json);

/** Whether a value is an object with named fields: neither null nor a list. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A copy without prototype, at every depth, so that no key can reach `Object.prototype`. */
export function toPlain<T extends Json>(value: T): T {
  if (Array.isArray(value)) return value.map(toPlain) as T;
  if (!isJsonObject(value)) return value;
  const copy: JsonObject = Object.create(null) as JsonObject;
  for (const key of Object.keys(value)) copy[key] = toPlain(value[key] as Json);
  return copy as T;
}

/** Whether a value nests more than `limit` deep: a look at what was parsed takes a seventh of one at its text. */
export function nestsDeeper(value: Json, limit: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (limit === 0) return true;
  if (Array.isArray(value)) {
    for (const inner of value) if (nestsDeeper(inner, limit - 1)) return true;
    return false;
  }
  for (const key in value) if (nestsDeeper(value[key] as Json, limit - 1)) return true;
  return false;
}

/** How deep a JSON text nests, counted no further than one past `limit`. Cheap, so it can stand before `JSON.parse`. */
export function jsonDepth(text: string, limit: number): number {
  let depth = 0;
  let deepest = 0;
  let inText = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (inText) {
      if (code === 92) i++;
      else if (code === 34) inText = false;
    } else if (code === 34) inText = true;
    else if (code === 123 || code === 91) {
      depth += 1;
      if (depth > deepest) deepest = depth;
      if (deepest > limit) return deepest;
    } else if (code === 125 || code === 93) depth -= 1;
  }
  return deepest;
}
