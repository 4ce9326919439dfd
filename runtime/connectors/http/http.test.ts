import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createWorld, itemsOf, jsonOf } from '../stepCall.fixture.ts';
import { http } from './connector.ts';
import { request } from './http.ts';

const { run } = createWorld();
const seen: { method?: string; url?: string; headers: Record<string, unknown>; body: string }[] = [];
const server = createServer(async (request, response) => {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  seen.push({
    method: request.method,
    url: request.url,
    headers: request.headers,
    body: Buffer.concat(parts).toString(),
  });
  response
    .writeHead(request.url?.startsWith('/missing') ? 404 : 200, { 'content-type': 'application/json' })
    .end('{"ok":true}');
});
let url: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

test('each item is a request, and gives status, headers and body', async () => {
  const { main } = await run(
    request,
    ({ json }) => ({
      method: 'POST',
      url: `${url}/issues/${json.n}`,
      query: { a: 'x y', list: [1, 2], none: null },
      headers: { 'x-n': 5, 'x-none': null },
      body: { n: json.n ?? null },
      idempotencyHeader: 'Idempotency-Key',
    }),
    itemsOf({ n: 1 }, { n: 2 }),
  );
  expect(jsonOf(main)).toMatchObject([
    { status: 200, body: { ok: true }, headers: { 'content-type': 'application/json' } },
    { status: 200 },
  ]);
  expect(seen.map(({ method, url: at, body }) => [method, at, body])).toEqual([
    ['POST', '/issues/1?a=x+y&list=1&list=2', '{"n":1}'],
    ['POST', '/issues/2?a=x+y&list=1&list=2', '{"n":2}'],
  ]);
  expect(seen[0]?.headers).toMatchObject({ 'x-n': '5', 'idempotency-key': 'effect-1' });
  expect(seen[0]?.headers['x-none']).toBeUndefined();
});

test('an answer of 400 and above fails unless it is wanted', async () => {
  const config = { url: `${url}/missing` };
  await expect(run(request, config, itemsOf({}))).rejects.toMatchObject({
    code: 'connector.rejected',
    details: { status: 404 },
  });
  expect(jsonOf((await run(request, { ...config, failOnStatus: false }, itemsOf({}))).main)).toMatchObject([
    { status: 404, body: { ok: true } },
  ]);
});

test('its effect is what the method and the header make it', () => {
  const effect = (config: object) =>
    (request.effect as (config: unknown) => string)(request.config.parse({ url: 'https://a.example', ...config }));
  expect([
    effect({}),
    effect({ method: 'HEAD' }),
    effect({ method: 'POST' }),
    effect({ method: 'DELETE' }),
    effect({ method: 'PUT', idempotencyHeader: 'Idempotency-Key' }),
  ]).toEqual(['idempotent', 'idempotent', 'unsafe', 'unsafe', 'keyed']);
});

test('the connection signs in the way it says', () => {
  const sign = (connection: object) =>
    http.sign?.(http.connection.parse(connection), { method: 'GET', url: 'https://a.example' });
  expect([
    sign({}),
    sign({ kind: 'basic', username: 'me', password: 'pä' }),
    sign({ kind: 'bearer', token: 't' }),
    sign({ kind: 'header', header: 'X-Key', value: 'v' }),
  ]).toEqual([
    {},
    { authorization: `Basic ${Buffer.from('me:pä').toString('base64')}` },
    { authorization: 'Bearer t' },
    { 'X-Key': 'v' },
  ]);
  expect(() => sign({ kind: 'bearer' })).toThrow('no token');
});
