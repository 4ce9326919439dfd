import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exportWorkspace } from './exportWorkspace.ts';

const server = createServer((req, res) => {
  asked.push(`${req.method} ${req.headers['sluice-workspace']}`);
  answer(res);
});
const asked: string[] = [];
let answer: (res: ServerResponse) => void = () => undefined;
let address = '';
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/app/export`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const HEAD = '{"format":1,"kind":"workspace"}\n';
const ROWS = `${'{"table":"run","row":{"note":"Zwölf"}}\n'.repeat(2_000)}`;
const END = '{"end":true,"rows":2000}\n';
const ask = (signal = new AbortController().signal, onRead: (bytes: number) => void = () => undefined) =>
  exportWorkspace('w1', { signal, onRead }, address);

test('a whole export is a file of what came, with the number of its rows, and one sees how far it is', async () => {
  answer = (res) => {
    res.write(HEAD);
    res.write(ROWS);
    res.end(END);
  };
  const seen: number[] = [];
  const { file, rows } = await ask(undefined, (bytes) => seen.push(bytes));
  expect(await file.text()).toBe(HEAD + ROWS + END);
  expect(rows).toBe(2_000);
  expect(seen.at(-1)).toBe(file.size);
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
  expect(asked.at(-1)).toBe('POST w1');
});

test('an export without its last line, or cut off on the way, is no file', async () => {
  const early = { code: 'cloud.unreachable', message: 'The export ended before it was whole.' };
  for (const text of [HEAD + ROWS, `${HEAD}${ROWS}{"end":true,"ro`, '']) {
    answer = (res) => void res.end(text);
    await expect(ask()).rejects.toMatchObject(early);
  }
  answer = (res) => void res.write(HEAD, () => res.destroy());
  await expect(ask()).rejects.toMatchObject(early);
});

test('a refusal says what the control plane said', async () => {
  answer = (res) => {
    res.writeHead(403, { 'Content-Type': 'application/problem+json' });
    res.end(
      JSON.stringify({ code: 'access.denied', title: 'Your role may not.', detail: 'Ask an admin.', status: 403 }),
    );
  };
  await expect(ask()).rejects.toMatchObject({
    code: 'access.denied',
    message: 'Your role may not.',
    advice: 'Ask an admin.',
  });
  answer = (res) => void res.writeHead(502).end('<html>');
  await expect(ask()).rejects.toMatchObject({ code: 'internal', message: 'The control plane answered 502.' });
});

test('one that is stopped ends at once, and is no failure of the control plane', async () => {
  const own = new AbortController();
  answer = (res) => void res.write(HEAD);
  await expect(ask(own.signal, () => own.abort())).rejects.toMatchObject({ name: 'AbortError' });
});
