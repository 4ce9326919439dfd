import { afterAll, beforeAll, expect, test } from 'vitest';
import { SluiceError } from '#shared/error.ts';
import { testScope } from '#shared/expression/evaluate.fixture.ts';
import { compileExpression } from '#shared/expression/expression.ts';
import { plantCanaries } from './canaries.fixture.ts';
import { fuzzExpressions } from './expressionGrammar.fixture.ts';

let canaries: Awaited<ReturnType<typeof plantCanaries>>;
beforeAll(async () => {
  canaries = await plantCanaries();
});
afterAll(() => canaries.remove());

const BASES = [
  '$json',
  '$json.list',
  '$json.name',
  '$json.age',
  "''",
  '[]',
  '({})',
  '(0)',
  'true',
  '/a/',
  '(x => x)',
  '$now',
  '$items',
  '$input',
  "$('set_k3f9')",
  '$env',
  '$run',
  'Math',
  'JSON',
  'Object',
  'Array',
  'Math.max',
  '$input.first',
  '$json.list.map',
  '$binary',
];
const KEYS = [
  'constructor',
  '__proto__',
  'prototype',
  'caller',
  'arguments',
  '__defineGetter__',
  '__lookupGetter__',
  'apply',
  'bind',
];

/** Ways to write `base.key`. */
const FORMS = [
  (base: string, key: string) => `${base}.${key}`,
  (base: string, key: string) => `${base}?.${key}`,
  (base: string, key: string) => `${base}['${key}']`,
  (base: string, key: string) => `${base}['${key.slice(0, 3)}' + '${key.slice(3)}']`,
  (base: string, key: string) => `${base}[\`${key.slice(0, 3)}\${'${key.slice(3)}'}\`]`,
  (base: string, key: string) => `${base}['${[...key].reverse().join('')}'.split('').reverse().join('')]`,
  (base: string, key: string) => `${base}[['${key}']]`,
  (base: string, key: string) => `(({ ${key}: x }) => x)(${base})`,
  (base: string, key: string) => `(({ ['${key}']: x }) => x)(${base})`,
  (base: string, key: string) => `[${base}].map(x => x['${key}'])[0]`,
  (base: string, key: string) => `({ ...${base} })['${key}']`,
  (base: string, key: string) => `${base}.\\u0063onstructor ?? ${base}['${key}']`,
];

/** What is done with what was found. */
const USES = (name: string) => [
  (found: string) => found,
  (found: string) => `${found}('return process.env.${name}')()`,
  (found: string) => `${found}.constructor('return globalThis.${name}')()`,
];

test('no expression reaches a canary, an object of ours or a function', () => {
  const uses = USES(canaries.place.name);
  const sources = new Set([
    ...BASES.flatMap((base) =>
      KEYS.flatMap((key) => FORMS.flatMap((form) => uses.map((use) => `=${use(form(base, key))}`))),
    ),
    ...[
      'process',
      'globalThis',
      'this',
      'require',
      'eval',
      'Function',
      'import',
      'global',
      'window',
      'self',
      'Reflect',
      'Proxy',
      'Symbol',
      'WebAssembly',
      'fetch',
      'setTimeout',
      'module',
      canaries.place.name,
    ].flatMap((name) => [
      `=${name}`,
      `=${name}.env`,
      `=${name}('process')`,
      `={{ ${name} }}`,
      `=typeof ${name}`,
      `=[${name}]`,
      `=(() => ${name})()`,
      `=({ ${name} })`,
      `=\`\${${name}}\``,
    ]),
  ]);
  expect(sources.size).toBeGreaterThan(8_000);
  const escaped: string[] = [];
  let refused = 0;
  for (const source of sources) {
    let value: unknown;
    try {
      value = compileExpression(source).evaluate(testScope());
    } catch (thrown) {
      if (!(thrown instanceof SluiceError)) escaped.push(`${source}: ${thrown}`);
      refused += 1;
      value = (thrown as Error).message;
    }
    if (typeof value === 'function') escaped.push(`${source} gave a function`);
    if (canaries.reached(String(value)).length > 0) escaped.push(`${source}: ${canaries.reached(String(value))}`);
  }
  expect(escaped).toEqual([]);
  console.log(`${sources.size} hostile expressions, ${refused} refused, 0 canaries`);
});

test('an expression that reads its own data is not refused', () => {
  const scope = testScope({ json: { construction: 1, proto: 2 } });
  expect(compileExpression("=$json.construction + $json['proto']").evaluate(scope)).toBe(3);
});

test('20,000 generated expressions give a value or an error of their own, in time, and change nothing of ours', {
  timeout: 300_000,
}, () => {
  const { evaluated, crashes, hangs } = fuzzExpressions(20_000, 7);
  expect({ evaluated, crashes: crashes.slice(0, 5), hangs }).toEqual({ evaluated: 20_000, crashes: [], hangs: [] });
  expect(canaries.reached('')).toEqual([]);
});
