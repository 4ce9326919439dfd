import { cpSync, mkdtempSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runCase } from '#runtime/engine/runCase.ts';
import { readPacked } from '#runtime/sandbox/packages.ts';
import { patientSandbox } from '#runtime/sandbox/sandbox.fixture.ts';
import type { Edit } from '#shared/workflow/edit.ts';
import { type Item, Tree } from '#shared/workflow/tree.ts';
import { packNpm } from './packNpm.ts';
import { withPackages } from './packProject.ts';
import { install, json, makeProject, readTree, type TinyPackage, writeFiles } from './project.fixture.ts';

const sandbox = patientSandbox({ workers: 1 });
afterAll(() => sandbox.close());

/** An old-style package, one of modules, and one that both need. */
const base: TinyPackage = {
  name: 'base',
  version: '3.0.0',
  files: { 'index.js': 'let count = 0;\nexport const next = () => ++count;\nexport const unused = "never wanted";\n' },
  about: { type: 'module', exports: './index.js', sideEffects: false },
};
const old: TinyPackage = {
  name: 'old-style',
  version: '1.2.3',
  files: {
    'lib/main.js': `/*! MIT, by its author */
const { next } = require('base');
const data = require('./data.json');
let crypto; try { crypto = require('crypto'); } catch { crypto = 'none'; }
exports.twice = (n) => n * data.factor;
exports.count = () => next();
exports.crypto = crypto;
exports.where = typeof process;`,
    'lib/data.json': '{"factor":2}',
  },
  about: { main: 'lib/main.js' },
};
const modern: TinyPackage = {
  name: '@me/modern',
  version: '0.4.0',
  files: {
    'index.js':
      "import { next } from 'base';\nexport default class Shout { say(text) { return text.toUpperCase(); } }\nexport const count = () => next();\nexport class OddError extends Error { name = 'OddError'; }",
    'part.js': 'export const part = "a part";',
  },
  about: { type: 'module', exports: { '.': './index.js', './part': './part.js' } },
};
const score = `import Shout, { count, OddError } from '@me/modern';
import { part } from '@me/modern/part';
import * as old from 'old-style';
import type { Nothing } from 'types-only';
import { help } from './help.js';
export default (item: { json: { n: number } }) => ({
  twice: old.twice(item.json.n), counts: [count(), old.count(), count()], said: new Shout().say(part), help: help(item.json.n),
  crypto: old.crypto, where: old.where, odd: new OddError('x') instanceof Error,
});`;
const help = "import { twice } from 'old-style';\nexport const help = (n) => twice(n) + ' at most';";
const files = { 'scripts/score.ts': score, 'scripts/help.js': help };

function project(packages = [old, modern, base], direct?: string[]): string {
  const dir = makeProject(files);
  install(dir, packages, direct);
  return dir;
}

/** What the step gives for items 1 and 2, by the code that `sluice test` runs: the tree alone, nothing of the folder. */
async function outputs(tree: Tree): Promise<unknown> {
  const [workflow = ''] = Object.keys(tree.workflows);
  const expected = { steps: { score_m4t8: ['what comes'] } };
  const saved = { name: 'Score', workflow, items: [{ json: { n: 1 } }, { json: { n: 2 } }], expect: expected };
  const { differences } = await runCase(Tree.parse(tree), 'score', saved, { sandbox, vars: {} });
  const actual = differences.find(({ where }) => where === 'steps.score_m4t8')?.actual;
  return Array.isArray(actual) ? actual.map((item) => (item as Item).json) : differences;
}

const packedText = (edits: Edit[]) => edits.flatMap((edit) => (edit.type === 'setScript' ? [edit.text] : []))[0] ?? '';
const failure = (dir: string) =>
  readTree(dir)
    .then((tree) => packNpm(dir, tree))
    .then(
      () => expect.fail('it was packed'),
      (error: unknown) => error,
    );

