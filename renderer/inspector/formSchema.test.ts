import { expect, test } from 'vitest';
import { z } from 'zod';
import type { JsonObject } from '#shared/json.ts';
import { formFields, isExpression, missingField, readAnyValue, shownFields, words } from './formSchema.ts';

const fieldsOf = (schema: z.ZodObject) => formFields(z.toJSONSchema(schema, { io: 'input' }) as JsonObject);

test('each kind of value becomes the control that fits it', () => {
  const fields = fieldsOf(
    z.strictObject({
      name: z.string(),
      body: z.string().meta({ widget: 'multiline' }),
      limit: z.int().min(1).max(100),
      ratio: z.number(),
      loud: z.boolean(),
      method: z.enum(['GET', 'POST']),
      tags: z.array(z.string()),
      headers: z.record(z.string(), z.string()),
      hmac: z.strictObject({ header: z.string() }),
      value: z.json(),
    }),
  );
  expect(fields.map((field) => field.kind)).toEqual([
    'text',
    'multiline',
    'number',
    'number',
    'boolean',
    'select',
    'list',
    'map',
    'object',
    'json',
  ]);
  expect(fields[2]).toMatchObject({ min: 1, max: 100, integer: true });
  expect(fields[5]?.options?.map((option) => option.label)).toEqual(['GET', 'POST']);
  expect(fields[6]?.entry?.kind).toBe('text');
  expect(fields[8]?.fields?.[0]).toMatchObject({ key: 'header', title: 'Header', kind: 'text' });
});

test('order, title, help and unit come from what the step type says', () => {
  const fields = fieldsOf(
    z.strictObject({
      second: z.string().meta({ order: 2 }),
      first: z.string().meta({ order: 1, title: 'The first', help: 'Comes before.' }),
      timeoutMs: z.int().optional(),
    }),
  );
  expect(fields.map((field) => field.key)).toEqual(['first', 'second', 'timeoutMs']);
  expect(fields[0]).toMatchObject({ title: 'The first', help: 'Comes before.' });
  expect(fields[2]).toMatchObject({ title: 'Timeout', unit: 'ms', required: false });
});

test('a literal field makes everything inside it literal', () => {
  const [field] = fieldsOf(z.strictObject({ path: z.strictObject({ name: z.string() }).meta({ expression: false }) }));
  expect(field).toMatchObject({ literal: true, fields: [{ key: 'name', literal: true }] });
});

test('the same schema used twice is found behind its reference', () => {
  const row = z.strictObject({ port: z.string() }).meta({ id: 'row' });
  const fields = fieldsOf(z.strictObject({ cases: z.array(row), other: row }));
  expect(fields[0]).toMatchObject({ kind: 'list', entry: { kind: 'object', fields: [{ key: 'port' }] } });
  expect(fields[1]).toMatchObject({ kind: 'object' });
});

test('a choice of texts is a select, a choice of shapes takes any value', () => {
  const fields = fieldsOf(
    z.strictObject({
      one: z.union([z.literal('a'), z.literal('b')]),
      maybe: z.string().nullable(),
      any: z.union([z.string(), z.strictObject({ x: z.string() })]),
    }),
  );
  expect(fields.map((field) => field.kind)).toEqual(['select', 'text', 'json']);
});

test('a required field that is empty is named, one with a default is not', () => {
  const fields = fieldsOf(z.strictObject({ method: z.string().default('GET'), url: z.string() }));
  expect(missingField(fields, {})?.title).toBe('URL');
  expect(missingField(fields, { url: '' })?.key).toBe('url');
  expect(missingField(fields, { url: 'https://sluice.example' })).toBeUndefined();
});

test('typed values keep their type, and texts that only look like numbers stay texts', () => {
  expect(readAnyValue('5')).toBe(5);
  expect(readAnyValue('007')).toBe('007');
  expect(readAnyValue('12345678901234567890')).toBe('12345678901234567890');
  expect(readAnyValue('true')).toBe(true);
  expect(readAnyValue('{"a":[1]}')).toEqual({ a: [1] });
  expect(readAnyValue('{{ $json.a }}')).toBe('{{ $json.a }}');
  expect(readAnyValue('=$json.a')).toBe('=$json.a');
  expect(readAnyValue('hello')).toBe('hello');
});

test('expressions and templates are told from plain text', () => {
  expect(isExpression('=1 + 1')).toBe(true);
  expect(isExpression('Hi {{ $json.name }}')).toBe(true);
  expect(isExpression('plain')).toBe(false);
  expect(isExpression(3)).toBe(false);
});

test('keys are read as words', () => {
  expect(words('catchUpMinutes')).toBe('Catch up minutes');
  expect(words('at_once')).toBe('At once');
  expect(words('idHeader')).toBe('ID header');
  expect(['sha256', 'jwt', 'github', 'hex', 'constructor'].map(words)).toEqual([
    'SHA-256',
    'JWT',
    'GitHub',
    'Hex',
    'Constructor',
  ]);
});

test('a field that belongs to a choice is there only while that is chosen', () => {
  const fields = fieldsOf(
    z.strictObject({
      verify: z.enum(['none', 'hmac', 'jwt']).default('none'),
      hmac: z.string().meta({ showWhen: { verify: 'hmac' } }),
      header: z.string().meta({ showWhen: { verify: ['hmac', 'jwt'] } }),
    }),
  );
  const shown = (config: JsonObject) => shownFields(fields, config).map((field) => field.key);
  expect(shown({})).toEqual(['verify']);
  expect(shown({ verify: 'hmac' })).toEqual(['verify', 'hmac', 'header']);
  expect(shown({ verify: 'jwt' })).toEqual(['verify', 'header']);
  expect(shown({ verify: '=$env.verify' })).toEqual(['verify', 'hmac', 'header']);
  expect(missingField(fields, {})).toBeUndefined();
  expect(missingField(fields, { verify: 'jwt' })?.key).toBe('header');
});
