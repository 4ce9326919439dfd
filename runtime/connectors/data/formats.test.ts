import { expect, test } from 'vitest';
import type { Json } from '#shared/json.ts';
import { runSketch } from '../../../tests/fixtures/engine.ts';
import { debug, noOp } from '../flow/noOp.ts';
import { createWorld, itemsOf, jsonOf } from '../stepCall.fixture.ts';
import { template } from './template.ts';
import { validate } from './validate.ts';
import { xml } from './xml.ts';

const { run, trace } = createWorld();
type Config = Parameters<typeof itemsOf>[0];

const toJson = async (text: string, config: Config = {}) =>
  jsonOf((await run(xml, { xml: text, ...config }, itemsOf({}))).main)[0]?.data;
const toXml = async (data: Config[string], config: Config = {}) =>
  jsonOf((await run(xml, { to: 'xml', data, ...config }, itemsOf({}))).main)[0]?.xml;

test('XML becomes JSON', async () => {
  const text =
    '<?xml version="1.0"?><o id="07"><line sku="a">1</line><line>2 &lt; &#x41;</line><empty/><!-- no --></o>';
  expect(await toJson(text)).toEqual({
    o: { '@id': '07', line: [{ '#text': '1', '@sku': 'a' }, '2 < A'], empty: '' },
  });
  expect(await toJson('<o n="5"><a>1.5</a><b>true</b><c>007</c></o>', { values: 'typed', lists: ['a'] })).toEqual({
    o: { '@n': 5, a: [1.5], b: true, c: '007' },
  });
});

test('JSON becomes XML, and both ways lead back', async () => {
  const data = { o: { '@id': '7', line: [{ '#text': '1 < 2 & "3"', '@sku': "a'b" }, 'x'], empty: '' } };
  const text = (await toXml(data)) as string;
  expect(text).toBe('<o id="7"><line sku="a&apos;b">1 &lt; 2 &amp; &quot;3&quot;</line><line>x</line><empty/></o>');
  expect(await toJson(text)).toEqual(data);
  expect(await toXml({ a: { b: 1 } }, { pretty: true })).toBe('<a>\n  <b>1</b>\n</a>\n');
});

test('a DOCTYPE and its entities are refused', async () => {
  const bomb = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><x>&b;</x>';
  await expect(toJson(bomb)).rejects.toMatchObject({
    code: 'data.invalid',
    message: expect.stringContaining('DOCTYPE'),
  });
});

test('XML that is not well-formed is refused with its place', async () => {
  await expect(toJson('<a>\n<b></a>')).rejects.toMatchObject({ code: 'data.invalid', details: { line: 2 } });
  await expect(toJson('')).rejects.toMatchObject({ code: 'data.invalid' });
});

test('XML may be a hundred elements deep, and no names reach a prototype', async () => {
  const nest = (depth: number) => '<a>'.repeat(depth) + '</a>'.repeat(depth);
  expect(await toJson(nest(100))).toBeTruthy();
  await expect(toJson(nest(102))).rejects.toMatchObject({ code: 'limit.exceeded' });
  for (const name of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'])
    await toJson(`<a><${name}><x>1</x></${name}><${name} y="2"/></a>`).catch((error) =>
      expect(error).toMatchObject({ code: 'data.invalid' }),
    );
  expect(({} as Record<string, unknown>).x).toBeUndefined();
});

test('a name that is none never becomes markup', async () => {
  const names: Json[] = [
    { 'a b': 1 },
    { 'a><script': 1 },
    { a: { '@x="1" y': 1 } },
    { '?php': 'x' },
    { '1a': 1 },
    { '': 1 },
  ];
  for (const data of names) await expect(toXml(data)).rejects.toMatchObject({ code: 'data.invalid' });
  await expect(toXml('text')).rejects.toMatchObject({ code: 'data.invalid' });
  await expect(toXml({ a: '\u0001' })).rejects.toMatchObject({ code: 'data.invalid' });
  await expect(toXml({ a: { '@x': { b: 1 } } })).rejects.toMatchObject({ details: { field: 'a.@x' } });
});

const PERSON = {
  type: 'object',
  required: ['name'],
  additionalProperties: false,
  properties: {
    name: { type: 'string', pattern: '^[A-Z]' },
    mail: { type: 'string', format: 'email' },
    tags: { type: 'array', items: { $ref: '#/$defs/tag' }, uniqueItems: true },
  },
  $defs: { tag: { type: 'string', maxLength: 3 } },
};
const checked = (schema: Config, items: ReturnType<typeof itemsOf>, config: Config = {}) =>
  run(validate, { schema, ...config }, items);

test('items that fit leave by valid, others by invalid with path, rule and reason', async () => {
  const good = { name: 'Ann', mail: 'a@b.example', tags: ['x'] };
  const out = await checked(PERSON, itemsOf(good, { name: 'ann', tags: ['long'] }, { mail: 'no', more: 1 }));
  expect(out.valid).toEqual([{ json: good, from: 0 }]);
  expect(out.invalid?.map(({ from }) => from)).toEqual([1, 2]);
  expect(out.invalid?.[0]?.json.errors).toEqual([
    { path: 'name', rule: 'pattern', message: 'does not match the pattern ^[A-Z]' },
    { path: 'tags.0', rule: 'maxLength', message: 'String is too long (4 > 3).' },
  ]);
  expect(out.invalid?.[1]?.json.errors).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ rule: 'required', message: expect.stringContaining('name') }),
      { path: 'mail', rule: 'format', message: 'is not of the form email' },
      expect.objectContaining({ path: 'more' }),
    ]),
  );
});

