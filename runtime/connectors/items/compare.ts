import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { FieldPath, lastPart, PassedOn, readField, sortedText } from '../fields.ts';
import { defineStepType } from '../stepType.ts';

const MOST_DIFFERENCES = 100;

export const compare = defineStepType({
  version: 1,
  type: 'items.compare',
  title: 'Compare data sets',
  description:
    'Finds the pairs of two branches by their key fields and says what is only on one side, the same or different.',
  category: 'items',
  icon: 'git-compare',
  effect: 'pure',
  mode: 'once',
  inputs: ['a', 'b'],
  outputs: ['onlyA', 'onlyB', 'same', 'different'],
  config: z.strictObject({
    match: z
      .array(
        z.strictObject({
          a: FieldPath.meta({ title: 'Field in a', placeholder: 'id', expression: false, order: 1 }),
          b: FieldPath.optional().meta({
            title: 'Field in b',
            help: 'The same as in a when left empty.',
            expression: false,
            order: 2,
          }),
        }),
      )
      .min(1)
      .max(10)
      .meta({
        title: 'Pairs have equal',
        help: 'An item without one of these fields has no partner.',
        expression: false,
        order: 1,
      }),
    ignore: z.array(FieldPath).max(100).default([]).meta({
      title: 'Fields not to compare',
      help: 'For example the time of the last change.',
      expression: false,
      order: 2,
    }),
    loose: z.boolean().default(false).meta({
      title: 'Compare loosely',
      help: 'The number 1 equals the text 1, and missing, null and empty text are the same.',
      expression: false,
      order: 3,
    }),
    duplicates: z.enum(['pair', 'first', 'fail']).default('pair').meta({
      title: 'Several items with one key',
      help: 'Pair the first with the first, the second with the second; keep only the first; or fail.',
      expression: false,
      order: 4,
    }),
  }),
  output: PassedOn,
  runAll({ inputs: { a = [], b = [] }, config: { match, ignore, loose, duplicates } }) {
    const out: Record<'onlyA' | 'onlyB' | 'same' | 'different', Item[]> = {
      onlyA: [],
      onlyB: [],
      same: [],
      different: [],
    };
    const waiting = byKey(
      b,
      match.map((pair) => pair.b ?? pair.a),
      { loose, duplicates, side: 'b' },
    );
    const seen = new Set<string>();
    const paired = new Set<number>();
    // A partner may have another name for its key, which is no difference.
    const skipped = new Set([
      ...ignore,
      ...match.flatMap((pair) => (pair.b && pair.b !== pair.a ? [pair.a, pair.b] : [])),
    ]);
    for (const [i, item] of a.entries()) {
      const key = keyOf(
        item.json,
        match.map((pair) => pair.a),
        loose,
      );
      if (key !== undefined && seen.has(key) && duplicates !== 'pair') {
        if (duplicates === 'fail')
          throw twice(
            'a',
            item.json,
            match.map((pair) => pair.a),
          );
        continue;
      }
      if (key !== undefined) seen.add(key);
      const places = key === undefined ? undefined : waiting.places.get(key);
      const j = places?.[places.next++];
      if (!places || j === undefined) {
        out.onlyA.push({ ...item, from: [['a', i]] });
        continue;
      }
      paired.add(j);
      const partner = b[j] as Item;
      const from: Item['from'] = [
        ['a', i],
        ['b', j],
      ];
      const fields: string[] = [];
      differences(item.json, partner.json, '', { loose, skipped, fields });
      if (fields.length === 0) out.same.push({ ...item, from });
      else {
        const keys = Object.fromEntries(match.map((pair) => [lastPart(pair.a), readField(item.json, pair.a) ?? null]));
        out.different.push({ json: { keys, fields, a: item.json, b: partner.json }, from });
      }
    }
    for (const [j, item] of b.entries())
      if (!paired.has(j) && !waiting.dropped.has(j)) out.onlyB.push({ ...item, from: [['b', j]] });
    return out;
  },
});

type Places = number[] & { next: number };

function byKey(
  items: Item[],
  paths: string[],
  { loose, duplicates, side }: { loose: boolean; duplicates: 'pair' | 'first' | 'fail'; side: string },
): { places: Map<string, Places>; dropped: Set<number> } {
  const places = new Map<string, Places>();
  const dropped = new Set<number>();
  for (const [index, { json }] of items.entries()) {
    const key = keyOf(json, paths, loose);
    if (key === undefined) continue;
    const list = places.get(key);
    if (!list) places.set(key, Object.assign([index], { next: 0 }));
    else if (duplicates === 'pair') list.push(index);
    else if (duplicates === 'first') dropped.add(index);
    else throw twice(side, json, paths);
  }
  return { places, dropped };
}

function twice(side: string, json: JsonObject, paths: string[]): SluiceError {
  const shown = paths.map((path) => `${path} = ${JSON.stringify(readField(json, path))?.slice(0, 60)}`).join(', ');
  return new SluiceError('data.invalid', `Branch ${side} has two items with ${shown}.`, {
    advice: 'Match by a field that is unique, remove duplicates before, or choose how to treat them.',
  });
}

function keyOf(json: JsonObject, paths: string[], loose: boolean): string | undefined {
  const values: Json[] = [];
  for (const path of paths) {
    const value = readField(json, path);
    if (value === undefined || value === null) return undefined;
    values.push(loose ? loosened(value) : value);
  }
  return sortedText(values);
}

/** Numbers and truth values as text, nothing as empty text. */
function loosened(value: Json | undefined): Json {
  if (value === undefined || value === null) return '';
  return typeof value === 'object' ? value : String(value);
}

type Comparison = { loose: boolean; skipped: ReadonlySet<string>; fields: string[] };

/** Names the fields in which two values differ; objects are looked into, lists are compared whole. */
function differences(a: Json | undefined, b: Json | undefined, path: string, comparison: Comparison): void {
  const { loose, skipped, fields } = comparison;
  if (fields.length >= MOST_DIFFERENCES || skipped.has(path)) return;
  if (isJsonObject(a) && isJsonObject(b)) {
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      const inner = path === '' ? key : `${path}.${key}`;
      differences(own(a, key), own(b, key), inner, comparison);
    }
    return;
  }
  const [left, right] = loose ? [loosened(a), loosened(b)] : [a, b];
  if (left === right) return;
  const bothHeld = typeof left === 'object' && typeof right === 'object' && left !== null && right !== null;
  if (!bothHeld || sortedText(left) !== sortedText(right)) fields.push(path);
}

function own(json: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(json, key) ? json[key] : undefined;
}
