import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { strToU8, zipSync } from 'fflate';
import { afterAll, expect, test } from 'vitest';
import { runCase } from '#runtime/engine/runCase.ts';
import { patientSandbox } from '#runtime/sandbox/sandbox.fixture.ts';
import { applyEdit } from '#shared/workflow/edit.ts';
import { Tree } from '#shared/workflow/tree.ts';
import { withPackages } from './packProject.ts';
import { packWheels } from './packWheels.ts';
import { type Files, makeProject, readTree, writeFiles } from './project.fixture.ts';

const sandbox = patientSandbox({ workers: 1 });
afterAll(() => sandbox.close());

const NOTE = 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n';

function zip(files: Record<string, string>): Uint8Array {
  const bytes = Object.entries(files).map(([path, text]) => [path, strToU8(text)]);
  return zipSync(Object.fromEntries(bytes), { mtime: new Date('2026-01-01T00:00:00Z') });
}
const wheel = (files: Record<string, string> = {}, note = NOTE) =>
  zip({ 'tiny/__init__.py': 'def say(n): return f"tiny says {n}"\n', 'tiny-1.0.dist-info/WHEEL': note, ...files });

const TINY = 'scripts/wheels/tiny-1.0-py3-none-any.whl';
function project(files: Files = { [TINY]: wheel() }): string {
  const score = 'from tiny import say\ndef main(item): return {"said": say(item["json"]["n"] * 2)}\n';
  return makeProject({ 'scripts/score.py': score, ...files }, 'score.py');
}
const pack = async (dir: string) => packWheels(dir, await readTree(dir));
const failure = (dir: string) =>
  pack(dir).then(
    () => expect.fail('it was packed'),
    (error: unknown) => error,
  );

async function differences(tree: Tree): Promise<unknown> {
  const [workflow = ''] = Object.keys(tree.workflows);
  const expected = { status: 'succeeded' as const, steps: { score_m4t8: [{ json: { said: 'tiny says 6' } }] } };
  const saved = { name: 'Score', workflow, items: [{ json: { n: 3 } }], expect: expected };
  // A busy machine may take longer to start an interpreter than a step may take.
  const step = tree.workflows[workflow]?.steps.score_m4t8;
  if (step) step.timeoutMs = 300_000;
  return (await runCase(Tree.parse(tree), 'score', saved, { sandbox, vars: {} })).differences;
}

test('a wheel in the project is imported by its Python, also where only the project itself came along', async () => {
  const dir = project();
  const tree = await readTree(dir);
  expect(Object.keys(tree.scripts)).toEqual(['score.py']);
  const packed = await withPackages(dir, tree);
  rmSync(dir, { recursive: true });
  expect(Object.keys(packed.scripts)).toEqual([
    'score.py',
    expect.stringMatching(/^packages\/wheel-[0-9a-f]{16}-1\.py$/),
    'packages/wheels.py',
  ]);
  expect(await differences(packed)).toEqual([]);
  expect(await differences(tree)).not.toEqual([]);
});

test('what is carried stays while nothing changes, and goes with the wheel; without the folder it stays', async () => {
  const dir = project();
  const edits = await pack(dir);
  const packed = edits.reduce(applyEdit, await readTree(dir));
  expect(await packWheels(dir, packed)).toEqual([]);
  writeFiles(dir, { [TINY]: wheel({ 'tiny/more.py': '' }) });
  const changed = await packWheels(dir, packed);
  expect(changed.map(({ type }) => type).sort()).toEqual(['removeScript', 'setScript', 'setScript']);
  rmSync(join(dir, TINY));
  expect((await packWheels(dir, packed)).map(({ type }) => type)).toEqual(['removeScript', 'removeScript']);
  rmSync(join(dir, 'scripts/wheels'), { recursive: true });
  expect(await packWheels(dir, packed)).toEqual([]);
});

