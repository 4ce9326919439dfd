import { afterAll, describe, expect, test } from 'vitest';
import { asking, limits } from './sandbox.fixture.ts';
import { createSandbox } from './sandbox.ts';

const sandbox = createSandbox({ workers: 2 });
afterAll(() => sandbox.close());

/** At the limit and half a second a bomb is over; a machine that others use is given the rest. */
const SLACK_MS = 60_000;
const quick = { ...limits, wallMs: 1_000, cpuMs: 500 };
const { failure } = asking(sandbox, { mode: 'once', limits: quick });
const patient = asking(sandbox, { mode: 'once' });
const neighbour = asking(sandbox, { context: neighbourContext() });

function neighbourContext() {
  return {
    env: {},
    run: { id: 'run-2' },
    workflow: {},
    trigger: null,
    request: null,
    now: 0,
    timezone: 'UTC',
    seed: 's',
    steps: {},
  };
}

/** While a bomb goes off in one worker, another run's calls are answered by the other. */
async function withNeighbour(bomb: Promise<unknown>): Promise<number> {
  let over = false;
  const done = bomb.finally(() => {
    over = true;
  });
  let answered = 0;
  do {
    expect(await neighbour.results('return $json.n')).toEqual([1, 2]);
    answered += 1;
  } while (!over);
  await done;
  return answered;
}

async function stillAlive(): Promise<void> {
  const calls = Array.from({ length: 4 }, () => neighbour.results('return $json.n'));
  for (const result of await Promise.all(calls)) expect(result).toEqual([1, 2]);
}

const BOMBS: [name: string, code: RegExp, source: string][] = [
  ['a loop', /timed_out/, 'for (;;) {}'],
  ['a loop that awaits', /timed_out/, 'for (;;) await 0'],
  ['a promise that never comes', /timed_out/, 'await new Promise(() => {})'],
  [
    'promises that make promises',
    /timed_out|memory/,
    'const f = () => Promise.all([f2(), f2()]); const f2 = async () => { await 0; return f() }; await f()',
  ],
  ['a loop left behind', /timed_out/, '(async () => { for (;;) await 0 })(); return 1'],
  ['a getter that loops', /timed_out/, 'return { get x() { for (;;) {} } }'],
  ['toJSON that loops', /timed_out/, 'return { toJSON() { for (;;) {} } }'],
  ['an error that loops when it is told', /timed_out/, 'throw { get message() { for (;;) {} } }'],
  ['an iterator without an end', /timed_out|memory/, 'return [...(function* () { for (;;) yield 1 })()]'],
  ['sorting with a comparison that loops', /timed_out/, '[1, 2].sort(() => { for (;;) {} })'],
  ['a proxy that loops', /timed_out/, 'return new Proxy({}, { ownKeys() { for (;;) {} } })'],
  ['a regular expression', /timed_out/, 'return /^(a+)+$/.test("a".repeat(60) + "!")'],
  ['another regular expression', /timed_out/, 'return /(x+x+)+y/.test("x".repeat(60))'],
  ['a replacement', /timed_out/, 'return ("a".repeat(50) + "b").replace(/(a*)*c/g, "")'],
  ['lists', /memory|timed_out/, 'const all = []; for (;;) all.push(new Array(100_000).fill(1))'],
  ['texts', /memory|timed_out/, 'const all = []; for (;;) all.push(String(Math.random()).repeat(10_000) + all.length)'],
  ['a text that doubles', /failed|memory/, 'let s = "x"; for (;;) s += s'],
  ['buffers', /memory|timed_out/, 'const all = []; for (;;) all.push(new ArrayBuffer(8_000_000))'],
  ['one huge buffer', /memory|failed/, 'return new ArrayBuffer(4_000_000_000).byteLength'],
  ['typed arrays', /memory|timed_out/, 'const all = []; for (;;) all.push(new Float64Array(1_000_000).fill(1))'],
  ['maps', /memory|timed_out/, 'const m = new Map(); for (let i = 0; ; i++) m.set({}, new Array(1000).fill(i))'],
  [
    'closures',
    /memory|timed_out/,
    'let f = () => 1; for (;;) { const g = f, x = new Array(1000).fill(1); f = () => g() + x.length }',
  ],
  ['a huge list by its length', /failed|memory|timed_out/, 'return new Array(4_294_967_295).fill(0)'],
  ['big integers', /timed_out|failed|memory/, 'let n = 3n; for (;;) n *= n'],
  ['symbols', /memory|timed_out/, 'for (let i = 0; ; i++) Symbol.for("x".repeat(1000) + i)'],
  ['a huge result', /output_exceeded/, 'return "x".repeat(5_000_000)'],
  [
    'many results',
    /output_exceeded|memory|timed_out/,
    'return Array.from({ length: 300_000 }, (_, i) => ({ i, text: "some text" }))',
  ],
  [
    'a deep result',
    /output_exceeded|failed|timed_out/,
    'let deep = 1; for (let i = 0; i < 100_000; i++) deep = [deep]; return deep',
  ],
  ['a result that holds itself', /failed|timed_out/, 'const a = {}; a.a = a; return a'],
  ['recursion', /failed|timed_out/, 'const f = (n) => f(n + 1) + 1; return f(0)'],
  ['recursion through built-in functions', /failed|timed_out/, 'const f = () => [1].map(f); return f()'],
  ['recursion through getters', /failed|timed_out/, 'const o = { get x() { return this.x } }; return o.x'],
  [
    'deep JSON',
    /failed|memory|output_exceeded|timed_out/,
    'return JSON.parse("[".repeat(1_000_000) + "]".repeat(1_000_000))',
  ],
  [
    'a deep regular expression',
    /failed|timed_out/,
    'return new RegExp("(".repeat(100_000) + ")".repeat(100_000)).test("")',
  ],
  ['a log without an end', /timed_out/, 'for (;;) console.log("x".repeat(1000))'],
  ['huge lines of log', /timed_out|memory|failed/, 'for (;;) console.error({ text: "x".repeat(1_000_000) })'],
];

