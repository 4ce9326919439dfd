import { afterAll, expect, test } from 'vitest';
import { asking, context, limits } from '../sandbox.fixture.ts';
import { createSandbox } from '../sandbox.ts';

const crashes: string[] = [];
const sandbox = createSandbox({ workers: 1, onCrash: (message) => crashes.push(message) });
afterAll(() => sandbox.close());
const patient = { ...limits, cpuMs: 60_000, wallMs: 60_000 };
const { run, results, failure } = asking(sandbox, { language: 'python', path: 'score_m4t8', limits: patient });

test('an inline body runs once for each item and knows item, items, json and ctx', async () => {
  const source = `return {"n": json["n"] * 2, "same": item["json"] is json, "all": len(items), "env": ctx.env["threshold"],
  "run": ctx.run["id"], "hook": ctx.step("hook").item["json"]["from"], "now": ctx.now()}`;
  const common = { same: true, all: 2, env: 3, run: 'run-1', hook: 'hook', now: context.now };
  expect(await results(source)).toEqual([
    { n: 2, ...common },
    { n: 4, ...common },
  ]);
});

test('a body in mode once gets them all; one that yields gives a list; nothing is null', async () => {
  expect(await results('return [i["json"]["n"] for i in items]', { mode: 'once' })).toEqual([[1, 2]]);
  expect(await results('for i in items:\n  yield i["json"]', { mode: 'once' })).toEqual([[{ n: 1 }, { n: 2 }]]);
  expect(await results('if json["n"] == 1:\n  return\nreturn json')).toEqual([null, { n: 2 }]);
  expect(await results('')).toEqual([null, null]);
});

test('a module defines main, with or without ctx, also async, and imports other scripts', async () => {
  const module = { kind: 'module', path: 'scripts/jobs/score.py' } as const;
  expect(await results('def main(item, ctx):\n  return {"t": ctx.env["threshold"]}', module)).toEqual([
    { t: 3 },
    { t: 3 },
  ]);
  expect(await results('async def main(items):\n  return len(items)', { ...module, mode: 'once' })).toEqual([2]);
  const files = {
    'scripts/jobs/near.py': 'from lib import base\ndef up(n): return n + base.ONE',
    'scripts/lib/base.py': 'ONE = 1',
    'scripts/lib/__init__.py': '',
  };
  const source =
    'import near\nfrom .near import up\nassert up is near.up or True\ndef main(item): return {"v": near.up(item["json"]["n"])}';
  expect(await results(source, { ...module, files })).toEqual([{ v: 2 }, { v: 3 }]);
  expect(await failure('x = 1', module)).toMatchObject({
    code: 'code.syntax',
    advice: expect.stringContaining('def main'),
  });
  expect(await failure('import nothing_here\ndef main(i): pass', module)).toMatchObject({
    code: 'code.failed',
    message: "ModuleNotFoundError: No module named 'nothing_here' (scripts/jobs/score.py:1:1)",
    advice: expect.stringContaining('standard library'),
  });
});

test('errors name the line and column of the person’s own files', async () => {
  const { errors, results: kept } = await run(
    'x = 1\n\nif json["n"] == 1:\n  raise ValueError("odd")\nreturn {"ok": True}',
  );
  expect(errors).toEqual([{ index: 0, code: 'code.failed', message: 'ValueError: odd (score_m4t8:4:3)' }]);
  expect(kept).toEqual([null, { ok: true }]);
  expect(await failure('a = 1\ndef f(:\n  pass', { mode: 'once' })).toMatchObject({
    code: 'code.syntax',
    message: 'SyntaxError: invalid syntax (score_m4t8:2:7)',
  });
  const files = { 'scripts/lib.py': 'def check(n):\n  return 1 / (n - 1)' };
  const source = 'import lib\ndef main(item):\n  return {"v": lib.check(item["json"]["n"])}';
  const told = (await run(source, { kind: 'module', path: 'scripts/a.py', files })).errors;
  expect(told?.map(({ message }) => message)).toEqual(['ZeroDivisionError: division by zero (scripts/lib.py:2:10)']);
});

test('what is printed and logged reaches the log, with its level and up to its limit', async () => {
  const { logs } = await run(
    'import sys, logging\nprint("one", 2)\nprint("half", end="")\nctx.log("three", {"a": 1})\nprint("bad", file=sys.stderr)\nlogging.warning("careful")',
    { mode: 'once' },
  );
  expect(logs).toEqual([
    { level: 'info', message: 'one 2' },
    { level: 'info', message: "three {'a': 1}" },
    { level: 'warn', message: 'bad' },
    { level: 'warn', message: 'WARNING:root:careful' },
    { level: 'info', message: 'half' },
  ]);
  const flood = await run('for i in range(50_000): print("x" * 50)', { mode: 'once' });
  expect(flood.logs).toHaveLength(limits.logLines + 1);
  expect(flood.logs.at(-1)?.message).toContain('left out');
  expect(await failure('print("before")\nraise Exception("no")', { mode: 'once' })).toMatchObject({
    message: 'no (score_m4t8:2:1)',
    details: { logs: [{ level: 'info', message: 'before' }] },
  });
});

