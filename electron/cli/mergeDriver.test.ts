import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { Command } from 'commander';
import { expect, onTestFinished, test } from 'vitest';
import { SluiceError } from '#shared/error.ts';
import type { CliContext } from './context.ts';
import { registerMergeDriver } from './mergeDriver.ts';

const ID = '0199f2c4-6a02-7c11-8b7e-2d9f4c5e6a01';
const MANIFEST = 'id: 0199f2c4-5d1e-7a3b-9c40-6f2b8e1d7a55\nname: Party\nformat: 1\n';
const workflow = (one: number, two: number, head = `id: ${ID}\n`) => `${head}name: Main
steps:
  start: { uses: trigger.manual }
  one: { uses: items.set, config: { fields: { n: ${one} } } } # first
  two: { uses: items.set, config: { fields: { n: ${two} } } } # second
edges: [start -> one, one -> two]
`;

/** A folder with these files, and the command in it: what it said, and what it ended with. */
function openFolder(files: Record<string, string | Buffer>) {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-merge-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
  async function mergeDriver(...args: string[]) {
    const said = { code: 0 as number | string, out: [] as string[], err: [] as string[] };
    const context = {
      env: {},
      cwd: dir,
      places: { dataDir: dir },
      out: (line: string) => said.out.push(line),
      note: (line: string) => said.err.push(line),
      stdin: Readable.from([]),
      stop: new AbortController().signal,
    } as unknown as CliContext;
    const program = new Command();
    registerMergeDriver(program, context, (work) => async (...given) => {
      try {
        said.code = (await work(...given)) ?? 0;
      } catch (thrown) {
        if (!(thrown instanceof SluiceError)) throw thrown;
        said.code = thrown.code;
        said.err.push(thrown.message);
      }
    });
    await program.parseAsync(['merge-driver', ...args], { from: 'user' });
    return said;
  }
  return { mergeDriver, read: (path: string) => readFileSync(join(dir, path), 'utf8'), dir };
}

const files = {
  'party/sluice.yaml': MANIFEST,
  base: workflow(0, 0),
  ours: workflow(1, 0),
  theirs: workflow(0, 2),
};
const versions = ['base', 'ours', 'theirs'];

test('both branches’ changes are written where ours was, and nothing is said', async () => {
  const { mergeDriver, read, dir } = openFolder(files);
  expect(await mergeDriver(...versions, 'party/workflows/main.yaml')).toEqual({ code: 0, out: [], err: [] });
  expect([read('ours'), existsSync(join(dir, 'party/.sluice'))]).toEqual([workflow(1, 2), false]);
});

test('it can be asked without a path, and for one document', async () => {
  const { mergeDriver, read } = openFolder(files);
  const { code, out, err } = await mergeDriver(...versions, '--json');
  expect([code, err]).toEqual([0, []]);
  expect(JSON.parse(out.join('\n'))).toEqual({ ok: true, file: 'workflows/merged.yaml', record: null, conflicts: [] });
  expect(read('ours')).toBe(workflow(1, 2));
});

test('what a person has to decide ends with 1 and is kept in the project, once however often it is merged', async () => {
  const { mergeDriver, read, dir } = openFolder({ ...files, theirs: workflow(3, 2) });
  const again = read('ours');
  const place = 'party/workflows/main.yaml';
  const said = await mergeDriver(...versions, place);
  const [name = '', ...more] = readdirSync(join(dir, 'party/.sluice/conflicts'));
  expect(said).toEqual({
    code: 1,
    out: [],
    err: [
      `${place}: steps.one.config.fields.n: 1 on this branch stands, 3 on the other does not.`,
      `1 place has two answers. One of each stands in ${place}; all are in .sluice/conflicts/${name}.`,
      `Look at the file, correct it where the other answer is right, then: git add ${place}`,
    ],
  });
  expect([more, read('ours')]).toEqual([[], workflow(1, 2)]);
  expect(JSON.parse(read(`party/.sluice/conflicts/${name}`))).toEqual({
    id: name.replace('.json', ''),
    at: expect.stringMatching(/^\d{4}-.*Z$/),
    file: 'workflows/main.yaml',
    conflicts: [
      {
        path: ['workflows', ID, 'steps', 'one', 'config', 'fields', 'n'],
        kind: 'value',
        base: 0,
        ours: 1,
        theirs: 3,
        chosen: 'ours',
      },
    ],
  });
  writeFileSync(join(dir, 'ours'), again);
  expect(await mergeDriver(...versions, place)).toMatchObject({ code: 1 });
  expect(readdirSync(join(dir, 'party/.sluice/conflicts'))).toEqual([name]);
});

test('what is only to be told does not stop a merge', async () => {
  const layout = (x: number) => `${workflow(0, 0)}layout:\n  one: [${x}, 0]\n`;
  const { mergeDriver, read, dir } = openFolder({ ...files, base: layout(0), ours: layout(1), theirs: layout(2) });
  expect(await mergeDriver(...versions, 'party/workflows/main.yaml')).toEqual({
    code: 0,
    out: [],
    err: ['party/workflows/main.yaml: layout.one: both moved it; its place on this branch stands.'],
  });
  expect([read('ours'), existsSync(join(dir, 'party/.sluice'))]).toEqual([layout(1), false]);
});

test.each([
  [
    'theirs that cannot be read',
    { theirs: 'steps: [' },
    'party/workflows/main.yaml',
    /on the other branch cannot be read/,
  ],
  ['bytes that are no text', { theirs: Buffer.from([0xff, 0xfe]) }, 'party/workflows/main.yaml', /theirs is not UTF-8/],
  ['a file of nobody’s', {}, 'party/README.md', /party\/README.md is no file of a project/],
  ['pinned data', {}, 'party/tests/pins/main.one.json', /no file that is merged by what it says/],
  [
    'a workflow without an id and a project',
    { theirs: workflow(0, 2, '') },
    'workflows/main.yaml',
    /has no id of its own/,
  ],
  [
    'a file that is not there',
    {},
    'party/workflows/main.yaml',
    /none cannot be read: there is no such file/,
    ['base', 'ours', 'none'],
  ],
])('%s leaves ours as it is', async (_, more, path, why, given = versions) => {
  const { mergeDriver, read } = openFolder({ ...files, ...more });
  const { code, err } = await mergeDriver(...given, path);
  expect(code).not.toBe(0);
  expect(err.join('\n')).toMatch(why);
  expect(read('ours')).toBe(workflow(1, 0));
});