describe('bombs in JavaScript', () => {
  test.each(BOMBS)('%s: ended at its limit, neighbours are answered', async (_, code, source) => {
    const start = performance.now();
    // What ends before its time has more of it than a machine that pauses takes away.
    const bomb = code.test('timed_out') ? failure(source) : patient.failure(source);
    expect(await withNeighbour(bomb)).toBeGreaterThan(0);
    expect((await bomb).code).toMatch(code);
    expect(performance.now() - start).toBeLessThan(quick.wallMs + 500 + SLACK_MS);
    await stillAlive();
  });

  test('a log over its limit is cut, and the call succeeds', async () => {
    const { logs } = await patient.run('for (let i = 0; i < 5_000; i++) console.log("x".repeat(100_000)); return 1');
    expect(logs).toHaveLength(limits.logLines + 1);
    expect(Math.max(...logs.map(({ message }) => message.length))).toBe(10_000);
  });
});

describe('limits', () => {
  test.each([
    [limits.outputBytes - 4, true],
    [limits.outputBytes - 5, true],
    [limits.outputBytes + 1, false],
  ])('%i characters of output: %s', async (count, fits) => {
    const source = `return "x".repeat(${count - 1})`;
    const result = await patient.run(source).then(
      ({ results }) => (results[0] as string).length === count - 1,
      ({ code }) => code !== 'code.output_exceeded',
    );
    expect(result).toBe(fits);
  });

  test.each([
    [limits.logLines - 1, limits.logLines - 1],
    [limits.logLines, limits.logLines],
    [limits.logLines + 1, limits.logLines + 1],
    [limits.logLines + 50, limits.logLines + 1],
  ])('%i lines of log are kept as %i', async (count, kept) => {
    expect((await patient.run(`for (let i = 0; i < ${count}; i++) console.log(i); return 1`)).logs).toHaveLength(kept);
  });
});

test('a run with many calls waiting delays another run by one call, not by all', async () => {
  const one = createSandbox({ workers: 1 });
  const many = asking(one, { mode: 'once' });
  const few = asking(one, { mode: 'once', context: neighbourContext() });
  const order: string[] = [];
  const all = Array.from({ length: 20 }, (_, i) => many.results('return 1').then(() => order.push(`many ${i}`)));
  all.push(few.results('return 1').then(() => order.push('few')));
  await Promise.all(all);
  await one.close();
  expect(order.indexOf('few')).toBeLessThanOrEqual(2);
  expect(order).toHaveLength(21);
});

test('a slow script does not hold up the other worker', async () => {
  const slow = failure('for (;;) {}', { limits }, AbortSignal.timeout(1_500));
  for (let i = 0; i < 20; i++) expect(await neighbour.results('return $json.n')).toEqual([1, 2]);
  expect((await slow).code).toBe('run.cancelled');
});
