import { z } from 'zod';
import type { Json, JsonObject } from '#shared/json.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { FieldPath, PassedOn, readField, sortedText } from '../fields.ts';
import { defineStepType } from '../stepType.ts';

export const merge = defineStepType({
  version: 1,
  type: 'flow.merge',
  title: 'Merge',
  description: 'Brings two branches together: one after the other, pair by pair, or by a common key.',
  category: 'flow',
  icon: 'merge',
  effect: 'pure',
  mode: 'once',
  inputs: ['a', 'b'],
  config: z
    .strictObject({
      how: z
        .enum(['append', 'by_position', 'by_key'])
        .default('append')
        .meta({ title: 'How', help: 'Where both have a field, that of b wins.', expression: false, order: 1 }),
      keyA: FieldPath.optional().meta({
        title: 'Key in a',
        help: 'For by key.',
        expression: false,
        placeholder: 'id',
        order: 2,
      }),
      keyB: FieldPath.optional().meta({
        title: 'Key in b',
        help: 'The same as in a when left empty.',
        expression: false,
        order: 3,
      }),
      keep: z
        .enum(['matched', 'all_of_a', 'all'])
        .default('matched')
        .meta({ title: 'Keep', help: 'Only pairs, or also what found no partner.', expression: false, order: 4 }),
    })
    .refine(({ how, keyA }) => how !== 'by_key' || keyA !== undefined, {
      message: 'must be named to merge by key',
      path: ['keyA'],
    }),
  output: PassedOn,
  runAll({ inputs: { a = [], b = [] }, config: { how, keyA = '', keyB = keyA, keep } }) {
    if (how === 'append')
      return { main: [...a.map((item, i) => alone('a', item, i)), ...b.map((item, i) => alone('b', item, i))] };
    const partners = how === 'by_position' ? (_: Item, i: number) => (i < b.length ? [i] : []) : byKey(b, keyA, keyB);
    const used = new Set<number>();
    const main: Item[] = [];
    for (const [i, item] of a.entries()) {
      const found = partners(item, i);
      for (const j of found) {
        used.add(j);
        main.push(joined(item, i, b[j] as Item, j));
      }
      if (found.length === 0 && keep !== 'matched') main.push(alone('a', item, i));
    }
    if (keep === 'all') for (const [j, item] of b.entries()) if (!used.has(j)) main.push(alone('b', item, j));
    return { main };
  },
});

/** For an item of a, the places in b with an equal key. An item without the key has no partner. */
function byKey(b: Item[], keyA: string, keyB: string): (item: Item) => number[] {
  const places = new Map<string, number[]>();
  for (const [j, { json }] of b.entries()) {
    const key = keyText(json, keyB);
    if (key === undefined) continue;
    const list = places.get(key);
    if (list) list.push(j);
    else places.set(key, [j]);
  }
  return ({ json }) => {
    const key = keyText(json, keyA);
    return key === undefined ? [] : (places.get(key) ?? []);
  };
}

function keyText(json: JsonObject, path: string): string | undefined {
  const value: Json | undefined = readField(json, path);
  return value === undefined || value === null ? undefined : sortedText(value);
}

function joined(a: Item, i: number, b: Item, j: number): Item {
  const item: Item = {
    json: { ...a.json, ...b.json },
    from: [
      ['a', i],
      ['b', j],
    ],
  };
  if (a.binary || b.binary) item.binary = { ...a.binary, ...b.binary };
  return item;
}

function alone(port: 'a' | 'b', item: Item, index: number): Item {
  return { ...item, from: [[port, index]] };
}
