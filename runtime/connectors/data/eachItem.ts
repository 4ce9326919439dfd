import { SluiceError } from '#shared/error.ts';
import type { Json, JsonObject } from '#shared/json.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { failedItem, readField } from '../fields.ts';
import type { FileRef } from '../stepType.ts';

type Given = Item | { port: string; item: Item };

/**
 * Works on one item after the other, each with its own config, for steps that make files or have other ports than `main`.
 * An item that fails leaves by `error`; the others go on.
 */
export async function eachItem<C>(
  { inputs: { main = [] }, configFor }: { inputs: Record<string, Item[]>; configFor(item: Item): C },
  work: (item: Item, config: C) => Promise<Given> | Given,
  ports: readonly string[] = ['main'],
): Promise<Record<string, Item[]>> {
  const out: Record<string, Item[]> = Object.fromEntries(ports.map((port) => [port, []]));
  const failed: Item[] = [];
  for (const [from, item] of main.entries()) {
    try {
      const given = await work(item, configFor(item));
      const [port, made] = 'port' in given ? [given.port, given.item] : ['main', given];
      out[port]?.push({ ...made, from });
    } catch (thrown) {
      failed.push(failedItem(thrown, item, from));
    }
  }
  return failed.length > 0 ? { ...out, error: failed } : out;
}

/** A file of an item. @throws SluiceError data.invalid with the names of the files there are */
export function fileOf(item: Item, name: string): FileRef {
  const found = item.binary && Object.hasOwn(item.binary, name) ? item.binary[name] : undefined;
  if (found) return found;
  const names = Object.keys(item.binary ?? {});
  throw new SluiceError('data.invalid', `The item has no file '${name.slice(0, 100)}'.`, {
    advice: names.length > 0 ? `It has ${names.slice(0, 10).join(', ')}.` : 'It has no files; read or make one before.',
  });
}

/** The text that a step works on: the value given, else the field of the item that is meant by default. @throws SluiceError data.invalid, limit.exceeded */
export function textOf(given: Json | undefined, json: JsonObject, field: string, limit: number): string {
  const value = given === undefined ? readField(json, field) : given;
  if (typeof value !== 'string') {
    const what =
      value === undefined ? `There is no text, and the item has no field ${field}` : 'What was given is no text';
    throw new SluiceError('data.invalid', `${what}.`, {
      advice: 'Say in the step where the text stands, for example ={{ $json.body }}.',
    });
  }
  if (value.length <= limit) return value;
  throw new SluiceError('limit.exceeded', `The text has ${value.length} characters; ${limit} are allowed.`, {
    advice: 'Split it first, or do it in a code step.',
    details: { limit },
  });
}
