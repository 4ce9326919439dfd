import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import type { Json } from '#shared/json.ts';
import type { ScriptRequest } from '../engine/ports/sandbox.ts';
import { createSandbox } from './sandbox.ts';

const sandbox = createSandbox();
afterAll(() => sandbox.close());

// Of time there is more than any call needs on a busy machine; the tests of those limits set them.
const limits = { wallMs: 60_000, cpuMs: 60_000, memoryMb: 64, outputBytes: 200_000, logLines: 20 };
const context: ScriptRequest['context'] = {
  env: { threshold: 3 },
  run: { id: 'run-1' },
  workflow: { id: 'w', name: 'Triage' },
  trigger: { number: 17 },
  request: null,
  now: Date.UTC(2026, 10, 20, 7),
  timezone: 'Europe/Berlin',
  seed: 'seed-1',
  steps: { hook: [{ json: { from: 'hook' } }], pair: [{ json: { p: 0 } }, { json: { p: 1 } }] },
};
const two = [{ json: { n: 1 } }, { json: { n: 2 } }];

function run(source: string, more: Partial<ScriptRequest> = {}, signal = new AbortController().signal) {
  const request: ScriptRequest = {
    language: 'javascript',
    source,
    kind: 'body',
    path: 'score_m4t8',
    mode: 'each',
    items: two,
    limits,
    context,
    ...more,
  };
  return sandbox.run(request, signal);
}
async function results(source: string, more: Partial<ScriptRequest> = {}): Promise<Json[]> {
  return (await run(source, more)).results;
}
async function failure(source: string, more: Partial<ScriptRequest> = {}, signal?: AbortSignal) {
  return run(source, more, signal).then(
    (result) => expect.fail(`it gave ${JSON.stringify(result)}`),
    (error: { code: string; message: string; advice?: string }) => error,
  );
}
async function stillAlive() {
  expect(await results('return { n: $json.n }')).toEqual([{ n: 1 }, { n: 2 }]);
}

test('an inline body runs once for each item and knows the names of expressions', async () => {
  const source = `return { n: $json.n, i: $itemIndex, all: $input.all().length, env: $env.threshold, hook: $('hook').item.json.from,
    trigger: $trigger.number, now: $now.toISO(), today: $today.toISODate(), same: item.json === $json }`;
  expect(await results(source)).toEqual(
    [1, 2].map((n, i) => ({
      n,
      i,
      all: 2,
      env: 3,
      hook: 'hook',
      trigger: 17,
      now: '2026-11-20T08:00:00.000+01:00',
      today: '2026-11-20',
      same: true,
    })),
  );
});

test('an inline body in mode once may declare its own items, as n8n users do', async () => {
  const source = 'const items = $input.all();\nreturn items.map((item) => ({ json: { double: item.json.n * 2 } }));';
  expect(await results(source, { mode: 'once' })).toEqual([[{ json: { double: 2 } }, { json: { double: 4 } }]]);
});

test('a module is called with the item and its context', async () => {
  const source =
    'export default async (item, ctx) => ({ n: item.json.n, t: ctx.env.threshold, at: ctx.now(), p: ctx.step("hook").first().json.from });';
  const at = context.now;
  expect(await results(source, { kind: 'module', path: 'scripts/score.js' })).toEqual([
    { n: 1, t: 3, at, p: 'hook' },
    { n: 2, t: 3, at, p: 'hook' },
  ]);
});

test('nothing returned is null, and an assignment to $json does not reach the next item', async () => {
  expect(await results('$json = { n: $json.n + 10 }; if ($itemIndex === 0) return; return $json;')).toEqual([
    null,
    { n: 12 },
  ]);
});

test('TypeScript with types, an enum and an import of types runs', async () => {
  const source = `import type { Item } from './types';
enum Size { Small, Large }
export default (item: { json: { n: number } }): { size: Size } => ({ size: item.json.n > 1 ? Size.Large : Size.Small });`;
  expect(await results(source, { kind: 'module', language: 'typescript', path: 'scripts/size.ts' })).toEqual([
    { size: 0 },
    { size: 1 },
  ]);
});