const numpy = 'scripts/wheels/numpy-2.0-cp313-cp313-manylinux_2_17_x86_64.whl';
const random = (length: number) => {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
};
test.each<[string, () => Files, RegExp]>([
  ['is for one system', () => ({ [numpy]: wheel() }), /numpy-2\.0\S+ is made for one system \(manylinux_2_17_x86_64\)/],
  [
    'is for one build of Python',
    () => ({ 'scripts/wheels/a-1-cp313-abi3-any.whl': wheel() }),
    /one build of Python \(abi3\)/,
  ],
  ['is for Python 2', () => ({ 'scripts/wheels/a-1-py2-none-any.whl': wheel() }), /is for py2, not for Python 3/],
  [
    'holds machine code whatever its name',
    () => ({ [TINY]: wheel({ 'tiny/fast.cpython-313.so': 'ELF' }) }),
    /holds machine code \(tiny\/fast\S+\.so\)/,
  ],
  ['says it is not pure', () => ({ [TINY]: wheel({}, NOTE.replace('true', 'false')) }), /not pure Python/],
  ['is no wheel', () => ({ [TINY]: zip({ 'tiny.py': '' }) }), /is not a wheel/],
  ['is no archive', () => ({ [TINY]: 'PK nonsense' }), /no zip archive/],
  ['has another name than wheels have', () => ({ 'scripts/wheels/tiny.whl': wheel() }), /not named as wheels are/],
  ['has to be installed', () => ({ [TINY]: wheel({ 'tiny-1.0.data/purelib/b.py': '' }) }), /has to be installed/],
  ['holds nothing', () => ({ [TINY]: zip({ 'tiny-1.0.dist-info/WHEEL': NOTE }) }), /nothing that could be imported/],
  [
    'is there twice',
    () => ({ [TINY]: wheel(), 'scripts/wheels/Tiny-2.0-py3-none-any.whl': wheel() }),
    /holds tiny twice/,
  ],
  ['is too large', () => ({ [TINY]: random(2_097_153) }), /has 2097153 bytes; 2097152 is the most/],
  [
    'is too large once it is unpacked',
    () => ({ [TINY]: wheel({ 'tiny/zeros.py': '#'.repeat(17_000_000) }) }),
    /once it is unpacked; 16777216 is the most/,
  ],
  [
    'holds too many files',
    () => ({ [TINY]: wheel(Object.fromEntries(Array.from({ length: 2_000 }, (_, n) => [`tiny/m${n}.py`, '']))) }),
    /holds 2002 files; 2000 is the most/,
  ],
  [
    'is one of too many',
    () =>
      Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`scripts/wheels/a${n}-1-py3-none-any.whl`, wheel()])),
    /holds 21 wheels; 20 is the most/,
  ],
])('a wheel that %s is refused by name, and one that is right is taken in its place', async (_, files, message) => {
  const dir = project(files());
  expect(await failure(dir)).toMatchObject({
    code: 'package.not_supported',
    message: expect.stringMatching(message),
    advice: expect.any(String),
  });
  rmSync(join(dir, 'scripts/wheels'), { recursive: true });
  writeFiles(dir, { [TINY]: wheel() });
  expect(await pack(dir)).toHaveLength(2);
});

test.skipIf(process.platform === 'win32')(
  'links and folders in place of a wheel are not followed (not on Windows)',
  async () => {
    const dir = project({ 'elsewhere.whl': wheel() });
    mkdirSync(join(dir, 'scripts/wheels'));
    symlinkSync(join(dir, 'elsewhere.whl'), join(dir, TINY));
    expect(await failure(dir)).toMatchObject({ message: expect.stringContaining('not a file that can be read') });
    rmSync(join(dir, TINY));
    mkdirSync(join(dir, TINY));
    expect(await failure(dir)).toMatchObject({ message: expect.stringContaining('not a file that can be read') });
  },
);

test('a wheel that cannot be packed stops only workflows with Python', async () => {
  const dir = project({ [numpy]: wheel() });
  const tree = await readTree(dir);
  const [id = ''] = Object.keys(tree.workflows);
  await expect(withPackages(dir, tree, id)).rejects.toMatchObject({ code: 'package.not_supported' });
  await expect(withPackages(dir, tree)).rejects.toMatchObject({ code: 'package.not_supported' });
  const step = tree.workflows[id]?.steps.score_m4t8;
  if (step) step.uses = 'items.set';
  expect(await withPackages(dir, tree, id)).toEqual(tree);
});
