import { afterAll, expect, test } from 'vitest';
import { packageName } from './imports.ts';
import { type Packed, packagesFor, packTexts, readPacked } from './packages.ts';
import { asking } from './sandbox.fixture.ts';
import { createSandbox } from './sandbox.ts';

const sandbox = createSandbox({ workers: 1 });
afterAll(() => sandbox.close());
const { run, results, failure } = asking(sandbox, { kind: 'module', language: 'typescript', path: 'scripts/score.ts' });

const packed: Packed = {
  inputs: 'a'.repeat(64),
  packages: { tiny: '1.0.0', '@me/tools': '2.0.0' },
  imports: { tiny: ['twice'], '@me/tools/text': ['*'] },
  modules: {
    tiny: "import{two}from'./chunk-A.js';export const twice=n=>n*two;export const fail=()=>{throw new TypeError('inside')};",
    '@me/tools/text': "import{two}from'./chunk-A.js';export const mark=t=>t+'!'.repeat(two);",
    './chunk-A.js': 'export const two=2;\n',
    unused: "throw new Error('never loaded');",
    web: "export const a=new URL('https://example.com');",
  },
  uses: { tiny: ['./chunk-A.js'], '@me/tools/text': ['./chunk-A.js'] },
};
const PATH = 'scripts/packages/npm.js';
const text = packTexts(packed)[PATH] ?? '';
const from = (given: string) => (path: string) => (path === PATH ? given : undefined);
const filesFor = (source: string) => ({ files: packagesFor([source], from(text)) });

test('what was packed is read as it was, also where Git changed its line ends and back', () => {
  expect(readPacked(from(text))).toEqual({
    ...packed,
    uses: { ...packed.uses, './chunk-A.js': [], unused: [], web: [] },
  });
  const reversed = { ...packed, modules: Object.fromEntries(Object.entries(packed.modules).reverse()) };
  expect(packTexts(reversed)).toEqual({ [PATH]: text });
  expect(readPacked(from(text.replaceAll('\n', '\r\n').replaceAll('\r\n', '\n')))?.inputs).toBe(packed.inputs);
  expect(readPacked(() => undefined)).toBeUndefined();
});

test('what is too long for one script becomes several, none of which may be missing or changed', () => {
  const long = {
    ...packed,
    modules: { ...packed.modules, long: `export const long='${'\u{1f600}\n'.repeat(400_000)}';` },
  };
  const texts = packTexts(long);
  expect(Object.keys(texts)).toEqual([PATH, 'scripts/packages/npm-2.js', 'scripts/packages/npm-3.js']);
  for (const one of Object.values(texts)) expect(one.length).toBeLessThan(500_000);
  for (const one of Object.values(texts)) expect(one.isWellFormed()).toBe(true);
  expect(readPacked((path) => texts[path])?.modules).toEqual(long.modules);
  expect(() => readPacked((path) => (path.endsWith('-3.js') ? undefined : texts[path]))).toThrow(
    'not as Sluice packed',
  );
  expect(() => readPacked((path) => texts[path]?.replace('\u{1f600}', 'x'))).toThrow('not as Sluice packed');
});

test.each([
  ['a changed digit', text.replace('two=2', 'two=3')],
  ['a lost end', text.slice(0, -20)],
  ['another head', text.replace('Packed by', 'Made by')],
  ['a head that is no JSON', text.replace('{"hash"', '{hash')],
  ['a head of other things', `${text.slice(0, text.indexOf('{'))}{"hash":"${'0'.repeat(64)}"}\n`],
  ['nothing', ''],
])('%s is refused', (_, broken) => {
  expect(() => readPacked(from(broken))).toThrow(expect.objectContaining({ code: 'package.not_packed' }));
});

test('a script gets the modules that it imports, with what they share, and no others', async () => {
  const source = `import { twice } from 'tiny';
import * as texts from '@me/tools/text';
export default (item) => ({ v: texts.mark(String(twice(item.json.n))) });`;
  const { files } = filesFor(source);
  expect(Object.keys(files).sort()).toEqual(['package:./chunk-A.js', 'package:@me/tools/text', 'package:tiny']);
  expect(await results(source, { files })).toEqual([{ v: '2!!' }, { v: '4!!' }]);
});

test('an error inside of a package names the line of the script that called it', async () => {
  const source = "import { fail } from 'tiny';\n\nexport default () =>\n  fail();";
  expect((await run(source, filesFor(source))).errors?.[0]?.message).toBe('TypeError: inside (scripts/score.ts:4:3)');
});

test.each([
  ["import a from 'missing'", 'no such package was packed with the project'],
  ["import { nope } from 'tiny'", "does not provide an export named 'nope'"],
  ["import a from './chunk-A.js'", 'the project has no such script'],
  ["import a from 'package:tiny'", 'only scripts of the same project and packages'],
])('%s is refused by name', async (line, why) => {
  const source = `${line};\nexport default () => a;`;
  const error = await failure(source, filesFor(`${source}\nimport 'tiny'`));
  expect(error).toMatchObject({ code: 'code.syntax', message: expect.stringContaining(why) });
  expect(error.advice).toBeTruthy();
});

test('a package that needs a browser says so, with its name', async () => {
  const source = "import { a } from 'web';\nexport default () => ({ a });";
  expect(await failure(source, filesFor(source))).toMatchObject({
    code: 'code.failed',
    message: 'ReferenceError: URL is not defined (while the package web was loaded)',
    advice: expect.stringContaining('none of browsers'),
  });
});

test('the package of an import is found by its name', () => {
  const names = ['lodash', 'lodash/fp', '@a/b', '@a/b/c.js', 'node:fs', './a', '/a', 'https://a', '@a', 'A', 'a/../b'];
  expect(names.map(packageName)).toEqual(['lodash', 'lodash', '@a/b', '@a/b', ...Array(7).fill(undefined)]);
});
