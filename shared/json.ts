import { z } from 'zod';

/** Plain data: what crosses every boundary of the system. */
export type Json = null | boolean | number | string | Json[] | JsonObject;
export type JsonObject = { [key: string]: Json };

export const Json: z.ZodType<Json> = z.json() as z.ZodType<Json>;
export const JsonObject: z.ZodType<JsonObject> = z.record(z.string(), Json);

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
