import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import type { HostEvent } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import { serveHost } from './serveHost.ts';

const TOKEN = 'the-token-of-this-start';

async function serve() {
  const root = mkdtempSync(join(tmpdir(), 'sluice-serve-'));
  mkdirSync(join(root, 'renderer/assets'), { recursive: true });
  writeFileSync(join(root, 'renderer/index.html'), '<!doctype html><title>Sluice</title>');
  writeFileSync(join(root, 'renderer/assets/app-1234.js'), 'export {};');
  writeFileSync(join(root, 'renderer/notes.txt'), 'not for the browser');
  writeFileSync(join(root, 'secret.js'), 'outside');
  const calls: [string, unknown][] = [];
  const listeners = new Set<(event: HostEvent) => void>();
  const served = await serveHost({
    token: TOKEN,
    rendererDir: join(root, 'renderer'),
    host: {
      call: async (name, input) => {
        calls.push([name, input]);
        if (name === 'projects.open')
          throw new SluiceError('project.not_found', 'Not here.', { advice: 'Look elsewhere.' });
        return { answered: name };
      },
      subscribe: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      emit: () => {},
      treeOf: () => undefined,
      makeSample: async () => undefined,
      close: async () => {},
    },
  });
  onTestFinished(() => served.close());
  return { ...served, calls, listeners, origin: `http://127.0.0.1:${served.port}` };
}

type Opened = { socket: WebSocket; received: unknown[]; closed: Promise<number> };

/** Opens a socket; undefined where it was refused. */
function open(port: number, headers: Record<string, string>, path = '/'): Promise<Opened | undefined> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers });
    const received: unknown[] = [];
    const closed = new Promise<number>((done) => socket.on('close', done));
    socket.on('message', (data) => received.push(JSON.parse(String(data))));
    socket.on('open', () => resolve({ socket, received, closed }));
    socket.on('error', () => resolve(undefined));
  });
}

function get(port: number, path: string, headers: Record<string, string> = {}, method = 'GET') {
  return new Promise<{ status: number; headers: Record<string, unknown>; body: string }>((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      let body = '';
      response.on('data', (data) => {
        body += String(data);
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

async function until(check: () => boolean): Promise<void> {
  for (let n = 0; n < 12_000 && !check(); n++) await new Promise((done) => setTimeout(done, 5));
  expect(check()).toBe(true);
}

test('with the token, from our own page, calls are answered and events arrive', async () => {
  const { port, origin, listeners, calls, url } = await serve();
  expect(url).toBe(`http://127.0.0.1:${port}/#token=${TOKEN}`);
  const opened = await open(port, { origin });
  if (!opened) throw new Error('It was refused.');
  opened.socket.send(JSON.stringify({ token: TOKEN }));
  opened.socket.send(JSON.stringify({ id: 1, name: 'projects.list', input: {} }));
  opened.socket.send(JSON.stringify({ id: 2, name: 'projects.open', input: { projectId: 'x' } }));
  await until(() => opened.received.length === 2);
  expect(opened.received).toContainEqual({ id: 1, reply: { ok: true, output: { answered: 'projects.list' } } });
  expect(opened.received).toContainEqual({
    id: 2,
    reply: { ok: false, error: { code: 'project.not_found', message: 'Not here.', detail: 'Look elsewhere.' } },
  });
  expect(calls).toEqual([
    ['projects.list', {}],
    ['projects.open', { projectId: 'x' }],
  ]);
  const event: HostEvent = { type: 'runner.stopped', projectId: '0199f2c4-5d1e-7a3b-9c40-6f2b8e1d7a55', reason: 'x' };
  for (const listener of listeners) listener(event);
  await until(() => opened.received.length === 3);
  expect(opened.received[2]).toEqual({ event });
  opened.socket.close();
  await until(() => listeners.size === 0);
});

test.each([
  ['a wrong token', JSON.stringify({ token: 'guess' })],
  ['a token of the same length', JSON.stringify({ token: TOKEN.replace('t', 'x') })],
  ['a call before the token', JSON.stringify({ id: 1, name: 'projects.list', input: {} })],
  ['something that is no JSON', 'hello'],
  ['a token with a field too many', JSON.stringify({ token: TOKEN, admin: true })],
  ['a long first message', JSON.stringify({ token: TOKEN, padding: 'x'.repeat(5_000) })],
])('%s closes the socket, and nothing is called or told', async (_what, first) => {
  const { port, origin, calls, listeners } = await serve();
  const opened = await open(port, { origin });
  opened?.socket.send(first);
  expect(await opened?.closed).toBe(1008);
  expect(opened?.received).toEqual([]);
  expect(calls).toEqual([]);
  expect(listeners.size).toBe(0);
});

test('a page of another origin gets no socket, and no page at all gets none either', async () => {
  const { port } = await serve();
  for (const origin of [
    'http://evil.example',
    `http://127.0.0.1:${port + 1}`,
    `https://127.0.0.1:${port}`,
    'null',
    'file://',
  ]) {
    expect(await open(port, { origin })).toBeUndefined();
  }
  expect(await open(port, {})).toBeUndefined();
});

test('a name that somebody made resolve to this computer is refused', async () => {
  const { port, origin } = await serve();
  for (const host of ['evil.example', `evil.example:${port}`, `127.0.0.1.evil.example:${port}`, '127.0.0.1']) {
    expect(await open(port, { origin, host })).toBeUndefined();
    expect((await get(port, '/', { host })).status).toBe(403);
  }
  expect((await get(port, '/', { host: `localhost:${port}` })).status).toBe(200);
});

test('another path gets no socket', async () => {
  const { port, origin } = await serve();
  expect(await open(port, { origin }, '/other')).toBeUndefined();
});

test('frames that are none of ours end the socket', async () => {
  const { port, origin, calls } = await serve();
  for (const frame of ['[]', '{"id":"1","name":"a","input":{}}', '{"id":1,"name":"a","input":{},"more":1}']) {
    const opened = await open(port, { origin });
    opened?.socket.send(JSON.stringify({ token: TOKEN }));
    opened?.socket.send(frame);
    expect(await opened?.closed).toBe(1007);
  }
  expect(calls).toEqual([]);
});

test('the page comes with a strict policy that names its own socket', async () => {
  const { port } = await serve();
  const page = await get(port, '/');
  expect(page).toMatchObject({ status: 200, body: '<!doctype html><title>Sluice</title>' });
  const policy = String(page.headers['content-security-policy']);
  expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'");
  expect(policy).toContain(`connect-src 'self' ws://127.0.0.1:${port}`);
  expect(policy).toContain("frame-ancestors 'none'");
  expect(page.headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
  });
  expect((await get(port, '/assets/app-1234.js')).headers).toMatchObject({
    'content-type': 'text/javascript; charset=utf-8',
  });
});

test.each([
  '/../secret.js',
  '/%2e%2e/secret.js',
  '/..%2fsecret.js',
  '/assets/..%5c..%5csecret.js',
  '/notes.txt',
  '/assets',
  '/%00',
  '/%',
])('%s is not served', async (path) => {
  const { port } = await serve();
  const answer = await get(port, path);
  expect(answer.status).toBe(404);
  expect(answer.body).not.toContain('outside');
});

test('only reading is served', async () => {
  const { port } = await serve();
  expect((await get(port, '/', {}, 'POST')).status).toBe(405);
});