test('what scripts import is packed into one script, and runs without node_modules', async () => {
  const dir = project();
  const tree = await readTree(dir);
  expect(Object.keys(tree.scripts).sort()).toEqual(['help.js', 'score.ts']);
  const packed = await withPackages(dir, tree);
  rmSync(dir, { recursive: true });
  expect(Object.keys(packed.scripts).sort()).toEqual(['help.js', 'packages/npm.js', 'score.ts']);
  const same = { said: 'A PART', crypto: 'none', where: 'undefined', odd: true };
  // `base` is one module for both packages, and each item finds it as the last one left it.
  expect(await outputs(packed)).toEqual([
    { ...same, twice: 2, counts: [1, 2, 3], help: '2 at most' },
    { ...same, twice: 4, counts: [4, 5, 6], help: '4 at most' },
  ]);
  const text = packed.scripts['packages/npm.js'] ?? '';
  expect(readPacked(() => text)?.packages).toEqual({ '@me/modern': '0.4.0', base: '3.0.0', 'old-style': '1.2.3' });
  expect(text).toContain('MIT, by its author');
  expect(text).not.toContain(tmpdir());
});

test('the same packages give the same bytes, wherever the folder is', async () => {
  const [first, second] = [project(), project()];
  const linked = join(mkdtempSync(join(tmpdir(), 'sluice-packages-')), 'another-name');
  symlinkSync(second, linked);
  const copy = join(mkdtempSync(join(tmpdir(), 'sluice-packages-')), 'deep/er');
  cpSync(first, copy, { recursive: true });
  const texts = [];
  for (const dir of [first, second, linked, copy]) texts.push(packedText(await packNpm(dir, await readTree(dir))));
  expect(texts[0]).toContain('require_main');
  expect(new Set(texts).size).toBe(1);
});

test('what is packed already stays as it is, also where nothing is installed or the lock file did not come along', async () => {
  const dir = project();
  writeFiles(dir, { 'scripts/packages/npm.js': packedText(await packNpm(dir, await readTree(dir))) });
  expect(await packNpm(dir, await readTree(dir))).toEqual([]);
  rmSync(join(dir, 'scripts/node_modules'), { recursive: true });
  expect(await packNpm(dir, await readTree(dir))).toEqual([]);
  rmSync(join(dir, 'scripts/package-lock.json'));
  expect(await packNpm(dir, await readTree(dir))).toEqual([]);
  // What it was not packed for needs the packages.
  writeFiles(dir, { 'scripts/help.js': `${help}\nexport { count } from 'old-style';\nexport * from '@me/modern';` });
  expect(await failure(dir)).toMatchObject({ code: 'package.not_installed' });
});

test('another lock file, another import or a changed file packs anew; without imports it goes away', async () => {
  const dir = project();
  const first = packedText(await packNpm(dir, await readTree(dir)));
  writeFiles(dir, { 'scripts/packages/npm.js': first.replace('toUpperCase', 'toLowerCase') });
  expect(packedText(await packNpm(dir, await readTree(dir)))).toBe(first);
  writeFiles(dir, {
    'scripts/packages/npm.js': first,
    'scripts/help.js': `${help}\nexport { more } from 'old-style';`,
  });
  expect(packedText(await packNpm(dir, await readTree(dir)))).not.toBe(first);
  writeFiles(dir, { 'scripts/help.js': help });
  install(dir, [old, modern, { ...base, version: '3.0.1' }]);
  expect(packedText(await packNpm(dir, await readTree(dir)))).toContain('3.0.1');
  writeFiles(dir, { 'scripts/score.ts': 'export default (item) => item;' });
  expect(await packNpm(dir, await readTree(dir))).toEqual([{ type: 'removeScript', path: 'packages/npm.js' }]);
});

test('only what is imported is packed, and scripts that no step runs want nothing', async () => {
  const dir = makeProject({
    'scripts/score.ts': "import { next } from 'base';\nexport default () => ({ v: next() });",
    'scripts/unused.ts': "import x from 'not-installed';",
  });
  install(dir, [base]);
  const text = packedText(await packNpm(dir, await readTree(dir)));
  expect(text).toContain('++count');
  expect(text).not.toContain('never wanted');
});

