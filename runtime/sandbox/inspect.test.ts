import { PassThrough } from 'node:stream';
import { expect, onTestFinished, test, vi } from 'vitest';
import { frameReader } from './frames.ts';
import { channelOver, encodeInspect } from './inspect.ts';
import { asking, two } from './sandbox.fixture.ts';
import { createSandbox } from './sandbox.ts';

type Message = {
  id?: number;
  method?: string;
  params?: Paused & { url?: string };
  result?: { result?: { value?: unknown } };
};
type Paused = {
  callFrames: { callFrameId: string; functionName: string; location: { lineNumber: number; scriptId: string } }[];
};

/** A sandbox and a debugger that talk with each other as through the pipe of the runtime. */
function debugged() {
  const [toSandbox, toDebugger] = [new PassThrough(), new PassThrough()];
  const sandbox = createSandbox({
    inspect: { channel: channelOver(toSandbox, toDebugger), root: 'file:///home/me/project/' },
  });
  onTestFinished(() => sandbox.close());
  const heard: Message[] = [];
  const urls = new Map<string, string>();
  const read = frameReader(({ body }) => {
    const message = JSON.parse(body) as Message & { params?: { scriptId?: string } };
    if (message.method === 'Debugger.scriptParsed') urls.set(message.params?.scriptId ?? '', message.params?.url ?? '');
    heard.push(message);
  });
  toDebugger.on('data', read);
  let asked = 0;
  const ask = async (method: string, params: object = {}): Promise<Message> => {
    const id = ++asked;
    toSandbox.write(encodeInspect(JSON.stringify({ id, method, params })));
    return vi.waitFor(() => heard.find((one) => one.id === id) ?? expect.fail(`no answer to ${method}`), {
      timeout: 60_000,
    });
  };
  /** Where it is paused now: the time it waits is somebody's who looks. */
  const paused = async (times: number) => {
    const all = await vi.waitFor(
      () => {
        const found = heard.filter((one) => one.method === 'Debugger.paused');
        expect(found.length).toBe(times);
        return found;
      },
      { timeout: 60_000 },
    );
    const [frame] = (all.at(-1)?.params as Paused).callFrames;
    if (!frame) return expect.fail('paused nowhere');
    const value = async (expression: string) =>
      (await ask('Debugger.evaluateOnCallFrame', { callFrameId: frame.callFrameId, expression, returnByValue: true }))
        .result?.result?.value;
    return { at: `${urls.get(frame.location.scriptId)}:${frame.location.lineNumber + 1}`, value };
  };
  const attach = async () => {
    await ask('Runtime.enable');
    await ask('Debugger.enable');
  };
  return { sandbox, ask, attach, paused, gone: () => toSandbox.write(encodeInspect(undefined)), heard };
}

const source = `import { add } from './add.ts';
export default (item: { json: { n: number } }): object => {
  const once: number = item.json.n;
  const sum: number = add(once, 10);
  return { sum };
};`;
const files = {
  'scripts/add.ts': 'export function add(a: number, b: number): number {\n  const c: number = a + b;\n  return c;\n}',
};
const script = { kind: 'module', language: 'typescript', path: 'scripts/score.ts', files } as const;

test('a debugger stops at the first line, at breakpoints in the person’s own files, and steps', async () => {
  const { sandbox, ask, attach, paused } = debugged();
  const { results } = asking(sandbox, {
    ...script,
    limits: { wallMs: 50, cpuMs: 50, memoryMb: 64, outputBytes: 1_000, logLines: 5 },
  });
  await attach();
  await ask('Debugger.setBreakpointByUrl', { url: 'file:///home/me/project/scripts/add.ts', lineNumber: 1 });
  const given = results(source);
  expect((await paused(1)).at).toBe('file:///home/me/project/scripts/score.ts:3');
  await ask('Debugger.resume');
  const inside = await paused(2);
  expect(inside.at).toBe('file:///home/me/project/scripts/add.ts:2');
  expect(await inside.value('[a, b]')).toEqual([1, 10]);
  await ask('Debugger.stepOver');
  const after = await paused(3);
  expect(after.at).toBe('file:///home/me/project/scripts/add.ts:3');
  expect(await after.value('c')).toBe(11);
  await ask('Debugger.stepOut');
  expect((await paused(4)).at).toBe('file:///home/me/project/scripts/score.ts:5');
  await ask('Debugger.resume');
  // The second item comes by the breakpoint as well.
  expect(await (await paused(5)).value('a')).toBe(2);
  await ask('Debugger.resume');
  // It was looked at for far longer than the code may take.
  expect(await given).toEqual([{ sum: 11 }, { sum: 12 }]);
});

test('inline code is debugged as a file named by its step; errors name its lines as ever', async () => {
  const { sandbox, ask, attach, paused } = debugged();
  const { run } = asking(sandbox);
  await attach();
  const given = run('const n = $json.n;\nif (n === 2) throw new Error("two");\nreturn { n };');
  // The first line is ours.
  const first = await paused(1);
  expect(first.at).toBe('sluice-step:///score_m4t8:2');
  await ask('Debugger.resume');
  expect(await given).toMatchObject({ results: [{ n: 1 }, null], errors: [{ message: 'two (score_m4t8:2:20)' }] });
});

test('a debugger that goes lets the code go on, and another may come', async () => {
  const { sandbox, attach, paused, gone, ask } = debugged();
  const { results } = asking(sandbox, script);
  await attach();
  const given = results(source);
  await paused(1);
  gone();
  expect(await given).toEqual([{ sum: 11 }, { sum: 12 }]);
  expect(await results(source)).toEqual([{ sum: 11 }, { sum: 12 }]);
  await attach();
  const again = results(source, { items: two.slice(0, 1) });
  await paused(2);
  await ask('Debugger.resume');
  expect(await again).toEqual([{ sum: 11 }]);
});

test('what a debugger evaluates is evaluated in the isolate, not in the process around it', async () => {
  const { sandbox, ask, attach, paused } = debugged();
  const { results } = asking(sandbox);
  await attach();
  const given = results('return 1');
  const { value } = await paused(1);
  expect(await value('[typeof $json, typeof process, typeof require, typeof fetch]')).toEqual([
    'object',
    ...Array(3).fill('undefined'),
  ]);
  await ask('Debugger.resume');
  expect(await given).toEqual([1, 1]);
});
