import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { SLUICE } from '../../tests/fixtures/sluice.ts';
import { install, scoreProject } from '../packages/project.fixture.ts';

const SLOW = { timeout: 300_000 };

/** Runs the command line until it says where its debugger's door is. */
async function start(...args: string[]) {
  const env = { PATH: process.env.PATH, SLUICE_DATA: mkdtempSync(join(tmpdir(), 'sluice-inspect-')) };
  const child = spawn(process.execPath, [SLUICE, ...args, '--inspect-script'], { env });
  onTestFinished(() => void child.kill('SIGKILL'));
  const said = { out: '', err: '' };
  child.stdout.on('data', (data) => {
    said.out += String(data);
  });
  child.stderr.on('data', (data) => {
    said.err += String(data);
  });
  const ended = once(child, 'close').then(([code]) => ({ code: code as number, ...said }));
  await vi.waitFor(() => expect(said.err).toContain('once a debugger has come'), { timeout: 60_000 });
  const url = /ws:\/\/127\.0\.0\.1:\d+\/[\w-]{32}/.exec(said.err)?.[0] ?? expect.fail(said.err);
  return { child, said, ended, url };
}

type Message = {
  id?: number;
  method?: string;
  params?: { url?: string; scriptId?: string; callFrames?: Frame[] };
  result?: object;
};
type Frame = { callFrameId: string; location: { scriptId: string; lineNumber: number } };

async function attach(url: string) {
  const socket = new WebSocket(url);
  await once(socket, 'open');
  onTestFinished(() => socket.close());
  const heard: Message[] = [];
  socket.on('message', (data) => heard.push(JSON.parse(String(data)) as Message));
  let asked = 0;
  const ask = (method: string, params: object = {}) => {
    const id = ++asked;
    socket.send(JSON.stringify({ id, method, params }));
    return vi.waitFor(() => heard.find((one) => one.id === id)?.result ?? expect.fail(`no answer to ${method}`), {
      timeout: 60_000,
    });
  };
  const paused = (times: number) =>
    vi.waitFor(
      () => {
        const found = heard.filter(({ method }) => method === 'Debugger.paused');
        expect(found).toHaveLength(times);
        const frame = found.at(-1)?.params?.callFrames?.[0] ?? expect.fail('paused nowhere');
        const script = heard.find(
          ({ method, params }) => method === 'Debugger.scriptParsed' && params?.scriptId === frame.location.scriptId,
        );
        return { frame, url: script?.params?.url, line: frame.location.lineNumber + 1 };
      },
      { timeout: 60_000 },
    );
  for (const method of ['Runtime.enable', 'Debugger.enable', 'Runtime.runIfWaitingForDebugger']) await ask(method);
  return { socket, ask, paused };
}

/** The status that an attempt to connect is answered with. */
async function refused(url: string, headers: Record<string, string> = {}): Promise<number> {
  const socket = new WebSocket(url, { headers });
  socket.on('error', () => undefined);
  const [, response] = await once(socket, 'unexpected-response');
  return (response as { statusCode: number }).statusCode;
}

test('a run waits for its debugger, which stops in the person’s own file, looks and steps', SLOW, async () => {
  const { dir, packages } = scoreProject();
  install(dir, packages);
  const { url, ended, said } = await start('run', dir, 'score');
  expect(said.err).toContain(`devtools://devtools/bundled/js_app.html?ws=${url.slice('ws://'.length)}`);
  const { ask, paused } = await attach(url);
  const first = await paused(1);
  expect(first).toMatchObject({ url: pathToFileURL(join(dir, 'scripts/score.ts')).href, line: 2 });
  const expression = 'item.json.n';
  const question = { callFrameId: first.frame.callFrameId, expression };
  expect(await ask('Debugger.evaluateOnCallFrame', question)).toMatchObject({ result: { value: 1 } });
  await ask('Debugger.stepInto');
  expect((await paused(2)).url).toMatch(/^package:/);
  await ask('Debugger.resume');
  expect(await ended).toMatchObject({ code: 0, out: expect.stringContaining('tiny says 4') });
});

test('a saved case is debugged the same way', SLOW, async () => {
  const { dir, packages } = scoreProject();
  install(dir, packages);
  const { url, ended } = await start('test', dir, '--case', 'score');
  const { ask, paused } = await attach(url);
  await paused(1);
  await ask('Debugger.resume');
  expect(await ended).toMatchObject({ code: 0, out: expect.stringContaining('1 passed, 0 failed') });
});

test('only one debugger comes in, from this computer, that knows the token and is no web page', SLOW, async () => {
  const { dir, packages } = scoreProject();
  install(dir, packages);
  const { url, ended, child } = await start('run', dir, 'score');
  const { origin } = new URL(url.replace('ws:', 'http:'));
  const other = `${url.slice(0, -1)}${url.endsWith('A') ? 'B' : 'A'}`;
  expect(await refused(other)).toBe(403);
  expect(await refused(url.slice(0, -33))).toBe(403);
  expect(await refused(url, { origin })).toBe(403);
  expect(await refused(url, { host: 'rebound.example:1234' })).toBe(403);
  for (const path of ['/', '/json', '/json/list', '/json/version'])
    expect((await fetch(origin + path)).status).toBe(404);
  const { socket, paused } = await attach(url);
  expect(await refused(url)).toBe(403);
  await paused(1);
  // Who goes lets the run go on.
  socket.close();
  expect(await ended).toMatchObject({ code: 0 });
  expect(child.exitCode).toBe(0);
});

test('somebody who waits for no debugger ends the command', SLOW, async () => {
  const { dir, packages } = scoreProject();
  install(dir, packages);
  const { child, ended } = await start('run', dir, 'score');
  child.kill('SIGINT');
  expect((await ended).code).toBe(1);
});
