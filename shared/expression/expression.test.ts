import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { drawn } from '../../tests/fixtures/drawn.ts';
import { SluiceError } from '../error.ts';
import { evaluate, testScope } from './evaluate.fixture.ts';
import { compileExpression, isExpression } from './expression.ts';

fc.configureGlobal(drawn);

/** The error of compiling or evaluating. */
function errorOf(source: string): SluiceError {
  try {
    evaluate(source);
  } catch (thrown) {
    if (thrown instanceof SluiceError) return thrown;
    throw thrown;
  }
  throw new Error(`${source} did not fail`);
}

test.each([
  ['=1', true],
  ['=', true],
  ['a {{ b }}', true],
  ['\\= 1', false],
  ['\\{{ a }}', false],
  ['\\{{ a }} {{ b }}', true],
  ['a = 1', false],
  ['{ { a } }', false],
  ['', false],
])('%j is an expression: %j', (text, expected) => {
  expect(isExpression(text)).toBe(expected);
});

describe('values', () => {
  test.each<[string, unknown]>([
    ['=$json.age + 1', 37],
    ['=$json.age > 10', true],
    ['=$json["first name"]', 'Ada'],
    ['=$json.missing', undefined],
    ['=$json.nothing', null],
    ['=$json.nothing?.deep.er', undefined],
    ['=$json.missing?.[0].a(1)', undefined],
    ["=$json.missing ?? 'none'", 'none'],
    ["=$json.list.filter(i => i.qty > 2).map(i => i.sku).join(', ')", 'b, c'],
    ['=$json.list[1].sku', 'b'],
    ['=$json.list.length + $json.name.length', 6],
    ['={ ...$json.body.issue, n: 1 }', { number: 7, title: 'It broke', n: 1 }],
    ['=[...$json.tags, ...["x"]]', ['bug', 'urgent', 'x']],
    ["={ ['a' + 1]: 2, 'b-c': 3, 4: 5 }", { a1: 2, 'b-c': 3, 4: 5 }],
    [`=\`\${$json.name} is \${$json.age}, \${null}\``, 'Ada is 36, null'],
    ['=/^a+$/i.test($json.name)', false],
    ['=/^a/i.test($json.name)', true],
    ['=((a, b = 2, ...rest) => a + b + rest.length)(1)', 3],
    ['=[{ a: 1, b: [2, 3], c: 4 }].map(({ a, b: [, d], ...rest }) => [a, d, rest])', [[1, 3, { c: 4 }]]],
    [
      '=[1, 2].map(x => [3, 4].map(y => x * y))',
      [
        [3, 4],
        [6, 8],
      ],
    ],
    ['=typeof $json.name', 'string'],
    ["='name' in $json && !('toString' in $json)", true],
    ['=$json.toString', undefined],
    ['=$json.hasOwnProperty', undefined],
    ["=1 + '1'", '11'],
    ['=$json.tags + ""', 'bug,urgent'],
    ['=[1, 2] == "1,2"', false],
    ['=null == undefined', true],
    ['=7 % 4 ** 2 << 1 | 1', 15],
    ['= 1 /* one */ // and on', 1],
    ['={ f: x => x * 2 }.f(4)', 8],
    ["=default($json.missing, 'fallback')", 'fallback'],
    ["=['1', '2'].map(Number).sum()", 3],
    ['=$json.age >= 18 ? "adult" : "child"', 'adult'],
    ['=void 0', undefined],
  ])('%s is %j', (source, expected) => {
    expect(evaluate(source)).toEqual(expected);
  });

  test.each<[string, unknown]>([
    ['=$itemIndex', 1],
    ['=$items.length', 3],
    ['=$items[2].json.n', 3],
    ['=$input.item.json.n', 2],
    ['=$input.first().json.n + $input.last().json.n + $input.all().length', 7],
    ["=$('set_k3f9').item.json.id", 42],
    ["=$('Set fields').first().json.id", 41],
    ['=$(`set_k3f9`).all().map(i => i.json.id)', [41, 42]],
    ['=$trigger.action', 'opened'],
    ['=$request.body.x', 1],
    ['=$env.trackerUrl === $vars.trackerUrl', true],
    ['=$run.id + $workflow.name', 'run-1Triage'],
    ['=$binary.file.mime', 'text/plain'],
    ['=$now', '2026-03-01T10:30:00.000+01:00'],
    ['=$today.toISO()', '2026-03-01T00:00:00.000+01:00'],
    ['=$now.toMillis() === now().toMillis()', true],
    ['=uuidv4()', '0199c2f0-0000-7000-8000-000000000000'],
    ['=Math.random()', 0.5],
    ["=$fromAI('x', 'what', 'string', 'fallback')", 'fallback'],
  ])('%s reads %j from the scope', (source, expected) => {
    expect(evaluate(source)).toEqual(expected);
  });

  test('$fromAI asks the scope for its value', () => {
    expect(evaluate("=$fromAI('city')", { fromAI: (name) => `value of ${name}` })).toBe('value of city');
  });

  test('results leave as plain JSON', () => {
    expect(evaluate('=[undefined, NaN, 1 / 0, x => x, /a/g, $now.diff($now.minus({ days: 2 }), "days")]')).toEqual([
      null,
      null,
      null,
      null,
      '/a/g',
      'P2D',
    ]);
    const value = evaluate('={ a: undefined, b: { at: $now, no: x => x } }');
    expect(JSON.stringify(value)).toBe('{"b":{"at":"2026-03-01T10:30:00.000+01:00"}}');
  });

  test('what is read whole from the scope is handed out without a copy', () => {
    const scope = testScope();
    expect(compileExpression('=$json.body').evaluate(scope)).toBe(scope.json.body);
  });
});

