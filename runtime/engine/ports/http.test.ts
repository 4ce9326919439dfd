import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import { http } from '#runtime/connectors/http/connector.ts';
import { SluiceError } from '#shared/error.ts';
import { isAllowedHost } from './hosts.ts';
import { createHttpBroker, type HttpBrokerDeps } from './http.ts';
import { redactRequest } from './redact.ts';

const open: { close(): void }[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

type Seen = { method?: string; url?: string; headers: IncomingMessage['headers']; body: string };

/** A real server on a free port of loopback, and what it was asked. */
async function serve(answer: (request: Seen, response: ServerResponse) => void) {
  const seen: Seen[] = [];
  const listener: RequestListener = async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    const one = {
      method: request.method,
      url: request.url,
      headers: request.headers,
      body: Buffer.concat(parts).toString(),
    };
    seen.push(one);
    answer(one, response);
  };
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push({
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
  const { port } = server.address() as AddressInfo;
  return { seen, url: `http://127.0.0.1:${port}`, host: `127.0.0.1:${port}` };
}

function broker(deps: Partial<HttpBrokerDeps> = {}) {
  return createHttpBroker({ findConnector: (name) => (name === 'http' ? http : undefined), ...deps });
}
const bearer = (...hosts: string[]) => ({ connector: 'http', secret: { kind: 'bearer', token: 'tok-1234' }, hosts });

test('a JSON body is sent as JSON and a JSON answer is parsed', async () => {
  const there = await serve((_, response) =>
    response.writeHead(201, { 'content-type': 'application/json; charset=utf-8', 'x-id': '7' }).end('{"id":7}'),
  );
  const reply = await broker().send({ method: 'post', url: `${there.url}/issues?x=1`, body: { score: 1 } });
  expect(reply).toMatchObject({ status: 201, headers: { 'x-id': '7' }, body: { id: 7 } });
  expect(there.seen[0]).toMatchObject({
    method: 'POST',
    url: '/issues?x=1',
    body: '{"score":1}',
    headers: { 'content-type': 'application/json' },
  });
});

test('text goes as it is, a form is encoded, and a gzipped answer is read', async () => {
  const there = await serve((_, response) =>
    response.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'text/plain' }).end(gzipSync('grüße')),
  );
  const send = broker().send;
  expect((await send({ method: 'PUT', url: there.url, body: 'plain' })).body).toBe('grüße');
  await send({
    method: 'POST',
    url: there.url,
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: { a: 'x y', b: [1, 2] },
  });
  expect(there.seen.map(({ body }) => body)).toEqual(['plain', 'a=x+y&b=1&b=2']);
});

test('the connection signs for its hosts, whatever the step says', async () => {
  const there = await serve((_, response) => response.end('ok'));
  await broker().send(
    { method: 'GET', url: there.url, headers: { Authorization: 'mine' } },
    { connection: bearer(there.host) },
  );
  expect(there.seen[0]?.headers.authorization).toBe('Bearer tok-1234');
});

test('a connection is not used for a host it does not name, and nothing is sent', async () => {
  const there = await serve((_, response) => response.end('ok'));
  for (const hosts of [[], ['tracker.example'], ['127.0.0.1'], ['127.0.0.1:1'], ['*.0.0.1']]) {
    await expect(
      broker().send({ method: 'GET', url: there.url }, { connection: bearer(...hosts) }),
    ).rejects.toMatchObject({ code: 'connection.host_not_allowed' });
  }
  expect(there.seen).toEqual([]);
});

test.each([
  ['https://example.com/', ['example.com'], true],
  ['https://example.com./', ['example.com'], true],
  ['https://EXAMPLE.com/', ['Example.com'], true],
  ['https://a.example.com/', ['example.com'], false],
  ['https://a.example.com/', ['*.example.com'], true],
  ['https://a.b.example.com/', ['*.example.com'], true],
  ['https://example.com/', ['*.example.com'], false],
  ['https://badexample.com/', ['*.example.com', 'example.com'], false],
  ['https://example.com.evil.test/', ['example.com', '*.example.com'], false],
  ['https://example.com:8443/', ['example.com'], false],
  ['https://example.com:8443/', ['example.com:8443'], true],
  ['https://example.com/', ['example.com:443'], true],
  ['http://example.com/', ['example.com:443'], false],
  ['https://[::1]:8443/', ['[::1]:8443'], true],
  ['https://evil.test/', ['*', '*.', ''], false],
])('%s on hosts %j is allowed: %s', (url, hosts, allowed) => {
  expect(isAllowedHost(new URL(url), hosts)).toBe(allowed);
});