test('values that JSON has no word for become text, lists or nothing', async () => {
  const source = `import decimal, datetime, dataclasses, enum, uuid
class Size(enum.Enum):
  BIG = "big"
@dataclasses.dataclass
class Point:
  x: int
return [1.5, float("nan"), float("inf"), 2**53, 2**60, decimal.Decimal("1.10"), datetime.date(2026, 1, 2),
  (1, 2), {3}, Point(4), Size.BIG, {5: "five"}, range(2), True, None, "ü\\u2028"]`;
  expect(await results(source, { mode: 'once' })).toEqual([
    [
      1.5,
      null,
      null,
      '9007199254740992',
      '1152921504606846976',
      '1.10',
      '2026-01-02',
      [1, 2],
      [3],
      { x: 4 },
      'big',
      { '5': 'five' },
      [0, 1],
      true,
      null,
      'ü\u2028',
    ],
  ]);
  expect((await failure('return {"f": open}', { mode: 'once' })).message).toContain('is not JSON');
  expect((await failure('a = []\na.append(a)\nreturn a', { mode: 'once' })).message).toContain('holds itself');
  expect((await failure('return "x" * 300_000', { mode: 'once' })).code).toBe('code.output_exceeded');
});

test('clock, chance and ids are the run’s own, at every attempt', async () => {
  const source = `import random, uuid, time, datetime, secrets
return [random.random(), str(uuid.uuid4()), time.time(), datetime.datetime.now().isoformat(), secrets.token_hex(8), ctx.uuid(), ctx.random(), list({"a", "b", "c", "d"})]`;
  const [first, again] = [await results(source), await results(source)];
  expect(again).toEqual(first);
  const [one, other] = first as unknown[][];
  expect(one?.[0]).not.toBe(other?.[0]);
  expect(one?.[1]).toMatch(/^[0-9a-f-]{36}$/);
  expect(one?.slice(2, 4)).toEqual([context.now / 1_000, '2026-11-20T07:00:00']);
  const another = await results(source, { context: { ...context, seed: 'another' } });
  expect((another as unknown[][])[0]?.[0]).not.toBe(one?.[0]);
});

test('what a call leaves behind is gone in the next', async () => {
  const module = { kind: 'module', path: 'scripts/a.py', mode: 'once' } as const;
  const files = { 'scripts/shared_state.py': 'seen = []' };
  const source =
    'import shared_state, builtins, os, sys\ndef main(items):\n  shared_state.seen.append(1)\n  builtins.mine = 1\n  os.environ["MINE"] = "1"\n  open("/tmp/mine", "w").write("1")\n  sys.path.insert(0, "/tmp")\n  return shared_state.seen';
  expect(await results(source, { ...module, files })).toEqual([[1]]);
  expect(await results(source, { ...module, files })).toEqual([[1]]);
  await failure('import builtins\nbuiltins.len = None\nreturn 1', { mode: 'once' });
  const look =
    'import os, sys, builtins\nreturn [hasattr(builtins, "mine"), os.environ.get("MINE"), os.path.exists("/tmp/mine"), "/tmp" in sys.path, len("abc"), "shared_state" in sys.modules, "main" in globals()]';
  expect(await results(look, { mode: 'once' })).toEqual([[false, null, false, false, 3, false, false]]);
});

test('another project gets another interpreter', async () => {
  const mark = 'import math\nmath.mine = getattr(math, "mine", 0) + 1\nreturn math.mine';
  expect(await results(mark, { mode: 'once', scope: 'one' })).toEqual([1]);
  expect(await results(mark, { mode: 'once', scope: 'one' })).toEqual([2]);
  expect(await results(mark, { mode: 'once', scope: 'two' })).toEqual([1]);
});

test('code that runs for ever is interrupted at its line, and ended where it does not listen', async () => {
  const quick = { ...limits, cpuMs: 300, wallMs: 400 };
  // Long enough to have come to the loop on any machine.
  const soon = { ...limits, cpuMs: 1_000 };
  const told = await failure('x = 1\nwhile True:\n  x += 1', { mode: 'once', limits: soon });
  expect(told).toMatchObject({ code: 'code.timed_out', message: expect.stringMatching(/\(score_m4t8:[23]:\d+\)/) });
  expect(
    (
      await failure('while True:\n  try:\n    while True: pass\n  except BaseException: pass', {
        mode: 'once',
        limits: quick,
      })
    ).code,
  ).toBe('code.timed_out');
  expect((await failure('return len(str(7 ** (10 ** 8)))', { mode: 'once', limits: quick })).code).toBe(
    'code.timed_out',
  );
  expect((await failure('import time\ntime.sleep(60)', { mode: 'once', limits: quick })).code).toBe('code.timed_out');
  expect(await results('return json["n"]')).toEqual([1, 2]);
});

test.each([
  ['texts', 'kept = []\nwhile True: kept.append("a" * 1_000_000 + str(len(kept)))'],
  ['one text', 'return len("a" * 10**9)'],
  ['bytes', 'kept = []\nwhile True: kept.append(bytearray(5_000_000))'],
])('code that eats memory with %s is stopped, and the next call works', async (_, source) => {
  expect((await failure(source, { mode: 'once' })).code).toBe('code.memory_exceeded');
  expect(await results('return json["n"]')).toEqual([1, 2]);
});

test('deep recursion is an error, and where it breaks Python, the next call gets another one', async () => {
  expect((await failure('def f(n): return f(n + 1)\nreturn f(0)', { mode: 'once' })).message).toContain(
    'RecursionError',
  );
  const error = await failure('import sys\nsys.setrecursionlimit(10**8)\ndef f(n): return f(n + 1)\nreturn f(0)', {
    mode: 'once',
  });
  expect(error.code).toMatch(/^code\.(failed|memory_exceeded|timed_out)$/);
  expect(await results('return json["n"]')).toEqual([1, 2]);
});

test('a cancelled call ends at once', async () => {
  const cancel = new AbortController();
  const stuck = failure('while True: pass', { mode: 'once' }, cancel.signal);
  setTimeout(() => cancel.abort(), 300);
  expect((await stuck).code).toBe('run.cancelled');
  expect(await results('return json["n"]')).toEqual([1, 2]);
  expect(crashes).toEqual([]);
});
