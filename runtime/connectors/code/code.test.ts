import { afterAll, expect, test } from 'vitest';
import { patientSandbox } from '../../sandbox/sandbox.fixture.ts';
import { createWorld, itemsOf, jsonOf } from '../stepCall.fixture.ts';
import { javascript, python, typescript } from './code.ts';

const sandbox = patientSandbox();
afterAll(() => sandbox.close());
const scripts = {
  'score.ts': 'export default (item: { json: { n: number } }) => ({ score: item.json.n * 2 });',
  'all.js':
    'export default (items) => items.filter((item) => item.json.n > 1).map(({ json }) => ({ twice: json.n * 2 }));',
};
const more = {
  ...scripts,
  'shared/rate.ts': 'export const rate = (n: number): number => n * 10;',
  'rated.ts':
    "import { rate } from './shared/rate.ts';\nexport default (item: { json: { n: number } }) => ({ rated: rate(item.json.n) });",
  'rated.py':
    'from helper import rate\ndef main(item, ctx):\n  print("rating")\n  return {"rated": rate(item["json"]["n"])}',
  'helper.py': 'def rate(n):\n  if n == 2: raise ValueError("two")\n  return n * 10',
};
const each = createWorld({ sandbox, scripts });
const once = createWorld({ sandbox, scripts, mode: 'once' });
const three = itemsOf({ n: 1 }, { n: 2 }, { n: 3 });

test('a script runs for each item', async () => {
  expect(await each.run(typescript, { script: 'scripts/score.ts' }, three)).toEqual({
    main: [2, 4, 6].map((score, from) => ({ json: { score }, from })),
  });
});

test('a script in mode once gets them all, and a JavaScript file is one whatever the step', async () => {
  expect(jsonOf((await once.run(typescript, { script: 'all.js' }, three)).main)).toEqual([{ twice: 4 }, { twice: 6 }]);
});

test('inline code may give an object, a list, a plain value or nothing', async () => {
  const code = 'if ($json.n === 1) return; if ($json.n === 2) return [{ a: 1 }, { a: 2 }]; return 7;';
  expect(await each.run(javascript, { code }, three)).toEqual({
    main: [
      { json: { a: 1 }, from: 1 },
      { json: { a: 2 }, from: 1 },
      { json: { value: 7 }, from: 2 },
    ],
  });
});

test('items as n8n’s code returns them are taken as items', async () => {
  const code = 'return items.map((item, i) => ({ json: { i }, pairedItem: { item: 2 - i } }));';
  expect(await once.run(javascript, { code }, three)).toEqual({
    main: [
      { json: { i: 0 }, from: 2 },
      { json: { i: 1 }, from: 1 },
      { json: { i: 2 }, from: 0 },
    ],
  });
  expect(jsonOf((await once.run(javascript, { code: 'return [{ json: { a: 1 }, other: 2 }]' }, three)).main)).toEqual([
    { json: { a: 1 }, other: 2 },
  ]);
});

test('bytes that came in may go out, others may not', async () => {
  const mine = { blob: 'a'.repeat(64), bytes: 3, mime: 'image/png' };
  const code = `return { json: {}, binary: { mine: $binary.file, guessed: { blob: '${'b'.repeat(64)}', bytes: 3, mime: 'x' } } }`;
  expect((await each.run(javascript, { code }, [{ json: {}, binary: { file: mine } }])).main).toEqual([
    { json: {}, binary: { mine }, from: 0 },
  ]);
});

test('an item that fails leaves by error with its place in the code', async () => {
  const ports = await each.run(
    javascript,
    { code: 'if ($json.n === 2)\n  throw new Error("two");\nreturn {};' },
    three,
  );
  expect(ports.main?.map(({ from }) => from)).toEqual([0, 2]);
  expect(ports.error).toEqual([
    { json: { n: 2, error: { code: 'code.failed', message: 'two (step_a1b2:2:9)' } }, from: 1 },
  ]);
});

test('code in mode once that fails or gives no list fails the step', async () => {
  await expect(once.run(javascript, { code: 'throw new Error("no")' }, three)).rejects.toMatchObject({
    code: 'code.failed',
  });
  await expect(once.run(javascript, { code: 'return 7' }, three)).rejects.toMatchObject({ code: 'code.failed' });
  expect((await once.run(javascript, { code: 'return' }, three)).main).toEqual([]);
  expect(jsonOf((await once.run(javascript, { code: 'return { one: 1 }' }, three)).main)).toEqual([{ one: 1 }]);
});

test('what the code logs reaches the run, also when it fails', async () => {
  const { run, trace } = createWorld({ sandbox, mode: 'once' });
  await run(javascript, { code: 'console.log("hello"); return []' }, three);
  await run(javascript, { code: 'console.error("before"); throw new Error("no")' }, three).catch(() => {});
  expect(trace.logs).toEqual([
    ['info', 'hello'],
    ['error', 'before'],
  ]);
});

test('a script imports others of the project; what is missing is named', async () => {
  const world = createWorld({ sandbox, scripts: more });
  expect(jsonOf((await world.run(typescript, { script: 'rated.ts' }, three)).main)).toEqual([
    { rated: 10 },
    { rated: 20 },
    { rated: 30 },
  ]);
  const broken = createWorld({ sandbox, scripts: { 'rated.ts': more['rated.ts'] } });
  await expect(broken.run(typescript, { script: 'rated.ts' }, three)).rejects.toMatchObject({
    code: 'code.syntax',
    message: expect.stringContaining('scripts/rated.ts imports'),
  });
});

test('Python runs as a script and inline, with its logs, its errors and its lineage', async () => {
  const world = createWorld({ sandbox, scripts: more });
  expect(await world.run(python, { script: 'scripts/rated.py' }, three)).toEqual({
    main: [
      { json: { rated: 10 }, from: 0 },
      { json: { rated: 30 }, from: 2 },
    ],
    error: [
      { json: { n: 2, error: { code: 'code.failed', message: 'ValueError: two (scripts/helper.py:2:14)' } }, from: 1 },
    ],
  });
  expect(world.trace.logs).toEqual(Array(3).fill(['info', 'rating']));
  const code = 'return [{"total": sum(i["json"]["n"] for i in items)}]';
  expect(jsonOf((await once.run(python, { code }, three)).main)).toEqual([{ total: 6 }]);
  expect(python.config.safeParse({ script: 'a.py' }).success).toBe(true);
  expect(python.config.safeParse({ script: 'a.js' }).success).toBe(false);
});

test('a config has code or a script of the right kind', () => {
  const js = (config: object) => javascript.config.safeParse(config).success;
  expect([
    js({ code: 'return 1' }),
    js({ script: 'scripts/a/b.js' }),
    js({}),
    js({ code: 'a', script: 'a.js' }),
    js({ script: 'a.ts' }),
    js({ script: '../a.js' }),
    js({ script: 'scripts/../../a.js' }),
  ]).toEqual([true, true, false, false, false, false, false]);
  expect(typescript.config.safeParse({ script: 'a.ts' }).success).toBe(true);
});