test('a redirect to another host loses the secret, and one to a host not named is refused', async () => {
  const other = await serve((_, response) => response.end('there'));
  const there = await serve((_, response) => response.writeHead(302, { location: `${other.url}/x` }).end());
  const request = { method: 'GET', url: there.url, headers: { cookie: 'a=1', 'x-api-key': 'k', 'x-plain': 'p' } };
  const reply = await broker().send(request, { connection: bearer(there.host, other.host) });
  expect(reply.body).toBe('there');
  expect(there.seen[0]?.headers.authorization).toBe('Bearer tok-1234');
  expect(other.seen[0]?.headers).toMatchObject({ 'x-plain': 'p' });
  for (const name of ['authorization', 'cookie', 'x-api-key']) expect(other.seen[0]?.headers[name]).toBeUndefined();
  await expect(broker().send(request, { connection: bearer(there.host) })).rejects.toMatchObject({
    code: 'connection.host_not_allowed',
  });
  expect(other.seen).toHaveLength(1);
});

test('a redirect away and back does not bring the secret along', async () => {
  const there = await serve(({ url }, response) => {
    if (url === '/start') response.writeHead(302, { location: `${other.url}/` }).end();
    else response.end('victim');
  });
  const other = await serve((_, response) => response.writeHead(302, { location: `${there.url}/admin` }).end());
  await broker().send({ method: 'GET', url: `${there.url}/start` }, { connection: bearer(there.host, other.host) });
  expect(there.seen.map(({ url, headers }) => [url, headers.authorization])).toEqual([
    ['/start', 'Bearer tok-1234'],
    ['/admin', undefined],
  ]);
});

test('303 turns a POST into a GET, 307 repeats it, and the secret stays on the same host', async () => {
  const there = await serve(({ url }, response) => {
    if (url === '/see') response.writeHead(303, { location: '/end' }).end();
    else if (url === '/again') response.writeHead(307, { location: '/end' }).end();
    else response.end('end');
  });
  const send = (path: string) =>
    broker().send({ method: 'POST', url: there.url + path, body: { a: 1 } }, { connection: bearer(there.host) });
  await send('/see');
  await send('/again');
  const ends = there.seen.filter(({ url }) => url === '/end');
  expect(ends.map(({ method, body }) => [method, body])).toEqual([
    ['GET', ''],
    ['POST', '{"a":1}'],
  ]);
  for (const { headers } of there.seen) expect(headers.authorization).toBe('Bearer tok-1234');
});

test('redirects without an end stop after five, and egress is asked for each', async () => {
  const asked: string[] = [];
  const there = await serve((_, response) => response.writeHead(302, { location: '/again' }).end());
  await expect(
    broker({ egress: (url) => void asked.push(url.pathname) }).send({ method: 'GET', url: there.url }),
  ).rejects.toMatchObject({ code: 'connector.rejected' });
  expect(there.seen).toHaveLength(6);
  expect(asked).toHaveLength(6);
  expect((await broker().send({ method: 'GET', url: there.url, maxRedirects: 0 })).status).toBe(302);
});

test('nobody listening and an unknown name surely did not happen', async () => {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  await expect(broker().send({ method: 'POST', url: `http://127.0.0.1:${port}/` })).rejects.toMatchObject({
    code: 'connector.unavailable',
  });
  await expect(broker().send({ method: 'POST', url: 'http://nowhere.invalid/' })).rejects.toMatchObject({
    code: 'connector.unavailable',
  });
});

test('a TLS handshake that fails surely did not happen', async () => {
  const there = await serve((_, response) => response.end('plain'));
  await expect(broker().send({ method: 'POST', url: there.url.replace('http:', 'https:') })).rejects.toMatchObject({
    code: 'connector.unavailable',
  });
  expect(there.seen).toEqual([]);
});