test.each([
  ['javascript', 'const a = 1;\n\n  throw new TypeError("odd");', '(score_m4t8:3:9)'],
  ['typescript', 'const a: number = 1;\n\n  throw new TypeError("odd");', '(score_m4t8:3:9)'],
  [
    'typescript',
    'enum Size { Small }\nconst a: Size = Size.Small;\n\n  throw new TypeError("odd");',
    '(score_m4t8:4:9)',
  ],
] as const)('an error in %s names the line and column of the person’s own text', async (language, source, place) => {
  const { errors } = await run(source, { language });
  expect(errors).toHaveLength(2);
  expect(errors?.[0]).toEqual({ index: 0, code: 'code.failed', message: `TypeError: odd ${place}` });
});

test('an item that fails leaves the others alone; in mode once the call fails', async () => {
  const source = 'if ($json.n === 1) throw new Error("one is odd"); return { ok: $json.n };';
  const result = await run(source);
  expect(result.results).toEqual([null, { ok: 2 }]);
  expect(result.errors).toEqual([{ index: 0, code: 'code.failed', message: 'one is odd (score_m4t8:1:26)' }]);
  expect(await failure('return missing', { mode: 'once' })).toMatchObject({
    code: 'code.failed',
    message: 'ReferenceError: missing is not defined (score_m4t8:1:1)',
  });
});

test.each([
  ['javascript', 'let a = = 1;', 'body', '(score_m4t8:1:9)'],
  ['typescript', '\nlet a: = 1;', 'body', '(score_m4t8:2:8)'],
  ['javascript', 'export default (item) => {', 'module', '(score_m4t8:1:27)'],
] as const)('broken %s is a syntax error with its place', async (language, source, kind, place) => {
  const error = await failure(source, { language, kind, mode: 'once' });
  expect(error.code).toBe('code.syntax');
  expect(error.message).toContain(place);
});

test('an import is refused with advice, and so is a module without a default function', async () => {
  const kind = 'module' as const;
  expect(await failure('import fs from "node:fs"; export default () => fs', { kind })).toMatchObject({
    code: 'code.syntax',
    advice: expect.stringContaining('./lib.ts'),
  });
  expect(await failure('export const a = 1', { kind })).toMatchObject({
    code: 'code.syntax',
    advice: expect.stringContaining('export default'),
  });
  expect((await run('return await import("node:fs")')).errors).toHaveLength(2);
});

test('a loop without an end is stopped, awaited or not, and the next call works', async () => {
  const quick = { ...limits, cpuMs: 150, wallMs: 600 };
  expect((await failure('for (;;) {}', { limits: quick })).code).toBe('code.timed_out');
  expect((await failure('for (;;) await null', { limits: quick })).code).toBe('code.timed_out');
  expect((await failure('await new Promise(() => {})', { limits: quick })).code).toBe('code.timed_out');
  expect((await failure('for (;;) {}\nexport default () => 1', { limits: quick, kind: 'module' })).code).toBe(
    'code.timed_out',
  );
  expect((await failure('}); for (;;) {} (async function () {', { limits: quick })).code).toBe('code.timed_out');
  expect((await failure('return ("a".repeat(40) + "!").match(/^(a+)+$/)', { limits: quick })).code).toBe(
    'code.timed_out',
  );
  await stillAlive();
});

test.each([
  ['lists', 'const all = []; for (;;) all.push(new Array(100_000).fill(1))'],
  ['texts', 'const all = []; for (;;) all.push(String(Math.random()).repeat(1000) + all.length)'],
])('code that eats memory with %s is stopped, and the next call works', async (_, source) => {
  expect((await failure(source, { mode: 'once' })).code).toBe('code.memory_exceeded');
  await stillAlive();
});

test('buffers count as memory', async () => {
  const error = await failure('const all = []; for (;;) all.push(new ArrayBuffer(8_000_000))', { mode: 'once' });
  expect(error.code).toBe('code.memory_exceeded');
  await stillAlive();
});

test('too much output, of one item or of all, is refused', async () => {
  expect((await failure('return "x".repeat(300_000)')).code).toBe('code.output_exceeded');
  expect((await failure('return "x".repeat(120_000)')).code).toBe('code.output_exceeded');
  expect((await failure('let deep = 1; for (let i = 0; i < 1000; i++) deep = [deep]; return deep')).code).toBe(
    'code.output_exceeded',
  );
});

