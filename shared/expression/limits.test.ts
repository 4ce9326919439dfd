import { expect, test } from 'vitest';
import { SluiceError } from '../error.ts';
import { evaluate, testScope } from './evaluate.fixture.ts';
import { compileExpression } from './expression.ts';

function outcome(source: string): { code: string; limit?: unknown; message: string } {
  try {
    evaluate(source);
  } catch (thrown) {
    if (!(thrown instanceof SluiceError)) throw thrown;
    return { code: thrown.code, limit: thrown.details?.limit, message: thrown.message };
  }
  return { code: 'none', message: '' };
}

test.each([
  ['endless work', '=Array.from({ length: 1000 }).map(() => Array.from({ length: 1000 }).map(() => 1))', 'steps'],
  ['a huge list', '=Array.from({ length: 1e9 })', 'steps'],
  ['a list that doubles', '=Array.from({ length: 64 }).reduce(a => [...a, ...a], [1])', 'steps'],
  ['a value that holds itself over and over', '=Array.from({ length: 60 }).reduce(a => [a, a], 1)', 'steps'],
  ['the same as JSON text', '=JSON.stringify(Array.from({ length: 60 }).reduce(a => ({ a, b: a }), 1))', 'steps'],
  ['flatMap of lists', '=Array.from({ length: 2000 }).flatMap(() => $json.long)', 'steps'],
  ['concat of lists', '=$json.long.concat(...Array.from({ length: 2000 }).map(() => $json.long))', 'steps'],
  ['a list taken over and over', '=Array.from({ length: 2000 }).map(() => $json.long.map(x => x))', 'steps'],
  ['many long texts', "=Array.from({ length: 5000 }).map(() => 'x'.repeat(1000000).toUpperCase())", 'steps'],
  ['many matches that each read to the end', "='a'.repeat(300000).replace(/a(?:.*b)?/g, '')", 'steps'],
  [
    'a pattern over many texts',
    "=Array.from({ length: 5000 }).map(() => /(a|b)+c/.test('ab'.repeat(100000)))",
    'steps',
  ],
  ['an e-mail search', "='a@'.repeat(500000).extractEmail()", 'steps'],
  ['repeat', "='ab'.repeat(1e9)", 'text'],
  ['padStart', "='a'.padStart(1e12)", 'text'],
  ['padEnd', "='a'.padEnd(1 / 0)", 'text'],
  ['join', "=$json.long.join('x'.repeat(100000))", 'text'],
  ['text that doubles', "=Array.from({ length: 64 }).reduce(a => a + a, 'x')", 'text'],
  ['a template that doubles', `=Array.from({ length: 64 }).reduce(a => \`\${a}\${a}\`, 'x')`, 'text'],
  ['concat of texts', "=Array.from({ length: 64 }).reduce(a => a.concat(a, a), 'x')", 'text'],
  ['replaceAll that grows', "='a'.repeat(10000).replaceAll('a', 'b'.repeat(10000))", 'text'],
  ['a replacement that copies what stands before', "='a'.repeat(10000).replace(/a/g, '$`')", 'text'],
  ['JSON text', '=JSON.stringify(Array.from({ length: 5000 }).map(() => "x".repeat(1000)))', 'text'],
  ['a list as text', '="" + Array.from({ length: 5000 }).map(() => "x".repeat(1000))', 'text'],
  ['a template of long texts', "{{ 'x'.repeat(1000000) }}{{ 'x'.repeat(1000000) }}", 'text'],
  ['a function that calls itself', '=(f => f(f))(f => f(f))', 'depth'],
  ['a list inside itself, deep', '=Array.from({ length: 5000 }).reduce(a => [a], 1)', 'depth'],
])('%s ends at its limit', (_what, source, limit) => {
  const long = Array.from({ length: 1000 }, (_, i) => i);
  const run = () => compileExpression(source).evaluate(testScope({ json: { long } }));
  expect(run).toThrow(expect.objectContaining({ code: 'expression.limit_exceeded' }));
  try {
    run();
  } catch (thrown) {
    expect((thrown as SluiceError).details).toMatchObject({ limit });
  }
});

test('a budget of the caller is kept to', () => {
  const compiled = compileExpression('=[1, 2, 3].map(x => x).join("-----")');
  expect(compiled.evaluate(testScope())).toBe('1-----2-----3');
  for (const small of [
    { steps: 5, depth: 64, text: 100 },
    { steps: 1000, depth: 64, text: 5 },
    { steps: 1000, depth: 0, text: 100 },
  ])
    expect(() => compiled.evaluate(testScope(), small)).toThrow(
      expect.objectContaining({ code: 'expression.limit_exceeded' }),
    );
});

