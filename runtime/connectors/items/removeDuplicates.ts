import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Item } from '#shared/workflow/tree.ts';
import { FieldPath, PassedOn, readField, sortedText } from '../fields.ts';
import { type Call, defineStepType } from '../stepType.ts';

const Config = z
  .strictObject({
    compare: z
      .enum(['all_fields', 'some_fields'])
      .default('all_fields')
      .meta({ title: 'Compare', expression: false, order: 1 }),
    fields: z
      .array(FieldPath)
      .max(20)
      .default([])
      .meta({
        title: 'Fields',
        help: 'Items that are equal in all of these are duplicates.',
        expression: false,
        showWhen: { compare: 'some_fields' },
        order: 2,
      }),
    keep: z.enum(['first', 'last']).default('first').meta({ title: 'Keep', expression: false, order: 3 }),
    remember: z.boolean().default(false).meta({
      title: 'Also those of earlier runs',
      help: 'The project remembers what it has seen; test runs of the editor count too.',
      expression: false,
      order: 4,
    }),
    memory: z
      .string()
      .regex(/^[a-z][a-z0-9_-]{0,49}$/, 'must begin with a small letter and have only small letters, digits, _ and -')
      .optional()
      .meta({
        title: 'Name of the memory',
        help: 'Steps with the same name share what they have seen. Empty: of this step alone.',
        placeholder: 'orders',
        expression: false,
        showWhen: { remember: true },
        order: 5,
      }),
    forDays: z
      .number()
      .positive()
      .max(3_650)
      .default(30)
      .meta({ title: 'Forget after days', expression: false, showWhen: { remember: true }, order: 6 }),
    atLeast: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(10_000)
      .meta({
        title: 'Remember at least',
        help: 'So many items are remembered, at most twice as many; then the oldest are forgotten.',
        expression: false,
        showWhen: { remember: true },
        order: 7,
      }),
  })
  .refine(({ compare, fields }) => compare === 'all_fields' || fields.length > 0, {
    message: 'must name at least one field',
    path: ['fields'],
  });

export const removeDuplicates = defineStepType({
  version: 1,
  type: 'items.removeDuplicates',
  title: 'Remove duplicates',
  description: 'Passes each item on once, in this run or ever, and sends the others out by duplicates.',
  category: 'items',
  icon: 'copy-minus',
  effect: ({ remember }) => (remember ? 'keyed' : 'pure'),
  mode: 'once',
  outputs: ['main', 'duplicates'],
  config: Config,
  output: PassedOn,
  async runAll(call) {
    const {
      inputs: { main = [] },
      config,
    } = call;
    const keys = main.map((item) => keyOf(item, config.compare === 'all_fields' ? undefined : config.fields));
    const kept = new Map<string, number>();
    for (const [index, key] of keys.entries()) if (config.keep === 'last' || !kept.has(key)) kept.set(key, index);
    if (config.remember) {
      const known = await seenBefore(call, config, [...kept.keys()]);
      for (const key of known) kept.delete(key);
    }
    const out: Record<'main' | 'duplicates', Item[]> = { main: [], duplicates: [] };
    for (const [from, item] of main.entries()) {
      const isKept = kept.get(keys[from] as string) === from;
      out[isKept ? 'main' : 'duplicates'].push({ ...item, from });
    }
    return out;
  },
});

/** A hash, so that a memory of items holds neither their data nor more than 64 characters of each. */
function keyOf({ json }: Item, fields: string[] | undefined): string {
  const value = fields ? fields.map((path) => readField(json, path) ?? null) : json;
  return createHash('sha256').update(sortedText(value)).digest('hex');
}

type Memory = { age: number; count: number };

/**
 * Which of the keys an earlier run has left in the project's table, and leaves the others there. Rows belong to an age of
 * `atLeast` keys; when one is full, the age before the last is forgotten, so that nothing must be counted.
 */
async function seenBefore(
  { store, clock, stepId }: Pick<Call, 'store' | 'clock' | 'stepId'>,
  { memory = stepId, forDays, atLeast }: z.infer<typeof Config>,
  keys: string[],
): Promise<string[]> {
  const table = `seen_${memory}`.slice(0, 63);
  const now = clock.now();
  await store.tableDelete(table, { at: { lt: now - forDays * 86_400_000 } });
  const known: string[] = [];
  const at = ((await store.kvGet(table)) as Memory | undefined) ?? { age: 0, count: 0 };
  const { age } = at;
  for (const key of keys) {
    const { inserted } = await store.tableInsert(table, key, { at: now, age: at.age });
    if (!inserted) known.push(key);
    else if (++at.count >= atLeast) {
      at.age += 1;
      at.count = 0;
    }
  }
  if (known.length < keys.length) await store.kvSet(table, { ...at });
  if (at.age > age) await store.tableDelete(table, { age: { lt: at.age - 1 } });
  return known;
}