test('the log is kept up to its limit', async () => {
  const { logs } = await run('for (let i = 0; i < 100_000; i++) console.warn("line", i, { i }); return 1', {
    mode: 'once',
  });
  expect(logs).toHaveLength(limits.logLines + 1);
  expect(logs[0]).toEqual({ level: 'warn', message: 'line 0 {"i":0}' });
  expect(logs.at(-1)?.message).toContain('left out');
});

test('nothing of the process is reachable', async () => {
  const names = [
    'process',
    'require',
    'fetch',
    'Buffer',
    'module',
    'setTimeout',
    'WebAssembly',
    'SharedArrayBuffer',
    'Atomics',
    'luxon',
  ];
  const [found] = await results(`return [${names.map((name) => `typeof ${name}`).join(', ')}]`);
  expect(found).toEqual(names.map(() => 'undefined'));
  const [reached] = await results(`const routes = [
    () => this.constructor.constructor('return process')(),
    async () => await (async () => {}).constructor('return process')(),
    () => console.log.constructor('return process')(),
    () => $json.constructor.constructor('return process')().mainModule,
    () => Error.prepareStackTrace(new Error(), []).getThis(),
    () => ctx.step.constructor('return globalThis')().process.env,
  ];
  const answers = [];
  for (const route of routes) { try { answers.push(String(await route())); } catch (error) { answers.push(error.name); } }
  return answers;`);
  expect(reached).toHaveLength(6);
  for (const answer of reached as string[]) expect(['ReferenceError', 'TypeError']).toContain(answer);
});

test('what one call does to built-in objects is gone in the next, and never reaches us', async () => {
  await results('Object.prototype.polluted = 1; Array.prototype.map = null; globalThis.kept = 1; return 1');
  expect(await results('return [typeof kept, typeof ({}).polluted, typeof [].map]', { mode: 'once' })).toEqual([
    ['undefined', 'undefined', 'function'],
  ]);
  const [value] = await results('return JSON.parse(\'{"__proto__":{"admin":true}}\')');
  expect((value as { admin?: boolean }).admin).toBeUndefined();
  expect(({} as { polluted?: number }).polluted).toBeUndefined();
});

test('code that forges its own answer fails and the next call works', async () => {
  for (const source of [
    'Array.prototype.join = () => "]["; return 1',
    'Array.prototype.join = () => "[1,2,3,4,5]"; return 1',
    'Object.prototype.toJSON = () => 7; return {}',
  ]) {
    await run(source).catch((error) => expect(error.code).toBe('code.failed'));
    await stillAlive();
  }
});