test('a connection cut before or in the middle of the answer may have happened', async () => {
  const before = await serve((_, response) => void response.socket?.destroy());
  await expect(broker().send({ method: 'POST', url: before.url, body: {} })).rejects.toMatchObject({
    code: 'connector.unclear',
  });
  const middle = await serve((_, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('half');
    setTimeout(() => response.socket?.resetAndDestroy(), 20);
  });
  await expect(broker().send({ method: 'POST', url: middle.url, body: {} })).rejects.toMatchObject({
    code: 'connector.unclear',
  });
  expect([before.seen.length, middle.seen.length]).toEqual([1, 1]);
});

test('silence ends at the time-out, at the head and in the body', async () => {
  const silent = await serve(() => {});
  const error = { code: 'connector.unclear', details: { reason: 'timeout', timeoutMs: 500 } };
  await expect(broker().send({ method: 'POST', url: silent.url, timeoutMs: 500 })).rejects.toMatchObject(error);
  const trickle = await serve(
    (_, response) => void response.writeHead(200, { 'content-type': 'text/plain' }).write('a'),
  );
  await expect(broker().send({ method: 'GET', url: trickle.url, timeoutMs: 500 })).rejects.toMatchObject(error);
});

test('an aborted signal ends the request with its own reason', async () => {
  const silent = await serve(() => cancel.abort(new Error('run cancelled')));
  const cancel = new AbortController();
  await expect(broker().send({ method: 'GET', url: silent.url }, { signal: cancel.signal })).rejects.toThrow(
    'run cancelled',
  );
});

test.each([
  [400, {}, 'connector.rejected'],
  [404, {}, 'connector.rejected'],
  [408, {}, 'connector.unavailable'],
  [429, {}, 'connector.unavailable'],
  [429, { 'retry-after': '3' }, 'connector.unavailable'],
  [500, {}, 'connector.unclear'],
  [503, {}, 'connector.unclear'],
  [503, { 'retry-after': '3' }, 'connector.unavailable'],
])('an answer of %i with %j is %s', async (status, headers, code) => {
  const there = await serve((_, response) =>
    response.writeHead(status, { ...headers, 'content-type': 'application/json' }).end('{"why":"no"}'),
  );
  const details = { status, body: '{"why":"no"}', ...('retry-after' in headers ? { retryAfterMs: 3_000 } : {}) };
  await expect(broker().send({ method: 'GET', url: there.url })).rejects.toMatchObject({ code, details });
  expect(await broker().send({ method: 'GET', url: there.url, failOnStatus: false })).toMatchObject({
    status,
    body: { why: 'no' },
  });
});

test('bytes and large text become a blob, and too much is refused, unpacked', async () => {
  const kept = new Map<string, Uint8Array>();
  const blobs = {
    async put(bytes: Uint8Array) {
      const hash = createHash('sha256').update(bytes).digest('hex');
      kept.set(hash, bytes);
      return hash;
    },
  };
  const bytes = Buffer.from([0xff, 0, 1, 2]);
  const image = await serve((_, response) => response.writeHead(200, { 'content-type': 'image/png' }).end(bytes));
  const reply = await broker({ blobs }).send({ method: 'GET', url: image.url });
  expect(reply).toMatchObject({ body: null, binary: { bytes: 4, mime: 'image/png' } });
  expect(Buffer.from(kept.get(reply.binary?.blob ?? '') ?? [])).toEqual(bytes);
  await expect(broker().send({ method: 'GET', url: image.url })).rejects.toMatchObject({
    code: 'step.output_too_large',
  });
  const long = await serve((_, response) =>
    response.writeHead(200, { 'content-type': 'text/plain' }).end('x'.repeat(1_100_000)),
  );
  expect((await broker({ blobs }).send({ method: 'GET', url: long.url })).binary).toMatchObject({ bytes: 1_100_000 });
  const bomb = await serve((_, response) =>
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(3_000_000))),
  );
  await expect(broker({ blobs, maxBytes: 1_000_000 }).send({ method: 'GET', url: bomb.url })).rejects.toMatchObject({
    code: 'step.output_too_large',
  });
});

