import { strToU8, zipSync } from 'fflate';
import { afterAll, expect, test } from 'vitest';
import { asking, limits } from '../sandbox.fixture.ts';
import { createSandbox } from '../sandbox.ts';
import { type Wheel, wheelsFor, wheelTexts } from '../wheels.ts';

const sandbox = createSandbox({ workers: 1 });
afterAll(() => sandbox.close());
const patient = { ...limits, cpuMs: 20_000, wallMs: 20_000 };
const { run, results, failure } = asking(sandbox, {
  language: 'python',
  path: 'score_m4t8',
  mode: 'once',
  limits: patient,
});

function wheel(file: string, files: Record<string, string | Uint8Array>, imports: string[]): Wheel {
  const zipped = Object.entries(files).map(([path, content]) => [
    path,
    typeof content === 'string' ? strToU8(content) : content,
  ]);
  return { file, bytes: zipSync(Object.fromEntries(zipped), { mtime: new Date('2026-01-01T00:00:00Z') }), imports };
}

const tiny = wheel(
  'tiny-1.0-py3-none-any.whl',
  {
    'tiny/__init__.py': `import importlib.metadata, importlib.resources, pkgutil, random
from other_one import FACTOR
from .deep import low
calls = []
version = importlib.metadata.version("tiny")
data = importlib.resources.files(__name__).joinpath("data.bin").read_bytes()
text = pkgutil.get_data("tiny", "words.txt").decode()
def twice(n):
    calls.append(n)
    return n * FACTOR
def chance():
    return random.random()
def odd():
    raise ValueError("inside")
`,
    'tiny/deep/__init__.py': '',
    'tiny/deep/low.py': 'NAME = __name__\n',
    'tiny/words.txt': 'grüße',
    'tiny/data.bin': new Uint8Array([0, 255, 13, 10]),
    'tiny-1.0.dist-info/METADATA': 'Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n',
  },
  ['tiny'],
);
const other = wheel(
  'other_one-2.0-py3-none-any.whl',
  { 'other_one.py': 'FACTOR = 2\n', 'helper.py': 'WHO = "wheel"\n' },
  ['other_one', 'helper'],
);
const texts = wheelTexts([other, tiny]);
const read = (path: string) => texts[path];
const withWheels = (source: string, from = read) => ({ files: wheelsFor([source], from), scope: 'one' });

test('code imports what wheels hold, with their data, their version and one another', async () => {
  const source = `import tiny
from tiny.deep.low import NAME
return [tiny.twice(21), NAME, tiny.version, list(tiny.data), tiny.text]`;
  expect(await results(source, withWheels(source))).toEqual([[42, 'tiny.deep.low', '1.0', [0, 255, 13, 10], 'grüße']]);
});

test('each call has the modules of a wheel anew, with chance of its own; only code that names a wheel has any', async () => {
  const source = 'import tiny\ntiny.twice(1)\nreturn [tiny.calls, tiny.chance()]';
  const first = await results(source, withWheels(source));
  expect(first).toEqual([[[1], expect.any(Number)]]);
  expect(await results(source, withWheels(source))).toEqual(first);
  const sneaky =
    'import sys\nreturn [name for name in ("tin" + "y", "other" + "_one") if name in sys.modules or __import__(name)]';
  expect(withWheels(sneaky).files).toEqual({});
  expect((await failure(sneaky, withWheels(sneaky))).message).toContain("No module named 'tiny'");
});

test('a wheel that code wrote over is whole again in the next call', async () => {
  const spoil = 'import tiny\nopen(tiny.__spec__.loader.archive, "wb").write(b"gone")\nreturn 1';
  expect(await results(spoil, withWheels(spoil))).toEqual([1]);
  const source = 'import tiny\nreturn [tiny.text, tiny.twice(2)]';
  expect(await results(source, withWheels(source))).toEqual([['grüße', 4]]);
});

test('another version of a wheel is another module', async () => {
  const newer = wheel('tiny-2.0-py3-none-any.whl', { 'tiny.py': 'version = "2.0"\n' }, ['tiny']);
  const newTexts = wheelTexts([newer]);
  const source = 'import tiny\nreturn tiny.version';
  expect(
    await results(
      source,
      withWheels(source, (path) => newTexts[path]),
    ),
  ).toEqual(['2.0']);
  expect(await results(source, withWheels(source))).toEqual(['1.0']);
  expect(await results(source, { ...withWheels(source), scope: 'two' })).toEqual(['1.0']);
});

test('a script of the project comes before a module of a wheel, and the standard library before both', async () => {
  const source =
    'import helper, json, other_one\ndef main(items): return [helper.WHO, json.dumps({}), other_one.FACTOR]';
  const module = { kind: 'module', path: 'scripts/a.py', scope: 'one' } as const;
  const own = { 'scripts/helper.py': 'WHO = "script"', 'scripts/json.py': 'dumps = None' };
  const files = wheelsFor([source], read);
  expect(await results(source, { ...module, files: { ...files, ...own } })).toEqual([['script', '{}', 2]]);
  expect(await results(source, { ...module, files })).toEqual([['wheel', '{}', 2]]);
});

test('an error inside of a wheel names the line of the person’s own that called it', async () => {
  const source = 'import tiny\n\ntiny.odd()';
  expect((await failure(source, withWheels(source))).message).toBe('ValueError: inside (score_m4t8:3:1)');
  const { logs } = await run('import tiny\nprint(tiny.version)', withWheels('import tiny'));
  expect(logs).toEqual([{ level: 'info', message: '1.0' }]);
});

test('wheels are texts of a length that a script may have, the same for the same wheels, and checked', () => {
  const large = wheel('large-1.0-py3-none-any.whl', { 'large.py': randomText(900_000) }, ['large']);
  const carried = wheelTexts([large, tiny]);
  expect(carried).toEqual(wheelTexts([tiny, large]));
  expect(Object.keys(carried).length).toBeGreaterThan(3);
  for (const [path, text] of Object.entries(carried)) {
    expect(path).toMatch(/^scripts\/packages\/(?:wheels|wheel-[0-9a-f]{16}-\d)\.py$/);
    expect(text.length).toBeLessThan(500_000);
  }
  const files = wheelsFor(['import large'], (path) => carried[path]);
  expect(Object.values(files)).toContain(Buffer.from(large.bytes).toString('base64'));
  const [part = ''] = Object.keys(carried).filter((path) => path.includes('wheel-'));
  const spoiled: Record<string, string>[] = [
    { ...carried, [part]: (carried[part] ?? '').replace(/[A-Y]/, 'Z') },
    { ...carried, [part]: '' },
    { ...carried, 'scripts/packages/wheels.py': 'import large\n' },
    {
      ...carried,
      'scripts/packages/wheels.py': (carried['scripts/packages/wheels.py'] ?? '').replace('large-1', '../large-1'),
    },
  ];
  for (const [index, one] of spoiled.entries()) {
    // A head that is read only once would hide what is wrong with its parts.
    if (index < 2) one['scripts/packages/wheels.py'] = `${one['scripts/packages/wheels.py']}${' '.repeat(index + 1)}`;
    expect(() => wheelsFor(['import large'], (path) => one[path])).toThrow(
      expect.objectContaining({ code: 'package.not_packed' }),
    );
  }
});

function randomText(length: number): string {
  let seed = 7;
  let text = '# ';
  while (text.length < length) {
    seed = (seed * 48_271) % 2_147_483_647;
    text += seed.toString(36);
  }
  return text;
}
