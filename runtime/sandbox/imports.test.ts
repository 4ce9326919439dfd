import { afterAll, expect, test } from 'vitest';
import { scriptImports } from './imports.ts';
import { asking } from './sandbox.fixture.ts';
import { createSandbox } from './sandbox.ts';

const sandbox = createSandbox();
afterAll(() => sandbox.close());
const { run, results, failure } = asking(sandbox, { kind: 'module', language: 'typescript', path: 'scripts/score.ts' });

/** What a script is sent with, from a project's scripts. */
function filesFor(source: string, scripts: Record<string, string>, path = 'scripts/score.ts') {
  return { files: scriptImports(path, source, (file) => scripts[file]) };
}

test('a script imports others, which import others, with and without their ending', async () => {
  const source = `import { twice } from './lib/math.ts';
import label, * as all from "./lib/label";
export default (item: { json: { n: number } }) => ({ v: twice(item.json.n), label: label(), all: Object.keys(all) });`;
  const scripts = {
    'scripts/lib/math.ts': "import { two } from '../two.js';\nexport const twice = (n: number): number => n * two;",
    'scripts/lib/label.js': "export default () => 'points'; export const other = 1;",
    'scripts/two.ts': 'export enum Numbers { Two = 2 }\nexport const two = Numbers.Two;',
    'scripts/unused.ts': 'throw new Error("never loaded")',
  };
  const sent = filesFor(source, scripts);
  expect(Object.keys(sent.files).sort()).toEqual(['scripts/lib/label.js', 'scripts/lib/math.ts', 'scripts/two.ts']);
  expect(await results(source, sent)).toEqual([
    { v: 2, label: 'points', all: ['default', 'other'] },
    { v: 4, label: 'points', all: ['default', 'other'] },
  ]);
});

test('scripts may import each other in a circle', async () => {
  const source =
    "import { down } from './down.ts';\nexport const stop = () => 'stopped';\nexport default (item) => ({ v: down(item.json.n) });";
  const scripts = {
    'scripts/down.ts':
      "import { stop } from './score.ts';\nexport const down = (n: number): string => (n === 0 ? stop() : down(n - 1));",
  };
  expect(await results(source, filesFor(source, scripts))).toEqual([{ v: 'stopped' }, { v: 'stopped' }]);
});

test('an error names the file, line and column where it happened, also in an imported script', async () => {
  const source = "import { check } from './lib.ts';\nexport default (item) => check(item);";
  const scripts = {
    'scripts/lib.ts': 'type T = object;\n\nexport const check = (item: T) => {\n  throw new TypeError("odd");\n};',
  };
  const { errors } = await run(source, filesFor(source, scripts));
  expect(errors?.[0]?.message).toBe('TypeError: odd (scripts/lib.ts:4:9)');
  const enums = { 'scripts/lib.ts': `enum A { B }\n${scripts['scripts/lib.ts']}` };
  expect((await run(source, filesFor(source, enums))).errors?.[0]?.message).toBe('TypeError: odd (scripts/lib.ts:5:9)');
  const broken = { 'scripts/lib.ts': 'export const check = ;' };
  expect((await failure(source, filesFor(source, broken))).message).toContain('(scripts/lib.ts:1:22)');
  const throws = { 'scripts/lib.ts': '\nthrow new Error("while loading");\nexport const check = 1;' };
  expect((await failure(source, filesFor(source, throws))).message).toBe('while loading (scripts/lib.ts:2:7)');
});

test.each([
  ["import a from './missing.ts'", "'./missing.ts', and the project has no such script"],
  ["import a from '../../etc/passwd.ts'", 'the project has no such script'],
  ["import a from '../workflows/a.ts'", 'the project has no such script'],
  ["import a from '/etc/passwd'", 'only scripts of the same project'],
  ["import a from 'lodash'", 'no such package was packed'],
  ["import a from 'node:fs'", 'only scripts of the same project'],
  ["import a from 'data:text/javascript,export default 1'", 'only scripts of the same project'],
  ["import a from 'https://example.com/a.js'", 'only scripts of the same project'],
  ["import a from './__proto__'", 'the project has no such script'],
])('%s is refused by name', async (line, why) => {
  const source = `${line};\nexport default () => a;`;
  const error = await failure(source, filesFor(source, { 'scripts/other.ts': '' }));
  expect(error.code).toBe('code.syntax');
  expect(error.message).toContain(why);
  expect(error.message).toContain('scripts/score.ts imports');
});

test('a name that is not exported is told with advice, since it may be only a type', async () => {
  const source = "import { Size } from './lib.ts';\nexport default () => ({});";
  expect(await failure(source, filesFor(source, { 'scripts/lib.ts': 'export type Size = 1;' }))).toMatchObject({
    code: 'code.syntax',
    advice: expect.stringContaining('import type'),
  });
});

test('what Python imports is found beside the script and from the top of scripts/', () => {
  const scripts: Record<string, string> = {
    'scripts/jobs/run.py':
      'import helper, tools.text as t\nfrom lib import (a,\n  b)\nfrom . import near\nfrom .deep.er import x\n',
    'scripts/jobs/helper.py': 'import os',
    'scripts/tools/text.py': '',
    'scripts/lib/__init__.py': '',
    'scripts/lib/a.py': '',
    'scripts/jobs/near.py': '',
    'scripts/jobs/deep/er.py': '',
    'scripts/other.py': '',
  };
  const found = scriptImports('scripts/jobs/run.py', scripts['scripts/jobs/run.py'] ?? '', (file) => scripts[file]);
  expect(Object.keys(found).sort()).toEqual(
    Object.keys(scripts)
      .filter((file) => file !== 'scripts/other.py' && file !== 'scripts/jobs/run.py')
      .sort(),
  );
});
