import type { JsonObject } from '#shared/json.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { failedItem } from '../fields.ts';

/**
 * Any number of items out of each item in, each with its own config. An item that fails leaves by `error`; the others
 * go on.
 */
export async function manyItems<C>(
  { inputs: { main = [] }, configFor }: { inputs: Record<string, Item[]>; configFor(item: Item): C },
  work: (item: Item, config: C) => Promise<JsonObject[]>,
): Promise<Record<string, Item[]>> {
  const out: Item[] = [];
  const failed: Item[] = [];
  for (const [from, item] of main.entries()) {
    try {
      for (const json of await work(item, configFor(item))) out.push({ json, from });
    } catch (thrown) {
      failed.push(failedItem(thrown, item, from));
    }
  }
  return failed.length > 0 ? { main: out, error: failed } : { main: out };
}