test('every evaluation has a budget of its own', () => {
  const compiled = compileExpression('=Array.from({ length: 300000 }).length');
  for (let i = 0; i < 5; i++) expect(compiled.evaluate(testScope())).toBe(300_000);
});

test.each([
  ['brackets', '(', ')'],
  ['lists', '[', ']'],
  ['minus signs', '- ', ''],
  ['exclamation marks', '!', ''],
  ['arrows', 'x => ', ''],
  ['ternaries', '1 ? 2 : ', ''],
  ['additions', '1 + ', ''],
  ['members', 'a.', ''],
  ['calls', 'upper(', ')'],
  ['objects', '{ a: ', '}'],
  ['template literals', '`${', '}`'],
  ['optional chains', '$json?.', ''],
])('%s nested 100 and 4,000 times over are read or refused, never a crash', (_what, open, close) => {
  for (const times of [100, 4_000])
    expect(['none', 'expression.syntax', 'expression.failed']).toContain(
      outcome(`=(${open.repeat(times)}1${close.repeat(times)})`).code,
    );
});

test('an expression of 100,000 characters is refused, a template with as much plain text is not', () => {
  expect(outcome(`='${'x'.repeat(100_000)}'`)).toMatchObject({ code: 'expression.syntax' });
  expect(outcome(`=${'1+'.repeat(50_000)}1`).code).toBe('expression.syntax');
  expect(evaluate(`${'x'.repeat(100_000)}{{ 1 }}`)).toBe(`${'x'.repeat(100_000)}1`);
  expect(evaluate('{{ 1 }}'.repeat(10_000))).toBe('1'.repeat(10_000));
});

test.each([
  ['look-ahead', "='ab'.replace(/a(?=b)/, 'x')"],
  ['look-ahead', "='ab'.match(/a(?!b)/)"],
  ['look-behind', "='ab'.search(/(?<=a)b/)"],
  ['back-reference', '=/(a)\\1/.test("aa")'],
  ['back-reference', '=/(?<x>a)\\k<x>/.test("aa")'],
])('a pattern with %s is refused with advice', (what, source) => {
  expect(outcome(source)).toMatchObject({ code: 'expression.failed' });
  expect(outcome(source).message).toContain(what);
  expect(outcome(source).message).toContain('not supported in an expression');
});

test.each([
  ['=/(a+)+$/.test("a".repeat(50000) + "b")', false],
  ['=/(x+x+)+y/.test("x".repeat(50000))', false],
  ['=/^(a|aa)+$/.test("a".repeat(50000) + "!")', false],
  ['=/(.*)(.*)(.*)(.*)(.*)=/.test("x".repeat(50000))', false],
  ['="<p>a</p>".repeat(5000).replace(/<[^>]*>/g, "").length', 5000],
])('%s answers within the budget', (source, expected) => {
  expect(evaluate(source)).toBe(expected);
});

test('patterns that would grow too large when written out are refused', () => {
  expect(outcome(`=/${'a{1000}'.repeat(200)}/.test('a')`).message).toContain('too large');
  expect(outcome(`=/${'a'.repeat(3000)}/.test('a')`).message).toContain('too large');
});

test('a date format that could be read in very many ways is refused', () => {
  expect(outcome(`=DateTime.fromFormat('${'1'.repeat(60)}x', '${'dH'.repeat(20)}')`)).toMatchObject({
    code: 'expression.failed',
  });
  expect(outcome(`=DateTime.fromISO('${'1'.repeat(1000)}')`).message).toContain('too long');
});

test('data cannot bring a prototype along', () => {
  expect(evaluate(`=JSON.parse('{"__proto__": {"polluted": 1}, "a": 1}')`)).toEqual({ a: 1 });
  expect(evaluate(`={ ...JSON.parse('{"__proto__": {"polluted": 1}}') }.polluted`)).toBeUndefined();
  const json = JSON.parse('{"__proto__": {"polluted": true}, "k": {"toString": 1, "valueOf": 2, "toJSON": 3}}');
  expect(evaluate('={ ...$json, b: Object.assign({}, $json).polluted }.polluted', { json })).toBeUndefined();
  expect(evaluate("='' + $json.k + ($json.k - 1)", { json })).toContain('{"toString":1,"valueOf":2,"toJSON":3}');
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test('functions kept in data are never called by the language itself', () => {
  expect(evaluate("=({ toString: () => 'called', valueOf: () => 5, toJSON: () => 'called' }) + ''")).toBe('{}');
  expect(evaluate('=+({ valueOf: () => 5 })')).toBeNull();
});
