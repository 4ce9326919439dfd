import { z } from 'zod';
import { AnyJson, PassedOn } from '../fields.ts';
import { defineStepType } from '../stepType.ts';

const common = { version: 1, category: 'storage', icon: 'key-round', mode: 'each' } as const;
const Key = z.string().min(1).max(1_000).meta({ title: 'Key', placeholder: 'last-seen:{{ $json.id }}', order: 1 });

export const get = defineStepType({
  ...common,
  type: 'kv.get',
  title: 'Get a value',
  description: 'Reads a value that the project keeps under a key, and adds it to the item.',
  effect: 'idempotent',
  config: z.strictObject({
    key: Key,
    as: z
      .string()
      .min(1)
      .max(100)
      .default('value')
      .meta({ title: 'Put it into the field', expression: false, order: 2 }),
  }),
  output: z.looseObject({ found: z.boolean() }),
  async run({ item, config: { key, as }, store }) {
    const value = await store.kvGet(key);
    return { ...item.json, [as]: value ?? null, found: value !== undefined };
  },
});

export const set = defineStepType({
  ...common,
  type: 'kv.set',
  title: 'Keep a value',
  description: 'Keeps a value of the project under a key, for as long as you say.',
  effect: 'keyed',
  config: z.strictObject({
    key: Key,
    value: AnyJson.optional().meta({ title: 'Value', widget: 'json', needed: true, order: 2 }),
    ttlMs: z
      .int()
      .min(1)
      .optional()
      .meta({ title: 'For how long, in milliseconds', help: 'Empty: until it is changed.', order: 3 }),
  }),
  output: PassedOn,
  async run({ item, config: { key, value, ttlMs }, store }) {
    await store.kvSet(key, value ?? null, ttlMs);
    return item.json;
  },
});
