import { expect, test } from 'vitest';
import { compileConfig } from './config.ts';
import { testScope } from './evaluate.fixture.ts';

test('text values at any depth are evaluated, keys never', () => {
  const config = compileConfig({
    url: '={{ $env.trackerUrl }}/issues',
    '=1': 'kept',
    fields: { score: '=$json.age * 2', list: ['{{ $json.name }}', 'x', { deep: "=$('set_k3f9').item.json.id" }] },
    limit: 5,
    missing: '=$json.missing',
    gaps: ['=$json.missing', 1],
  });
  expect(config.constant).toBe(false);
  expect(config.references).toEqual(['set_k3f9']);
  const resolved = config.resolve(testScope());
  expect(resolved).toEqual({
    url: 'https://tracker.example/issues',
    '=1': 'kept',
    fields: { score: 72, list: ['Ada', 'x', { deep: 42 }] },
    limit: 5,
    gaps: [null, 1],
  });
  expect(Object.keys(resolved)).toEqual(['url', '=1', 'fields', 'limit', 'gaps']);
});

test('settings without expressions are one frozen object, escapes taken away', () => {
  const source = { method: 'GET', text: '\\=1 + 1', template: '\\{{ name }}', list: [{ a: 1 }] };
  const config = compileConfig(source);
  expect(config.constant).toBe(true);
  const first = config.resolve(testScope());
  expect(first).toEqual({ method: 'GET', text: '=1 + 1', template: '{{ name }}', list: [{ a: 1 }] });
  expect(config.resolve(testScope())).toBe(first);
  expect(Object.isFrozen((first.list as unknown[])[0])).toBe(true);
  expect(Object.isFrozen(source.list)).toBe(false);
});

test('what the caller names literal stays as it is, to the character', () => {
  const config = compileConfig({ code: '=return {{ 1 }', nested: { raw: '\\=a', open: '=1' } }, (path) =>
    ['code', 'nested.raw'].includes(path.join('.')),
  );
  expect(config.resolve(testScope())).toEqual({ code: '=return {{ 1 }', nested: { raw: '\\=a', open: 1 } });
});

test('a literal subtree is left alone as a whole', () => {
  const config = compileConfig({ schema: { a: '=1', b: ['{{'] }, n: '=1' }, ([first]) => first === 'schema');
  expect(config.resolve(testScope())).toEqual({ schema: { a: '=1', b: ['{{'] }, n: 1 });
});

test('errors say at which setting', () => {
  expect(() => compileConfig({ fields: { score: '=1 +' } })).toThrow(
    expect.objectContaining({
      code: 'expression.syntax',
      message: expect.stringMatching(/^fields\.score: /),
      details: expect.objectContaining({ path: 'fields.score', offset: 4 }),
    }),
  );
  const config = compileConfig({ url: '=$json.bdoy.action', list: ['ok', '=$json.x.y'] });
  expect(() => config.resolve(testScope())).toThrow(
    expect.objectContaining({
      code: 'expression.failed',
      message: expect.stringContaining('url: Cannot read "action"'),
      details: expect.objectContaining({ path: 'url', nearest: 'body' }),
    }),
  );
  expect(() => compileConfig({ list: ['ok', '=$json.x.y'] }).resolve(testScope())).toThrow(/^list\.1: /);
});

test('a setting named __proto__ is refused', () => {
  expect(() => compileConfig(JSON.parse('{"a": {"__proto__": "=1"}}'))).toThrow('__proto__');
});

test('one compiled config gives each item its own values', () => {
  const config = compileConfig({ n: '=$json.n', tags: ['x'] });
  const [a, b] = [1, 2].map((n) => config.resolve(testScope({ json: { n } })));
  expect([a, b]).toEqual([
    { n: 1, tags: ['x'] },
    { n: 2, tags: ['x'] },
  ]);
});
