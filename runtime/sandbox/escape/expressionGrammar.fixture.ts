import fc from 'fast-check';
import { SluiceError } from '#shared/error.ts';
import { testScope } from '#shared/expression/evaluate.fixture.ts';
import { compileExpression } from '#shared/expression/expression.ts';
import { allNames } from '#shared/expression/variables.ts';

const DANGEROUS = [
  'constructor',
  '__proto__',
  'prototype',
  'caller',
  'callee',
  'arguments',
  'valueOf',
  'toString',
  'toJSON',
  'then',
  '__defineGetter__',
  '__defineSetter__',
  '__lookupGetter__',
  'hasOwnProperty',
  'apply',
  'call',
  'bind',
  'length',
  'name',
];
const MEMBERS = [
  ...DANGEROUS,
  'name',
  'list',
  'tags',
  'body',
  'issue',
  'title',
  'first',
  'last',
  'all',
  'item',
  'json',
  'map',
  'filter',
  'reduce',
  'join',
  'repeat',
  'replace',
  'match',
  'split',
  'slice',
  'concat',
  'flatMap',
  'sort',
  'plus',
  'toISO',
  'keys',
  'entries',
  'from',
  'stringify',
  'parse',
  'fromEntries',
  'assign',
  'padEnd',
  'test',
  'isEmpty',
  'toUpperCase',
  'round',
];
const NAMES = [
  ...allNames(),
  'globalThis',
  'process',
  'this',
  'eval',
  'Function',
  'require',
  'import',
  'constructor',
  '__proto__',
  'x',
  'y',
  'window',
];
const OPERATORS = '+ - * / % ** == === != !== < > <= >= && || ?? in instanceof , & | ^ << >> >>>'.split(' ');

/** Texts that look like expressions, most of them legal, many of them hostile. */
export const expressionText: fc.Arbitrary<string> = fc.letrec<{ any: string }>((tie) => {
  const any = tie('any');
  const few = fc.array(any, { maxLength: 3 }).map((list) => list.join(', '));
  const name = fc.constantFrom(...NAMES);
  const member = fc.constantFrom(...MEMBERS);
  const text = fc.oneof(
    fc.constantFrom(...MEMBERS.map((one) => `'${one}'`), "'return process'", "''", "'a'", "'-1'", "'0'", '`a`'),
    fc.string({ maxLength: 8 }).map((one) => JSON.stringify(one)),
  );
  const number = fc.oneof(
    fc.integer().map(String),
    fc.double().map(String),
    fc.constantFrom('0', '1e9', '1e308', '0x10', '1n'),
  );
  const pattern = fc.constantFrom('/a/', '/(a+)+$/', '/./gs', '/(?=a)/', '/\\1(a)/', '/[/]/u', '/(?<n>a)/');
  return {
    any: fc.oneof(
      { maxDepth: 5, depthIdentifier: 'expression' },
      name,
      text,
      number,
      pattern,
      fc.tuple(any, member).map(([a, b]) => `${a}.${b}`),
      fc.tuple(any, member).map(([a, b]) => `${a}?.${b}`),
      fc.tuple(any, any).map(([a, b]) => `${a}[${b}]`),
      fc.tuple(any, text, text).map(([a, b, c]) => `${a}[${b} + ${c}]`),
      fc.tuple(any, few).map(([a, b]) => `${a}(${b})`),
      fc.tuple(any, member, few).map(([a, b, c]) => `${a}.${b}(${c})`),
      fc.tuple(any, fc.constantFrom(...OPERATORS), any).map(([a, b, c]) => `(${a} ${b} ${c})`),
      fc.tuple(any, any, any).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
      fc
        .tuple(fc.constantFrom('!', '-', '+', '~', 'typeof ', 'void ', '...', 'new ', 'delete ', 'await '), any)
        .map(([a, b]) => `${a}${b}`),
      few.map((list) => `[${list}]`),
      fc.tuple(member, any).map(([a, b]) => `({ ${a}: ${b} })`),
      fc.tuple(any, any).map(([a, b]) => `({ [${a}]: ${b} })`),
      fc.tuple(any, any).map(([a, b]) => `({ ...${a}, x: ${b} })`),
      any.map((body) => `(x => ${body})`),
      any.map((body) => `((x, y = ${body}) => x)`),
      fc.tuple(member, any).map(([a, b]) => `(({ ${a}: x }) => ${b})`),
      any.map((one) => `\`a\${${one}}b\``),
      fc.tuple(any, any).map(([a, b]) => `${a} = ${b}`),
    ),
  };
}).any;

/** How long one evaluation may take. */
const HANG_MS = 250;

export type Verdict = { evaluated: number; crashes: string[]; hangs: string[] };

/** Evaluates as many generated expressions as it is told, and says which of them broke a promise. */
export function fuzzExpressions(count: number, seed: number): Verdict {
  const verdict: Verdict = { evaluated: 0, crashes: [], hangs: [] };
  const texts = fc.sample(expressionText, { numRuns: count, seed });
  for (const text of texts) {
    const source = text.length % 3 === 0 ? `{{ ${text} }}` : `=${text}`;
    if (takes(source, verdict) > HANG_MS && takes(source, verdict) > HANG_MS && takes(source, verdict) > HANG_MS)
      verdict.hangs.push(source);
    verdict.evaluated += 1;
  }
  return verdict;
}

/** A machine that others use is slow now and then: what is slow three times, is slow. */
function takes(source: string, verdict: Verdict): number {
  const start = performance.now();
  try {
    const value = compileExpression(source).evaluate(testScope());
    if (typeof value === 'function') verdict.crashes.push(`${source} gave a function`);
  } catch (thrown) {
    if (!(thrown instanceof SluiceError) || !thrown.code.startsWith('expression.'))
      verdict.crashes.push(`${source}: ${thrown instanceof Error ? thrown.stack : thrown}`);
  }
  return performance.now() - start;
}
