import { z } from 'zod';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import { FieldName, FieldPath, PassedOn } from '../fields.ts';
import { linearRegex } from '../linearRegex.ts';
import { defineStepType } from '../stepType.ts';

export const rename = defineStepType({
  version: 1,
  type: 'items.rename',
  title: 'Rename fields',
  description: 'Gives fields of each item other names, and leaves their values and order as they are.',
  category: 'items',
  icon: 'text-cursor-input',
  effect: 'pure',
  mode: 'each',
  config: z
    .strictObject({
      fields: z
        .array(
          z.strictObject({
            from: FieldPath.meta({ title: 'From', placeholder: 'customer.mail', expression: false, order: 1 }),
            to: FieldPath.refine((path) => !path.split('.').includes('__proto__'), 'must be another name').meta({
              title: 'To',
              help: 'With dots, the value moves to that place. What stood there is replaced.',
              placeholder: 'customer.email',
              expression: false,
              order: 2,
            }),
          }),
        )
        .max(100)
        .default([])
        .meta({ title: 'Fields', help: 'One that an item does not have is passed over.', expression: false, order: 1 }),
      pattern: z.string().min(1).max(500).optional().meta({
        title: 'Pattern for names',
        help: 'A regular expression, tried on the name of every field of the item.',
        placeholder: '^cust_(.*)$',
        expression: false,
        order: 2,
      }),
      replacement: z.string().max(100).default('').meta({
        title: 'Replace by',
        help: '$1 is the first group of the pattern.',
        placeholder: '$1',
        expression: false,
        order: 3,
      }),
    })
    .refine(({ fields, pattern }) => fields.length > 0 || pattern !== undefined, {
      message: 'must name at least one field, or a pattern',
      path: ['fields'],
    }),
  output: PassedOn,
  run({ item, config: { fields, pattern, replacement } }) {
    let json = item.json;
    for (const { from, to } of fields) json = moved(json, partsOf(json, from), to.split('.'));
    if (pattern === undefined) return json;
    const regex = linearRegex(pattern);
    return named(
      Object.entries(json).map(([name, value]) => {
        const changed = regex.matcher(name).replaceAll(replacement);
        return [FieldName.safeParse(changed).success ? changed : name, value];
      }),
    );
  },
});

/** A field of exactly that name comes before a way into the item. */
function partsOf(json: JsonObject, path: string): string[] {
  return Object.hasOwn(json, path) ? [path] : path.split('.');
}

function moved(json: JsonObject, from: string[], to: string[]): JsonObject {
  if (from.join('\0') === to.join('\0')) return json;
  const [head = '', ...rest] = from;
  if (!Object.hasOwn(json, head)) return json;
  // Both in one object below: only that one changes, and the field keeps its place.
  if (rest.length > 0 && head === to[0] && to.length > 1) {
    const inner = json[head];
    if (!isJsonObject(inner)) return json;
    const changed = moved(inner, rest, to.slice(1));
    return changed === inner
      ? json
      : named(Object.entries(json).map(([key, value]) => [key, key === head ? changed : value]));
  }
  if (rest.length === 0 && to.length === 1) {
    const [name = ''] = to;
    return named(
      Object.entries(json).flatMap(([key, value]): [string, Json][] =>
        key === head ? [[name, value]] : key === name ? [] : [[key, value]],
      ),
    );
  }
  const taken = take(json, from);
  return taken ? put(taken.left, to, taken.value) : json;
}

function take(json: JsonObject, [head = '', ...rest]: string[]): { left: JsonObject; value: Json } | undefined {
  if (!Object.hasOwn(json, head)) return undefined;
  const inner = json[head] as Json;
  if (rest.length === 0) return { left: named(Object.entries(json).filter(([key]) => key !== head)), value: inner };
  const taken = isJsonObject(inner) ? take(inner, rest) : undefined;
  if (!taken) return undefined;
  return {
    left: named(Object.entries(json).map(([key, value]) => [key, key === head ? taken.left : value])),
    value: taken.value,
  };
}

function put(json: JsonObject, [head = '', ...rest]: string[], value: Json): JsonObject {
  const inner = Object.hasOwn(json, head) ? json[head] : undefined;
  const made = rest.length === 0 ? value : put(isJsonObject(inner) ? inner : {}, rest, value);
  return named([...Object.entries(json).filter(([key]) => key !== head || rest.length > 0), [head, made]]);
}

/** An object of own fields, whatever their names. Of two with one name the later counts, at the place of the first. */
function named(entries: [string, Json][]): JsonObject {
  return Object.fromEntries(entries);
}
