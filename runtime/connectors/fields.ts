import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import type { Item } from '#shared/workflow/tree.ts';

/** Any JSON. Not looked into: a config is plain data before it comes here, and its schema stays short for the form. */
export const AnyJson = z.unknown() as z.ZodType<Json | undefined>;

/** The name of a field of an item, or a way into it: `body.issue.number`. Taken literally. */
export const FieldPath = z.string().min(1).max(300).meta({ expression: false });

/** The name of a field that a step makes. */
export const FieldName = z
  .string()
  .min(1)
  .max(100)
  .refine((name) => name !== '__proto__', 'must be another name')
  .meta({ expression: false });

/** What a file is called in an item. */
export const FileKey = z.string().min(1).max(100);

/** What a file is called where it is saved: a name without a path. */
export const FileName = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^/\\\p{Cc}]+$/u, 'must be a name without a path');

/** What an item looks like that is passed on with more fields. */
export const PassedOn = z.looseObject({});

/** A field of an item: one of exactly that name, else what the parts between dots lead to. Undefined where there is none. */
export function readField(json: JsonObject, path: string): Json | undefined {
  if (Object.hasOwn(json, path)) return json[path];
  let at: Json | undefined = json;
  for (const part of path.split('.')) {
    if (Array.isArray(at)) at = /^\d{1,9}$/.test(part) ? at[Number(part)] : undefined;
    else at = isJsonObject(at) && Object.hasOwn(at, part) ? at[part] : undefined;
  }
  return at;
}

/**
 * One text for equal values, whatever the order of their fields: to compare by. Unlike canonical JSON it takes any text,
 * also one with half a character, as services send it.
 */
export function sortedText(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(sortedText).join()}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${sortedText(value[key] as Json)}`).join()}}`;
}

/** The last part of a way into an item: the name that its value gets elsewhere. */
export function lastPart(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1) || path;
}

/**
 * Whether a condition holds. No are `false`, null, nothing, 0, empty text and the text `false`; everything else is yes,
 * empty lists and objects too, as in JavaScript.
 */
export function isYes(value: Json | undefined): boolean {
  return Boolean(value) && value !== 'false';
}

/** One item that failed among others, as it leaves by `error`. What may pass by itself is thrown on, to be tried again. */
export function failedItem(thrown: unknown, item: Item, from: NonNullable<Item['from']>): Item {
  const error = SluiceError.from(thrown);
  if (error.code === 'internal' || error.retry !== 'no') throw thrown;
  return { ...item, json: { ...item.json, error: error.toWire() as unknown as Json }, from };
}

/** A value's kind in words, for messages. */
export function kindOf(value: Json | undefined): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  return typeof value === 'string' ? 'a text' : typeof value === 'number' ? 'a number' : String(value);
}