describe('templates', () => {
  test.each<[string, unknown]>([
    ['Hello {{ $json.name }}!', 'Hello Ada!'],
    ['{{ $json.age }}', 36],
    [
      '{{ $json.list }}',
      [
        { sku: 'a', qty: 1 },
        { sku: 'b', qty: 3 },
        { sku: 'c', qty: 5 },
      ],
    ],
    ['={{ $json.age }}', 36],
    ['= {{ $json.age }} ', 36],
    ['={{ $json.name }} is {{ $json.age }}', 'Ada is 36'],
    ['[{{ $json.missing }}{{ $json.nothing }}]', '[]'],
    ['{{ { a: { b: 1 } } }}', { a: { b: 1 } }],
    ["{{ '}}' }}{{ `{{` }}", '}}{{'],
    ['tags: {{ $json.tags }}, at {{ $now }}', 'tags: ["bug","urgent"], at 2026-03-01T10:30:00.000+01:00'],
    ['\\{{ raw }} {{ 1 }}', '{{ raw }} 1'],
    ['\\=1 {{ 2 }}', '=1 2'],
    ['\\=1', '=1'],
    ['plain', 'plain'],
  ])('%j is %j', (source, expected) => {
    expect(evaluate(source)).toEqual(expected);
  });

  test('each error points at its own place in the whole text', () => {
    expect(errorOf('one {{ 1 }}\ntwo {{ $jsn.a }}').details).toMatchObject({
      offset: 19,
      line: 2,
      column: 8,
      found: '$jsn',
    });
  });
});