test.each<[string, (dir: string) => void, object]>([
  [
    'nothing is installed',
    (dir) => rmSync(join(dir, 'scripts/node_modules'), { recursive: true }),
    {
      code: 'package.not_installed',
      message: 'scripts/score.ts imports @me/modern, and there is no scripts/node_modules.',
      advice: expect.stringContaining('npm ci --ignore-scripts'),
    },
  ],
  [
    'one package is not installed',
    (dir) => rmSync(join(dir, 'scripts/node_modules/old-style'), { recursive: true }),
    { code: 'package.not_installed', message: expect.stringContaining('old-style, which scripts/') },
  ],
  [
    'a package of a package is not installed',
    (dir) => rmSync(join(dir, 'scripts/node_modules/base'), { recursive: true }),
    { code: 'package.not_installed', details: { package: 'base' } },
  ],
  [
    'there is no lock file',
    (dir) => rmSync(join(dir, 'scripts/package-lock.json')),
    { code: 'package.not_installed', message: expect.stringContaining('no scripts/package.json with a') },
  ],
  [
    'another version is installed than the lock file says',
    (dir) =>
      writeFiles(dir, {
        'scripts/node_modules/base/package.json': json({ ...base.about, name: 'base', version: '9.9.9' }),
      }),
    {
      code: 'package.not_locked',
      message: 'base 9.9.9 is installed where scripts/package-lock.json says base 3.0.0.',
      advice: expect.stringContaining('npm ci --ignore-scripts'),
    },
  ],
  [
    'another package is installed under the name',
    (dir) =>
      writeFiles(dir, {
        'scripts/node_modules/base/package.json': json({ ...base.about, name: 'bass', version: '3.0.0' }),
      }),
    { code: 'package.not_locked', message: expect.stringContaining('bass 3.0.0 is installed') },
  ],
  [
    'npm noted another sum than the lock file has',
    (dir) =>
      writeFiles(dir, {
        'scripts/node_modules/.package-lock.json': json({
          packages: { 'node_modules/base': { version: '3.0.0', integrity: 'sha512-other' } },
        }),
      }),
    { code: 'package.not_locked', message: expect.stringContaining('another build') },
  ],
  [
    'the lock file does not know an installed package',
    (dir) => {
      install(dir, [old, modern]);
      writeFiles(dir, {
        'scripts/node_modules/base/index.js': base.files['index.js'] ?? '',
        'scripts/node_modules/base/package.json': json({ ...base.about, name: 'base', version: '3.0.0' }),
      });
    },
    { code: 'package.not_locked', message: 'scripts/package-lock.json does not name the installed base.' },
  ],
  [
    'package.json does not list what is imported',
    (dir) => install(dir, [old, modern, base], ['old-style', 'base']),
    { code: 'package.not_locked', message: expect.stringContaining('does not list @me/modern') },
  ],
  [
    'the lock file is no JSON',
    (dir) => writeFiles(dir, { 'scripts/package-lock.json': '<<<<<<< HEAD' }),
    { code: 'package.not_locked', message: 'scripts/package-lock.json is not JSON.' },
  ],
  [
    'a package wants a module of Node',
    (dir) =>
      install(dir, [
        { ...old, files: { 'lib/main.js': "\nexports.twice = require('node:fs').readFileSync;" } },
        modern,
        base,
      ]),
    {
      code: 'package.not_supported',
      message:
        'The package old-style wants Node’s own module node:fs, which scripts do not have (node_modules/old-style/lib/main.js:2).',
      details: { package: 'old-style', builtin: 'node:fs' },
      advice: expect.stringContaining('works in browsers'),
    },
  ],
  [
    'a package holds a native addon',
    (dir) =>
      install(dir, [
        {
          ...old,
          files: {
            'lib/main.js': "module.exports = require('../build/it.node');",
            'build/it.node': 'ELF',
            'binding.gyp': '{}',
          },
        },
        modern,
        base,
      ]),
    { code: 'package.not_supported', message: 'The package old-style holds machine code (a native addon).' },
  ],
  [
    'a package loads its native addon by another package',
    (dir) =>
      install(dir, [
        {
          ...old,
          files: {
            'lib/main.js': "module.exports = require('node-gyp-build')(__dirname);",
            'prebuilds/x/it.node': 'ELF',
          },
        },
        {
          name: 'node-gyp-build',
          version: '4.0.0',
          files: { 'index.js': "const fs = require('fs'); module.exports = (d) => require(d);" },
        },
        modern,
        base,
      ]),
    { code: 'package.not_supported', message: 'The package old-style holds machine code (a native addon).' },
  ],
  [
    'a package is made for one system',
    (dir) => install(dir, [{ ...old, about: { ...old.about, os: ['darwin'], cpu: ['arm64'] } }, modern, base]),
    { code: 'package.not_supported', message: 'The package old-style is made for one system (darwin, arm64).' },
  ],
  [
    'a package is a link to a folder elsewhere',
    (dir) => {
      renameSync(join(dir, 'scripts/node_modules/base'), join(dir, 'elsewhere'));
      symlinkSync(join(dir, 'elsewhere'), join(dir, 'scripts/node_modules/base'));
    },
    { code: 'package.not_supported', message: expect.stringContaining('outside of scripts/node_modules') },
  ],
  [
    'a package has no such export',
    (dir) =>
      install(dir, [
        old,
        { ...modern, files: { ...modern.files, 'index.js': 'export const count = 1; export default count;' } },
        base,
      ]),
    { code: 'code.syntax', message: 'scripts/score.ts imports OddError from @me/modern, which has no such export.' },
  ],
  [
    'a package has no such part',
    (dir) => install(dir, [old, { ...modern, about: { type: 'module', exports: './index.js' } }, base]),
    { code: 'code.syntax', message: expect.stringContaining('has no such part') },
  ],
  [
    'all of it is too much',
    (dir) =>
      install(dir, [
        old,
        {
          ...modern,
          files: { ...modern.files, 'part.js': `export const part = ${JSON.stringify('x'.repeat(4_000_000))};` },
        },
        base,
      ]),
    { code: 'package.not_supported', message: expect.stringMatching(/at most|is the most.*@me\/modern 400\d{4}/) },
  ],
])('packing is refused where %s, and works as soon as that is put right', async (_, spoil, expected) => {
  const dir = project();
  spoil(dir);
  expect(await failure(dir)).toMatchObject(expected);
  install(dir, [old, modern, base]);
  expect(packedText(await packNpm(dir, await readTree(dir)))).toContain('require_main');
});

test('what cannot be packed stops only the runs that want it', async () => {
  const dir = project();
  rmSync(join(dir, 'scripts/node_modules'), { recursive: true });
  const tree = await readTree(dir);
  const [id = ''] = Object.keys(tree.workflows);
  const other = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a02';
  const two = {
    ...tree,
    workflows: { ...tree.workflows, [other]: { ...tree.workflows[id], steps: {}, edges: {} } as never },
  };
  await expect(withPackages(dir, two, id)).rejects.toMatchObject({ code: 'package.not_installed' });
  await expect(withPackages(dir, two)).rejects.toMatchObject({ code: 'package.not_installed' });
  expect(await withPackages(dir, two, other)).toEqual(two);
});

test('Node’s own modules are refused by the sandbox by name, unless a package has that name', async () => {
  const dir = makeProject({ 'scripts/score.ts': "import { on } from 'events';\nexport default () => ({ on });" });
  expect(await packNpm(dir, await readTree(dir))).toEqual([]);
  install(dir, [{ name: 'events', version: '1.0.0', files: { 'index.js': 'exports.on = "packed";' } }]);
  expect(await outputs(await withPackages(dir, await readTree(dir)))).toEqual([{ on: 'packed' }, { on: 'packed' }]);
});
