import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SluiceError } from '#shared/error.ts';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { catalog, findStepType } from '../registry.ts';
import { createWorld } from '../stepCall.fixture.ts';

const TYPES = [
  ...['items.compare', 'items.removeDuplicates', 'items.rename', 'items.summarize', 'flow.noOp', 'flow.debug'],
  ...[
    'data.dateTime',
    'data.crypto',
    'data.compress',
    'data.html',
    'data.markdown',
    'data.xml',
    'data.validate',
    'data.template',
  ],
];
const CASES = 300;
const { run, files } = createWorld({ connection: { key: 'ab'.repeat(32) } });

/** Texts that each of the readers takes for something of its own. */
const texts = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.constantFrom(
    ...['__proto__', 'constructor', 'prototype', 'toString', 'a.b', 'a.__proto__.polluted', 'a', 'b', 'file', '', '$1'],
    ...['(a+)+$', '(?=x)', '[', 'a{1000}{1000}', 'div > p:has(a)', ':nth-child(2n+1)', '*', 'a[b="c"', '::before'],
    ...['2026-03-01T09:00:00Z', '0', 'dd.MM.yyyy', 'Europe/Berlin', 'UTC+99', '24:00', '-271821-04-20'],
    ...['<a x="1"><__proto__>1</__proto__></a>', '<!DOCTYPE a>', '<a', '<b>&amp;&#0;</b>', ']]>', '<div '.repeat(50)],
    ...['# a\n> b\n- c', '[x](javascript:1)', '*a_'.repeat(500), '>'.repeat(500), '|'.repeat(500), '[['.repeat(300)],
    ...['eJw=', 'H4sI', 'YWJj', '00ff', 'PK\u0003\u0004'],
  ),
  fc
    .array(
      fc.constantFrom(
        '<',
        '>',
        '*',
        '_',
        '[',
        ']',
        '(',
        '"',
        '\n',
        ' ',
        'a',
        '&',
        '`',
        '- ',
        '<p>',
        '</p>',
        '\0',
        '\uD800',
      ),
      {
        maxLength: 200,
      },
    )
    .map((parts) => parts.join('')),
);
const names = fc.constantFrom('a', 'b', 'text', 'body', '__proto__', 'constructor', 'a.b');
const json = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<Json>(null, true, 0, -1, 1.5, 1e308, 'x'),
    texts as fc.Arbitrary<Json>,
    fc.array(tie('value'), { maxLength: 4 }) as fc.Arbitrary<Json>,
    fc.array(fc.tuple(names, tie('value')), { maxLength: 4 }).map((entries) => Object.fromEntries(entries) as Json),
  ),
})).value;
const objects = fc
  .array(fc.tuple(names, json), { maxLength: 5 })
  .map((entries) => Object.fromEntries(entries) as JsonObject);
const schemas = fc
  .array(
    fc.tuple(
      fc.constantFrom(
        'type',
        'properties',
        'items',
        'anyOf',
        'not',
        '$ref',
        'pattern',
        'format',
        'enum',
        'required',
        '$defs',
        'minimum',
      ),
      fc.oneof(
        json,
        fc.constantFrom<Json>('object', '#', '#/$defs/a', { a: { $ref: '#' } }, ['a'], [{ type: 'string' }], 'email'),
      ),
    ),
    { maxLength: 5 },
  )
  .map((entries) => Object.fromEntries(entries) as Json);

/** Values that a field's schema takes, most of the time. */
function anyOf(schema: JsonObject, name = ''): fc.Arbitrary<Json> {
  const { type, minimum, maximum, items, enum: options, properties, required } = schema;
  if (Array.isArray(options)) return fc.constantFrom(...options);
  if (type === 'boolean') return fc.boolean();
  if (type === 'integer' || type === 'number') {
    const range = { min: Math.max(Number(minimum ?? -50), -1e9), max: Math.min(Number(maximum ?? 50), 1e9, 5_000) };
    return fc.integer(range);
  }
  if (type === 'array')
    return fc.array(anyOf(items as JsonObject), { minLength: Number(schema.minItems ?? 0), maxLength: 3 });
  if (isJsonObject(properties)) {
    const fields = Object.fromEntries(
      Object.entries(properties).map(([key, one]) => [key, anyOf(one as JsonObject, key)]),
    );
    return fc.record(fields, {
      requiredKeys: Array.isArray(required) ? (required as string[]) : [],
    }) as fc.Arbitrary<Json>;
  }
  if (type === 'string') return typeof schema.pattern === 'string' ? fc.constantFrom('@', 'en-US', 'a') : texts;
  return name === 'schema' ? schemas : json;
}

const before = Object.getOwnPropertyNames(Object.prototype);

/** How long this thread has had a processor, in milliseconds: what else the machine does is no part of it. */
const spent = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
};

test.each(TYPES)('%s takes any config and any items: a result or an error with a name, soon', async (name) => {
  const type = findStepType(name);
  const config = anyOf(catalog()[name]?.configSchema as JsonObject) as fc.Arbitrary<JsonObject>;
  const bytes = await files.keep(Buffer.from('PK\u0003\u0004 not really'), { mime: 'text/plain', name: '../x' });
  let ran = 0;
  let slowest = 0;
  await fc.assert(
    fc.asyncProperty(config, fc.array(objects, { maxLength: 4 }), async (given, jsons) => {
      if (!type.config.safeParse(given).success) return;
      ran += 1;
      const items = jsons.map((one): Item => ({ json: one, binary: { file: bytes } }));
      const inputs: Record<string, Item[]> = type.inputs?.includes('a')
        ? { a: items, b: items.slice(1) }
        : { main: items };
      const start = spent();
      try {
        const out = await run(type, given, inputs);
        for (const list of Object.values(out)) for (const item of list) expect(isJsonObject(item.json)).toBe(true);
      } catch (thrown) {
        if (!(thrown instanceof SluiceError)) throw thrown;
        expect(thrown.advice, thrown.message).toBeTruthy();
      }
      slowest = Math.max(slowest, spent() - start);
    }),
    { numRuns: CASES, seed: 20261121 },
  );
  expect(ran).toBeGreaterThan(CASES / 10);
  expect(slowest).toBeLessThan(1_000);
  expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
});