describe('what is refused', () => {
  test.each([
    ['=x = 1', 1, 'assignment'],
    ['=$json.a = 1', 1, 'assignment'],
    ['=1 + $json.a++', 5, '++'],
    ['=--$json.a', 1, '--'],
    ['=delete $json.a', 1, 'delete'],
    ['=new Date()', 1, 'new'],
    ['=[].map(x => this)', 13, 'this'],
    ['=(function () {})()', 2, 'function'],
    ['=class {}', 1, 'class'],
    ['=await 1', 1, 'await'],
    ['=async x => x', 1, 'async'],
    ["=import('fs')", 1, 'import'],
    ['=import.meta', 1, 'import.meta'],
    ['=$json`x`', 1, 'tagged'],
    ['=1, 2', 1, 'comma'],
    ['=x => { return 1 }', 6, 'Statements'],
    ['={ get a() { return 1 } }', 3, 'method'],
    ['=1n', 1, 'BigInt'],
    ['=1 instanceof 2', 1, 'instanceof'],
    ['=$json.constructor', 7, 'constructor'],
    ['=$json?.constructor', 8, 'constructor'],
    ["=$json['__proto__']", 7, '__proto__'],
    ['=$json[`prototype`]', 7, 'prototype'],
    ['={ __proto__: 1 }', 3, '__proto__'],
    ['=[{}].map(({ constructor: c }) => c)', 13, 'constructor'],
    ['=$($json.step)', 1, 'written out'],
    ['=$json.map($json => 1)', 11, 'taken'],
    ['=if (a) b', 1, 'statement'],
    ['=const a = 1', 1, 'statement'],
    ['=$json.a; 1', 8, ';'],
    ['=$json.a >', 10, 'not complete'],
    ['=Math', 1, 'group'],
    ['=Math.flor(1)', 6, 'Math.flor'],
    ['=$', 1, 'function'],
    ['={{ 1', 5, 'not closed'],
    ['=', 1, 'no expression'],
    ['{{ }}', 3, 'no expression'],
  ])('%s is refused at %i: %s', (source, offset, words) => {
    const error = errorOf(source);
    expect(error.code).toBe('expression.syntax');
    expect(error.message).toContain(words);
    expect(error.details).toMatchObject({ offset, line: 1, column: offset + 1 });
  });

  test.each([
    'globalThis',
    'process',
    'fetch',
    'window',
    'require',
    'eval',
    'Function',
    'Date',
    'Reflect',
    'Proxy',
    'Symbol',
    'arguments',
  ])('%s is not a name', (name) => {
    expect(errorOf(`=${name}`)).toMatchObject({ code: 'expression.syntax', details: { found: name } });
    expect(errorOf(`=${name}('x')`)).toMatchObject({ code: 'expression.syntax' });
  });

  test('an unknown name comes with the nearest one there is', () => {
    expect(errorOf('=$jsno.a')).toMatchObject({ details: { nearest: '$json' }, advice: 'Did you mean $json?' });
    expect(errorOf('=uper("a")')).toMatchObject({ details: { nearest: 'upper' } });
    expect(errorOf('=[1].map(item2 => itm2)')).toMatchObject({ details: { nearest: 'item2' } });
  });

  test.each([
    ["=$json['__pro' + 'to__']"],
    ["=$json['con' + 'structor']('x')"],
    ["=[].map['constr' + 'uctor']"],
    ["='a'['constr' + 'uctor']"],
    ["=(x => x)['constr' + 'uctor']"],
    ["={ ['__pro' + 'to__']: 1 }"],
    ["=Object.fromEntries([['__proto__', 1]])"],
    ["=$now['constr' + 'uctor']"],
    ["=[{}].map(o => o[['__proto__'].first()])"],
  ])('%s is refused when it runs', (source) => {
    expect(errorOf(source).code).toBe('expression.failed');
  });
});

describe('failures', () => {
  test('reading from what is missing names the fields there are and the nearest', () => {
    const error = errorOf('=$json.bdoy.action');
    expect(error.code).toBe('expression.failed');
    expect(error.message).toBe(
      'Cannot read "action": $json.bdoy is not there. $json has name, age, first name, nothing, list, tags, body.',
    );
    expect(error.advice).toContain('Did you mean body?');
    expect(error.details).toMatchObject({ offset: 12, missing: 'bdoy', nearest: 'body' });
    expect(error.details?.fields).toContain('body');
  });

  test.each([
    ["=$json['bdoy'].action", 'body'],
    ['=$json.body?.isue.title', 'issue'],
    ['=$json.list.map(i => i.quty.x)', 'qty'],
    ['=$json.bdoy.map(x => x)', 'body'],
    ["=$('set_k3f9').item.jsn.id", 'json'],
    ['=$json.tags.uniqe()', 'unique'],
    ['=$now.plsu(1)', 'plus'],
    ['=$now.yaer', 'year'],
  ])('%s suggests %s', (source, nearest) => {
    expect(errorOf(source)).toMatchObject({ code: 'expression.failed', details: { nearest } });
  });

  test.each([
    ['=$json.nothing.x', '$json.nothing is null'],
    ['=$json.list[9].sku', 'The list has 3 elements'],
    ['=$json.name.toUpperCase', 'method'],
    ["=$('nowhere').item", 'There is no step "nowhere"'],
    ["=$('lost').item.json", 'no lineage'],
    ["=$('set_k3f9')", 'is a step, not a value'],
    ['=x => x', 'is a function'],
    ['=$json.age()', 'is a field, not a function'],
    ['=$json.tags.map(1)', 'must be a function'],
    ['=(1)(2)', 'not a function'],
    ['=[...1]', 'Only a list can be spread'],
    ['=JSON.parse("{a")', 'not JSON'],
    ['=(5).toFixed(-1)', 'between 0 and 20'],
    ["=decodeURIComponent('%')", 'malformed'],
    ["=$fromAI('x')", 'agent'],
    ['=[[1]].map(({ a }) => a.b)', ''],
  ])('%s fails, saying: %s', (source, words) => {
    const error = errorOf(source);
    expect(error.code).toBe('expression.failed');
    expect(error.message).toContain(words);
    expect(error.details?.line).toBe(1);
  });

  test.each([
    'push(1)',
    'pop()',
    'shift()',
    'unshift(1)',
    'splice(0, 1)',
    'fill(0)',
    'copyWithin(0, 1)',
    'forEach(x => x)',
  ])('a list refuses .%s with advice, and stays as it was', (call) => {
    const scope = testScope();
    const before = structuredClone(scope.json);
    expect(() => compileExpression(`=$json.tags.${call}`).evaluate(scope)).toThrow(/cannot be used/);
    expect(errorOf(`=$json.tags.${call}`).advice).toBeTruthy();
    expect(scope.json).toEqual(before);
  });
});