test('random numbers, ids and the time are the same at every attempt', async () => {
  const source =
    'return [Math.random(), ctx.random(), ctx.uuid(), Date.now(), new Date().toISOString(), new Date(0).getTime(), new Date() instanceof Date]';
  const [first, again] = [await results(source), await results(source)];
  expect(again).toEqual(first);
  const [one, other] = first as unknown[][];
  expect(one?.[0]).not.toBe(other?.[0]);
  expect(one?.[2]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(one?.slice(3)).toEqual([context.now, '2026-11-20T07:00:00.000Z', 0, true]);
  expect(await results(source, { context: { ...context, seed: 'another' } })).not.toEqual(first);
});

test('an item of another step needs a known lineage', async () => {
  const source = 'return $("pair").item.json.p';
  expect((await run(source)).errors?.[0]?.message).toContain('no lineage');
  expect(await results(source, { context: { ...context, lineage: { pair: [1, 0] } } })).toEqual([1, 0]);
});

test('a cancelled call ends at once, and one behind it in the line still runs', async () => {
  const cancel = new AbortController();
  const stuck = failure('for (;;) {}', { limits: { ...limits, cpuMs: 60_000, wallMs: 60_000 } }, cancel.signal);
  const behind = results('return $json.n');
  setTimeout(() => cancel.abort(), 100);
  expect((await stuck).code).toBe('run.cancelled');
  expect(await behind).toEqual([1, 2]);
});

/** A sandbox whose worker says that it is ready and then does as told when it is asked. */
function withWorker(thenDo: string, wallMs = limits.wallMs) {
  const folder = mkdtempSync(join(tmpdir(), 'worker-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const entry = join(folder, 'worker.mjs');
  const ready = `const send = (text) => { const size = Buffer.alloc(4); size.writeUInt32BE(Buffer.byteLength(text)); process.stdout.write(size); process.stdout.write(text); };`;
  writeFileSync(entry, `${ready}\nsend('{}\\n');\nprocess.stdin.on('data', async () => { ${thenDo} });\n`);
  const made = createSandbox({ entry, readable: [folder] });
  onTestFinished(() => made.close());
  const ask = () =>
    made
      .run(
        {
          language: 'javascript',
          source: 'return 1',
          kind: 'body',
          path: 'a',
          mode: 'once',
          items: [],
          limits: { ...limits, wallMs },
          context,
        },
        new AbortController().signal,
      )
      .then(
        (result) => expect.fail(JSON.stringify(result)),
        (error: { code: string; message: string }) => error,
      );
  return ask;
}

test.each<[string, string, string, number?]>([
  ['hangs', 'for (;;);', 'code.timed_out', 200],
  ['dies', 'process.exit(3);', 'code.failed'],
  ['is killed', 'process.kill(process.pid, "SIGKILL");', 'code.memory_exceeded'],
  ['aborts', 'process.abort();', 'code.memory_exceeded'],
  ['answers rubbish', 'process.stdout.write("rubbish that is no message");', 'code.failed'],
  ['claims a huge answer', 'process.stdout.write(Buffer.from([255, 255, 255, 255]));', 'code.failed'],
  ['answers another call', 'send(\'{"id":99,"logs":[]}\\n[1]\');', 'code.failed'],
  ['answers in another shape', 'send(\'{"id":1,"logs":"none"}\\n[1]\');', 'code.failed'],
])('a worker that %s fails its call, and the next call gets another worker', async (_, thenDo, code, wallMs) => {
  const ask = withWorker(thenDo, wallMs);
  expect([(await ask()).code, (await ask()).code]).toEqual([code, code]);
});

test('a worker that cannot be started is named', async () => {
  const crashes: string[] = [];
  const broken = createSandbox({ entry: import.meta.filename, onCrash: (message) => crashes.push(message) });
  const request: ScriptRequest = {
    language: 'javascript',
    source: 'return 1',
    kind: 'body',
    path: 'a',
    mode: 'once',
    items: [],
    limits,
    context,
  };
  await expect(broken.run(request, new AbortController().signal)).rejects.toMatchObject({
    code: 'service.unavailable',
  });
  expect(crashes).toHaveLength(1);
  await broken.close();
  await expect(broken.run(request, new AbortController().signal)).rejects.toMatchObject({ code: 'service.draining' });
});

test('a worker inherits no environment and may not read our files', async () => {
  process.env.SLUICE_CANARY = 'canary';
  onTestFinished(() => void delete process.env.SLUICE_CANARY);
  const probe = `const { readFileSync, writeFileSync } = await import('node:fs'); const { spawnSync } = await import('node:child_process');
    const tried = [() => readFileSync('/etc/passwd'), () => writeFileSync('/tmp/x', ''), () => spawnSync('ls').error && (() => { throw new Error(); })(), () => process.env.SLUICE_CANARY ?? (() => { throw new Error(); })(), () => eval('1')];
    const failed = tried.filter((one) => { try { one(); return false; } catch { return true; } }).length;
    send('{"id":1,"logs":[],"failure":{"code":"code.failed","message":"' + failed + ' of ' + tried.length + ', proto ' + ({}).__proto__ + '"}}\\n[]');`;
  expect((await withWorker(probe)()).message).toBe('5 of 5, proto undefined');
});

test('a call that is cancelled in the line ends at once', async () => {
  const cancel = new AbortController();
  const waiting = new AbortController();
  const first = failure('for (;;) {}', { limits: { ...limits, cpuMs: 60_000, wallMs: 60_000 } }, cancel.signal);
  const second = failure('return 1', {}, waiting.signal);
  waiting.abort();
  expect((await second).code).toBe('run.cancelled');
  cancel.abort();
  expect((await first).code).toBe('run.cancelled');
  await stillAlive();
});

test('a thousand items are one message', async () => {
  const items = Array.from({ length: 1_000 }, (_, id) => ({ json: { id, sku: `sku-${id}`, qty: id % 7 } }));
  const all = await results('return { id: $json.id, total: $json.qty * 2 }', { items });
  expect(all).toHaveLength(1_000);
  expect(all[999]).toEqual({ id: 999, total: (999 % 7) * 2 });
});
