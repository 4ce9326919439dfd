import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { JsonObject } from '#shared/json.ts';
import { runSketch } from '../../tests/fixtures/engine.ts';
import { isLiteralField } from './literalField.ts';

const Name = z.string().min(1).meta({ expression: false });
const Schema = z.strictObject({
  names: z.array(Name).default([]).meta({ title: 'Names' }),
  whole: z.array(z.strictObject({ a: z.string() })).meta({ expression: false }),
  cases: z
    .array(z.strictObject({ port: Name.optional(), when: z.unknown() }).refine(() => true))
    .nullable()
    .optional(),
  byKey: z.record(z.string(), z.strictObject({ name: Name, value: z.string() })),
  either: z.union([Name, z.array(Name), z.strictObject({ value: z.string() })]),
  free: z.array(z.string()),
});

test.each([
  ['names.0', true],
  ['names', false],
  ['whole', true],
  ['whole.3.a', true],
  ['cases.1.port', true],
  ['cases.1.when', false],
  ['cases.1.when.port', false],
  ['byKey.any.name', true],
  ['byKey.any.value', false],
  ['either.0', true],
  ['either.value', false],
  ['free.0', false],
  ['nothing', false],
  ['toString', false],
])('%s is taken to the character: %s', (path, expected) => {
  expect(isLiteralField(Schema, path.split('.'))).toBe(expected);
});

describe('in a run', () => {
  const one = async (uses: string, config: JsonObject, items: JsonObject[]) => {
    const sketch = {
      steps: { start: { uses: 'trigger.manual' }, step: { uses, config } },
      edges: ['start -> step'],
    };
    const { outcome, left } = await runSketch(sketch, { items });
    return { error: outcome.error, left: left('step') };
  };

  test('in a list of objects a field that is marked is literal', async () => {
    const config = { values: [{ operation: 'sum', field: '=1 + 1', as: 'sum', separator: '=$json.nothing.at.all' }] };
    const { left, error } = await one('items.summarize', config, [{ '=1 + 1': 2 }, { '=1 + 1': 3 }]);
    expect(error).toBeUndefined();
    expect(left).toEqual([{ sum: 5 }]);
  });

  test('expressions in a list are evaluated for each item', async () => {
    const config = { fields: { list: ['=$json.n', { deep: ['n is {{ $json.n }}'] }, 'plain'] } };
    const { left } = await one('items.set', config, [{ n: 1 }, { n: 2 }]);
    expect(left).toMatchObject([1, 2].map((n) => ({ list: [n, { deep: [`n is ${n}`] }, 'plain'] })));
  });
});