test('it knows the steps, names and paths it reads', () => {
  const compiled = compileExpression(
    "={{ $vars.trackerUrl }}/{{ $json.body.action }}/{{ $('set_k3f9').item.json.id }}/{{ $json.list[0]['a b'].map(x => x.y) }}/{{ $json[$json.key] }}{{ {...$run} }}",
  );
  expect(compiled.references).toEqual(['set_k3f9']);
  expect([...compiled.names].sort()).toEqual(['$', '$env', '$json', '$run']);
  expect([...compiled.paths].sort()).toEqual([
    "$('set_k3f9').item.json.id",
    '$env.trackerUrl',
    '$json',
    '$json.body.action',
    '$json.key',
    '$json.list[0]["a b"]',
    '$run',
  ]);
});

test('any text either compiles or is refused as expression.syntax', () => {
  const pieces = fc.constantFrom(
    ...[
      '$json',
      '.a',
      '[0]',
      '(',
      ')',
      '{{',
      '}}',
      '=',
      '`',
      '${',
      "'",
      '"',
      '/',
      '\\',
      '=>',
      '...',
      '?.',
      ',',
      ' ',
      '{',
      '}',
      ':',
      '1',
      'x',
    ],
    ...[
      'constructor',
      '__proto__',
      'default',
      "$('s')",
      '+',
      '-',
      '&&',
      '?',
      '!',
      'new ',
      'async ',
      'await ',
      '\n',
      '/*',
      '*/',
      '//',
      '#a',
      '@',
      '1n',
      'é',
      '\u2028',
    ],
  );
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(pieces, { maxLength: 24 }).map((list) => list.join('')),
    fc.array(pieces, { maxLength: 24 }).map((list) => `=${list.join('')}`),
  );
  fc.assert(
    fc.property(text, (source) => {
      try {
        compileExpression(source);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(SluiceError);
        expect((thrown as SluiceError).code).toBe('expression.syntax');
        const { offset } = (thrown as SluiceError).details as { offset: number };
        expect(offset).toBeGreaterThanOrEqual(0);
        expect(offset).toBeLessThanOrEqual(source.length);
      }
    }),
    { numRuns: 5_000 },
  );
});

test('evaluating anything that compiles changes neither the scope nor the language', () => {
  const names = [
    '$json',
    '$json.list',
    '$json.tags',
    '$json.body',
    '$now',
    "'abc'",
    '[1, 2, 3]',
    '{ a: 1 }',
    '5',
    '/a/g',
    'x => x',
    '$input',
    '$json.nothing',
  ];
  const calls = [
    'sort',
    'reverse',
    'map',
    'concat',
    'merge',
    'unique',
    'push',
    'replace',
    'split',
    'keys',
    'plus',
    'round',
    'with',
    'valueOf',
    'toString',
  ];
  const atom = fc.constantFrom(...names);
  const source = fc
    .tuple(
      atom,
      fc.array(fc.tuple(fc.constantFrom(...calls), fc.array(atom, { maxLength: 2 })), { maxLength: 3 }),
      atom,
    )
    .map(
      ([head, chain, tail]) =>
        `=[${head}${chain.map(([name, args]) => `.${name}(${args.join(', ')})`).join('')}, ${tail}]`,
    );
  const shapes = () =>
    [Object.prototype, Array.prototype, String.prototype, Function.prototype].map((o) =>
      Object.getOwnPropertyNames(o).join(),
    );
  const before = shapes();
  const scope = testScope();
  const data = JSON.stringify(scope);
  fc.assert(
    fc.property(source, (text) => {
      try {
        const value = compileExpression(text.replace(/^=\[\{/, '=[{')).evaluate(scope);
        expect(() => JSON.stringify(value)).not.toThrow();
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(SluiceError);
        expect((thrown as SluiceError).code).toMatch(/^expression\./);
      }
      expect(JSON.stringify(scope)).toBe(data);
    }),
    { numRuns: 2_000 },
  );
  expect(shapes()).toEqual(before);
});