test('one field of the item can be checked; where it is missing, that is the reason', async () => {
  const out = await checked({ type: 'number' }, itemsOf({ a: { n: 1 } }, { a: {} }), { field: 'a.n' });
  expect([out.valid?.length, out.invalid?.[0]?.json.errors]).toEqual([
    1,
    [{ path: '', rule: 'required', message: 'The field a.n is missing.' }],
  ]);
});

test.each([
  ['a text', 'x'],
  ['another document', { $ref: 'https://a.example/schema' }],
  ['a reference to nothing', { $ref: '#/$defs/none' }],
  ['patterns for names', { patternProperties: { '(a+)+$': {} } }],
  ['a pattern that backtracks', { pattern: '(?=a)' }],
  ['a format nobody knows', { format: 'constructor' }],
  ['more characters than allowed', { description: 'x'.repeat(100_000) }],
  ['more levels than allowed', Array.from({ length: 60 }).reduce<Config>((inner) => ({ not: inner }), {})],
  ['a list of alternatives that is none', { anyOf: 5 }],
])('a schema with %s is refused', async (_what, schema) => {
  await expect(checked(schema as Config, itemsOf({ a: 'b' }))).rejects.toMatchObject({ code: 'config.invalid' });
});

test('patterns take linear time', async () => {
  const schema = { properties: { a: { pattern: '^(a+)+$' } } };
  const out = await checked(schema, itemsOf({ a: `${'a'.repeat(10_000)}!` }, { a: 'aa' }));
  expect([out.invalid?.length, out.valid?.length]).toEqual([1, 1]);
});

test('a schema that multiplies itself ends at a limit', async () => {
  const $defs: Config = { d0: { type: 'string' } };
  for (let i = 1; i < 40; i++)
    $defs[`d${i}`] = { anyOf: [{ $ref: `#/$defs/d${i - 1}` }, { $ref: `#/$defs/d${i - 1}` }] };
  const code = async (schema: Config, json: Config) =>
    ((await checked(schema, itemsOf(json))).error?.[0]?.json.error as { code: string }).code;
  expect(await code({ $defs, $ref: '#/$defs/d39' }, {})).toBe('limit.exceeded');
  expect(await code({ $ref: '#' }, {})).toBe('limit.exceeded');
  const list = (length: number) => ({ a: Array.from({ length }, (_, i) => i) });
  const unique = { properties: { a: { uniqueItems: true } } };
  expect((await checked(unique, itemsOf(list(1_000)))).valid).toHaveLength(1);
  expect(await code(unique, list(1_001))).toBe('limit.exceeded');
});

test('formats of one schema are not left behind for others', async () => {
  await checked(PERSON, itemsOf({ name: 'A' }));
  const { format } = await import('@cfworker/json-schema');
  expect(Object.keys(format).filter((name) => name.startsWith('sluice'))).toEqual([]);
});

test('a template fills in expressions for each item, or makes one text of all', async () => {
  const made = async (config: Config) => {
    const { outcome, left, ofType } = await runSketch(
      {
        steps: {
          go: { uses: 'trigger.manual' },
          out: { uses: 'items.splitOut', config: { field: 'list' } },
          text: { uses: 'data.template', config },
        },
        edges: ['go -> out', 'out -> text'],
      },
      { items: [{ list: [{ n: 1 }, { n: 2 }] }] },
    );
    const event = ofType('step.succeeded').find(({ stepId }) => stepId === 'text');
    const payload = event?.outputs.main;
    return [outcome.status, left('text'), payload && 'items' in payload ? payload.items.map(({ from }) => from) : []];
  };
  expect(await made({ text: 'No {{ $json.n }}' })).toEqual([
    'succeeded',
    [
      { n: 1, text: 'No 1' },
      { n: 2, text: 'No 2' },
    ],
    [0, 1],
  ]);
  const all = { make: 'one_for_all', header: '{{ $items.length }} in all', text: '- {{ $json.n }}', footer: 'end' };
  expect(await made(all)).toEqual([
    'succeeded',
    [{ text: '2 in all\n- 1\n- 2\nend' }],
    [
      [
        ['main', 0],
        ['main', 1],
      ],
    ],
  ]);
});

test('a text has at most ten million characters', async () => {
  const long = (length: number) => run(template, { text: 'x'.repeat(length) }, itemsOf({}));
  expect((await long(10_000_000)).main).toHaveLength(1);
  await expect(long(10_000_001)).rejects.toMatchObject({ code: 'limit.exceeded' });
});

test('no operation and debug pass everything on; debug writes some of it into the log', async () => {
  const items = itemsOf({ a: 1 }, { a: 'x'.repeat(5_000) }, { a: 3 });
  const passed = items.map((item, from) => ({ ...item, from }));
  expect((await run(noOp, {}, items)).main).toEqual(passed);
  trace.logs.length = 0;
  expect((await run(debug, { count: 2, message: 'here', level: 'warn' }, items)).main).toEqual(passed);
  expect(trace.logs[0]).toEqual(['warn', 'here item 0: {"a":1}']);
  expect(trace.logs[1]?.[1]).toMatch(/^here item 1: .{2000}… \(5008 characters\)$/);
  expect(trace.logs.slice(2)).toEqual([['warn', 'and 1 more items']]);
  trace.logs.length = 0;
  await run(debug, { data: false, count: 1 }, items.slice(0, 1));
  expect(trace.logs).toEqual([['info', 'item 0: a']]);
});