test('an answer that says JSON and is not stays text, and an empty one is null', async () => {
  const there = await serve(({ url }, response) =>
    response
      .writeHead(url === '/empty' ? 204 : 200, { 'content-type': 'application/json' })
      .end(url === '/empty' ? undefined : url === '/deep' ? '['.repeat(5_000) : '{broken'),
  );
  expect((await broker().send({ method: 'GET', url: there.url })).body).toBe('{broken');
  expect((await broker().send({ method: 'GET', url: `${there.url}/deep` })).body).toHaveLength(5_000);
  expect((await broker().send({ method: 'GET', url: `${there.url}/empty` })).body).toBeNull();
});

test.each([
  ['ftp://a.example/', {}],
  ['file:///etc/passwd', {}],
  ['not an address', {}],
  ['https://me:pw@a.example/', {}],
  ['https://a.example/', { Host: 'b.example' }],
  ['https://a.example/', { 'content-length': '1' }],
  ['https://a.example/', { 'x-a': 'b\r\nx-c: d' }],
  ['https://a.example/', { 'bad name': 'x' }],
])('%s with headers %j is refused before anything is sent', async (url, headers) => {
  const never = (() => expect.fail('it was sent')) as unknown as typeof fetch;
  await expect(
    broker({ fetch: never }).send({ method: 'GET', url, headers: headers as Record<string, string> }),
  ).rejects.toMatchObject({ code: 'config.invalid' });
});

test('the idempotency key goes into the header that the request names', async () => {
  const there = await serve((_, response) => response.end());
  await broker().send(
    { method: 'POST', url: there.url, idempotencyHeader: 'Idempotency-Key' },
    { idempotencyKey: 'key-1' },
  );
  await broker().send({ method: 'POST', url: there.url }, { idempotencyKey: 'key-1' });
  expect(there.seen.map(({ headers }) => headers['idempotency-key'])).toEqual(['key-1', undefined]);
});

test('a refusal of egress is what the step is told', async () => {
  const egress = () => {
    throw new SluiceError('egress.refused', 'No.');
  };
  await expect(broker({ egress }).send({ method: 'GET', url: 'http://10.0.0.1/' })).rejects.toMatchObject({
    code: 'egress.refused',
  });
});

test('a proxy that lets nothing through is a refusal of egress, and one that cannot reach the host did not send it', async () => {
  const proxy = createServer();
  let status = '403 Forbidden';
  proxy.on('connect', (_, socket) => void socket.end(`HTTP/1.1 ${status}\r\n\r\n`));
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  open.push(proxy);
  const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const program = `import { createHttpBroker } from './http.ts';
    const broker = createHttpBroker({ findConnector: () => undefined });
    for (const url of ['http://a.example/', 'https://a.example/'])
      await broker.send({ method: 'POST', url }).catch((error) => console.log(error.code));`;
  const codes = async () => {
    const env = { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: address, HTTPS_PROXY: address };
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
      env,
      cwd: import.meta.dirname,
    });
    return stdout.trim().split('\n');
  };
  expect(await codes()).toEqual(['egress.refused', 'egress.refused']);
  status = '502 Bad Gateway';
  expect(await codes()).toEqual(['connector.unavailable', 'connector.unavailable']);
});

test('a redacted request holds no secret in any usual encoding', () => {
  const secret = 'p@ss wörd/1';
  const basic = Buffer.from(secret).toString('base64');
  const request = {
    method: 'POST',
    url: `https://a.example/?t=${encodeURIComponent(secret)}`,
    headers: { Authorization: 'x', 'x-b': `B ${basic}` },
    body: { deep: [`so ${secret}`] },
  };
  const shown = redactRequest(request, { 'tracker#token': secret });
  expect(shown).toEqual({
    method: 'POST',
    url: 'https://a.example/?t=secret://tracker#token',
    headers: { Authorization: '[secret]', 'x-b': 'B secret://tracker#token' },
    body: { deep: ['so secret://tracker#token'] },
  });
  expect(request.headers.Authorization).toBe('x');
});
