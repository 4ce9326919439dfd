import { connect } from 'node:net';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Answer, type Person, send, startTestCloud, type TestCloud } from '../../tests/fixtures/cloud.ts';
import { disappoint } from '../../tests/isolation/slowClients.ts';
import { allCapabilities } from './capabilities.ts';
import { deprecationHeaders } from './deprecation.ts';
import { RATE_LIMITS } from './rateLimits.ts';
import type { Routes } from './routes.ts';

type Problem = { type: string; title: string; status: number; code: string; detail?: string; requestId: string };
type Details = Problem & { details: Record<string, unknown> };

const FRIEND = 'https://tools.example.com';
let cloud: TestCloud;
let routes: Routes;
let person: Person;
beforeAll(async () => {
  cloud = await startTestCloud({ CORS_ORIGINS: `${FRIEND}, https://other.example.com` }, (platform) => {
    routes = platform.routes;
    return allCapabilities(platform);
  });
  person = await cloud.newPerson();
});
afterAll(() => cloud?.stop());

/** A refusal as formats.md has it, whoever it comes from. */
function expectProblem(answer: Answer<Details>, status: number, code: string): Details {
  expect(answer.body).toMatchObject({ type: `urn:sluice:${code}`, status, code, title: expect.any(String) });
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(answer.body.requestId).toBe(answer.headers.get('sluice-request'));
  return answer.body;
}

const newProject = async () => {
  const id = uuidv7();
  expect((await person.call('POST', '/v1/projects', { id, name: 'Mill' })).status).toBe(200);
  return id;
};

test('an address that is none of ours, and one that takes other methods, are told apart', async () => {
  const lost = expectProblem(await person.call('GET', '/v1/nothing'), 404, 'request.not_found');
  expect(lost.detail).toContain('/v1/openapi.json');
  const wrong = await person.call<Details>('DELETE', '/v1/projects');
  expectProblem(wrong, 405, 'request.method_not_allowed');
  expect(wrong.headers.get('allow')).toBe('GET, HEAD, POST');
  expect((await person.call('GET', '/v1/projects')).status).toBe(200);
  const options = await fetch(`${cloud.url}/v1/projects`, { method: 'OPTIONS' });
  expect([options.status, options.headers.get('allow')]).toEqual([204, 'GET, HEAD, POST, OPTIONS']);
  expectProblem(await person.call('OPTIONS', '/v1/nothing'), 404, 'request.not_found');
  expectProblem(await person.call('GET', '/v1/projects/%zz/head'), 422, 'request.invalid');
});

test('a body of another kind is refused as such, and not called empty', async () => {
  const body = JSON.stringify({ id: uuidv7(), name: 'Mill' });
  const as = (type: string, text = body) =>
    person.call<Details>('POST', '/v1/projects', text, { 'content-type': type });
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=latin1', 'x'])
    expectProblem(await as(type), 415, 'request.media_unsupported');
  // In another encoding the quotes and brackets that are counted before parsing are other bytes.
  expectProblem(await as('application/json; charset="UTF-16"'), 415, 'request.media_unsupported');
  expect((await as('application/json; charset=utf-8')).status).toBe(200);
  const squeezed = await person.call<Details>('POST', '/v1/projects', body, { 'content-encoding': 'compress' });
  expectProblem(squeezed, 415, 'request.media_unsupported');
});

test('who takes no JSON is told that there is nothing else', async () => {
  const asking = (accept: string) => person.call<Details>('GET', '/v1/projects', undefined, { accept });
  expectProblem(await asking('text/xml'), 406, 'request.not_acceptable');
  for (const accept of ['*/*', 'application/*', 'text/xml, application/json;q=0.1'])
    expect((await asking(accept)).status).toBe(200);
});

test('broken, deep and large bodies are refused before they are looked at', async () => {
  const post = (body: string) => person.call<Details>('POST', '/v1/projects', body);
  expectProblem(await post('{"id":'), 422, 'request.invalid');
  expectProblem(await post('[]'), 422, 'request.invalid');
  expectProblem(await post('null'), 422, 'request.invalid');
  expectProblem(await post(`{"a":${'['.repeat(500)}${']'.repeat(500)}}`), 422, 'request.invalid');
  expectProblem(await post(JSON.stringify({ name: 'x'.repeat(1_100_000) })), 413, 'request.too_large');
  expect((await post(JSON.stringify({ id: uuidv7(), name: 'x' }))).status).toBe(200);
});

test('a name that stands twice in one object is refused and named, however it is spelt', async () => {
  const post = (body: string) => person.call<Details>('POST', '/v1/projects', body);
  const id = uuidv7();
  for (const body of [
    `{"id":"${id}","name":"One","name":"Two"}`,
    `{"id":"${id}","name":"One","n\\u0061me":"Two"}`,
    `{"id":"${id}","name":{"name":"One","name":"Two"}}`,
  ])
    expect(expectProblem(await post(body), 422, 'request.invalid').title).toContain('"name" twice');
  expect((await post(`{"id":"${id}","name":"name, {\\"name\\""}`)).status).toBe(200);
});

test('what stands where a call does not look is refused and not passed over', async () => {
  const made = await person.call<Details>('POST', '/v1/projects?name=Mill', { id: uuidv7(), name: 'Mill' });
  expect(expectProblem(made, 422, 'request.invalid').title).toContain('"name"');
  const path = '/v1/connections/mill';
  await person.call('PUT', path, { connector: 'http', secret: { kind: 'bearer', token: 'x' }, hosts: ['example.com'] });
  const gone = await person.call<Details>('DELETE', path, { name: 'mill' });
  expect(expectProblem(gone, 422, 'request.invalid').title).toContain('DELETE takes no body');
  expect((await person.call('DELETE', path)).status).toBe(200);
});

test('a body is not read for somebody who may not ask', async () => {
  const headers = { 'sluice-workspace': person.workspaceId };
  const answer = await send<Details>(cloud.url, 'POST', '/v1/projects', '{"broken', headers);
  expectProblem(answer, 401, 'access.unauthenticated');
  expect(answer.headers.get('www-authenticate')).toBe('Bearer');
});

test('an unknown field is refused and named, wherever it stands', async () => {
  const body = { id: uuidv7(), name: 'Mill', colour: 'red' };
  expect(expectProblem(await person.call('POST', '/v1/projects', body), 422, 'request.invalid').title).toContain(
    'colour',
  );
  const query = expectProblem(await person.call('GET', '/v1/projects?page=2'), 422, 'request.invalid');
  expect(query.title).toContain('page');
  const id = await newProject();
  const twice = await person.call<Details>('GET', `/v1/projects/${id}/head?projectId=${id}`);
  expect(expectProblem(twice, 422, 'request.invalid').title).toContain('projectId');
  expectProblem(await person.call('GET', '/v1/projects?limit=5&limit=6'), 422, 'request.invalid');
  const wrong = await person.call<Details>('POST', '/v1/projects', { id: 'mine', name: '' });
  expect(expectProblem(wrong, 422, 'request.invalid').details).toEqual({
    issues: [
      { path: 'id', message: expect.any(String) },
      { path: 'name', message: expect.any(String) },
    ],
  });
});

test('text that nothing can store is refused, and any other is stored and given back as it is', async () => {
  const make = (name: string) => person.call<Details>('POST', '/v1/projects', { id: uuidv7(), name });
  const cut = expectProblem(await make('half \ud800'), 422, 'request.invalid');
  expect(cut.details).toEqual({ issues: [{ path: 'name', message: expect.any(String) }] });
  expectProblem(await make('nul \0'), 422, 'request.invalid');
  for (const name of ['nul \0', 'half \udfff'])
    expectProblem(await person.call('POST', '/v1/workspaces', { name }), 422, 'request.invalid');
  const names = [
    '\u202eright to left',
    '💥 ﬃ 𝓔',
    "'; drop table run; --",
    '<script>alert(1)</script>',
    '{{1}}',
    '한국어',
  ];
  for (const name of names) expect((await make(name)).body).toMatchObject({ name });
});

test('what Node refuses itself is a problem too', async () => {
  const raw = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const { port, hostname } = new URL(cloud.url);
      const socket = connect(Number(port), hostname, () => socket.write(text));
      let said = '';
      socket.on('data', (data) => {
        said += String(data);
      });
      socket.on('close', () => resolve(said));
      socket.on('error', reject);
    });
  const huge = await raw(`GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(20_000)}\r\n\r\n`);
  expect(huge).toMatch(/^HTTP\/1\.1 431 .*application\/problem\+json.*"code":"request\.headers_too_large"/s);
  const long = await raw(`GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`);
  expect(long).toContain('"code":"request.headers_too_large"');
  expect(await raw('HELLO\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 .*"code":"request\.malformed"/s);
  const both = 'POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n';
  expect(await raw(both)).toMatch(/^HTTP\/1\.1 400 /);
  expect(await raw('GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /);
});

test('a record’s ETag keeps somebody from overwriting what another changed', async () => {
  const path = `/v1/projects/${await newProject()}/environments/staging`;
  const set = (vars: object, ifMatch?: string, more: object = {}) =>
    person.call<Details>('PUT', path, { vars, ...more }, ifMatch === undefined ? {} : { 'if-match': ifMatch });
  const first = await set({ A: '1' });
  expect([first.status, first.headers.get('etag')]).toEqual([200, '"1"']);
  const second = await set({ A: '2' }, '"1"');
  expect([second.status, second.headers.get('etag')]).toEqual([200, '"2"']);
  const late = expectProblem(await set({ A: '3' }, '"1"'), 412, 'request.changed');
  expect(late.details).toMatchObject({ revision: 2 });
  expectProblem(await set({ A: '3' }, undefined, { expectedRevision: 1 }), 409, 'project.changed');
  for (const tag of ['1', 'W/"2"', '*', '"two"']) expectProblem(await set({}, tag), 422, 'request.invalid');
  expectProblem(await set({}, '"2"', { expectedRevision: 1 }), 422, 'request.invalid');
  const connection = { connector: 'http', secret: { kind: 'bearer', token: 'x' }, hosts: ['example.com'] };
  const connect = (ifMatch?: string) =>
    person.call<Details>(
      'PUT',
      '/v1/connections/etag',
      connection,
      ifMatch === undefined ? {} : { 'if-match': ifMatch },
    );
  expect((await connect()).headers.get('etag')).toBe('"1"');
  expect((await connect('"1"')).headers.get('etag')).toBe('"2"');
  expectProblem(await connect('"1"'), 412, 'request.changed');
  // Where there is nothing to compare, nobody is left to believe that it was.
  const made = { id: uuidv7(), name: 'Mill' };
  expectProblem(await person.call('POST', '/v1/projects', made, { 'if-match': '"1"' }), 422, 'request.invalid');
  expect((await person.call('POST', '/v1/projects', made)).status).toBe(200);
  expect((await set({ A: '4' })).headers.get('etag')).toBe('"3"');
});

test('the head of a project is not sent again to who has it', async () => {
  const path = `/v1/projects/${await newProject()}/head`;
  const first = await person.call('GET', path);
  const etag = first.headers.get('etag') ?? '';
  const again = await person.call('GET', path, undefined, { 'if-none-match': etag });
  expect([again.status, again.body]).toEqual([304, undefined]);
  // One of several, and as a proxy that packs answers hands it on.
  for (const known of [`"7", ${etag}`, `W/${etag}`, '*'])
    expect((await person.call('GET', path, undefined, { 'if-none-match': known })).status).toBe(304);
  const head = await fetch(`${cloud.url}${path}`, {
    method: 'HEAD',
    headers: { authorization: `Bearer ${person.accessToken}`, 'sluice-workspace': person.workspaceId },
  });
  expect([head.status, head.headers.get('etag')]).toEqual([200, etag]);
  for (const other of ['"7"', 'W/"7"', etag.replaceAll('"', '')])
    expect((await person.call('GET', path, undefined, { 'if-none-match': other })).status).toBe(200);
});

test('pages of a list go on behind the last one, whatever is added meanwhile; a cursor that is made up is refused', async () => {
  const one = await cloud.newPerson('Pages');
  const make = async (name: string) => {
    const id = uuidv7();
    expect((await one.call('POST', '/v1/projects', { id, name })).status).toBe(200);
    return id;
  };
  const made: string[] = [];
  for (const name of ['a', 'b', 'c', 'd', 'e']) made.push(await make(name));
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const at = `/v1/projects?limit=2${cursor ? `&cursor=${cursor}` : ''}`;
    const { body } = await one.call<{ data: { id: string }[]; nextCursor?: string }>('GET', at);
    expect(body.data.length).toBeLessThanOrEqual(2);
    seen.push(...body.data.map(({ id }) => id));
    if (seen.length === 2) await make('meanwhile');
    cursor = body.nextCursor;
  } while (cursor);
  expect(seen.filter((id) => made.includes(id))).toEqual(made);
  expect(new Set(seen).size).toBe(seen.length);
  for (const bad of ['x', '-1', `${uuidv7()}x`])
    expectProblem(await one.call('GET', `/v1/projects?cursor=${bad}`), 422, 'request.invalid');
  for (const limit of ['0', '101', '-1', '1.5', 'all', ''])
    expectProblem(await one.call('GET', `/v1/projects?limit=${limit}`), 422, 'request.invalid');
});

test('pages of listed origins may read answers, with a token and without cookies, and no others may', async () => {
  const from = (origin: string, method = 'GET', headers: Record<string, string> = {}) =>
    fetch(`${cloud.url}/v1/projects`, { method, headers: { origin, ...headers } });
  const friend = await from(FRIEND);
  expect(friend.headers.get('access-control-allow-origin')).toBe(FRIEND);
  expect(friend.headers.get('access-control-allow-credentials')).toBeNull();
  expect(friend.headers.get('access-control-expose-headers')).toContain('RateLimit');
  expect(friend.headers.get('vary')).toMatch(/\bOrigin\b/);
  const ask = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' };
  const preflight = await from(FRIEND, 'OPTIONS', ask);
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get('access-control-allow-headers')).toContain('Authorization');
  const strangers = ['null', 'https://tools.example.com.evil.example', 'http://tools.example.com', cloud.url];
  for (const origin of strangers) {
    for (const answer of [await from(origin), await from(origin, 'OPTIONS', ask)]) {
      const told = [...answer.headers.keys()].filter((name) => name.startsWith('access-control-'));
      expect([origin, told]).toEqual([origin, []]);
      expect(answer.headers.get('vary')).toMatch(/\bOrigin\b/);
    }
  }
  // Pages and their cookies are not part of it.
  const page = await fetch(`${cloud.url}/sign-in`, { headers: { origin: FRIEND } });
  expect(page.headers.get('access-control-allow-origin')).toBeNull();
});

test('every answer says how browsers must treat it', async () => {
  for (const path of ['/v1/projects', '/v1/nothing', '/livez', '/sign-in']) {
    const { headers } = await fetch(`${cloud.url}${path}`);
    expect(headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('referrer-policy')).toBe('same-origin');
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
    expect(headers.get('x-powered-by')).toBeNull();
  }
});

test('every answer says what is left of the limit, and every route has one', async () => {
  // Somebody whose first minute has just begun.
  const somebody = await cloud.newPerson();
  const { headers } = await somebody.call('GET', '/v1/projects');
  expect(headers.get('ratelimit-policy')).toMatch(/^"read";q=\d+;w=60$/);
  const left = (value: string | null) => Number(/^"read";r=(\d+);t=\d+$/.exec(value ?? '')?.[1]);
  const before = left(headers.get('ratelimit'));
  expect(before).toBeGreaterThan(0);
  expect(left((await somebody.call('GET', '/v1/projects')).headers.get('ratelimit'))).toBe(before - 1);
  const unlimited = routes.list().filter(({ rate }) => !Object.hasOwn(RATE_LIMITS, rate));
  expect(unlimited.map(({ name }) => name)).toEqual([]);
  console.log(`${routes.list().length} routes, each with a limit.`);
});

test('clients that are slow, half open or gone keep nobody else from being answered', async () => {
  const seed = process.env.SLUICE_SEED ?? String(Date.now());
  const statuses = await disappoint(cloud, person, 60, seed);
  console.log(`60 disappointing clients, seed ${seed}; ${statuses.length} others answered meanwhile.`);
  expect(new Set(statuses)).toEqual(new Set([200]));
  expect(cloud.log.filter((line) => line.includes('because of a bug'))).toEqual([]);
});

test('a call that goes away says since when, until when, and what to use in its place', () => {
  expect(
    deprecationHeaders({ deprecated: { since: '2026-11-21', until: '2027-06-01', instead: 'runs.list' } }),
  ).toEqual({
    Deprecation: '@1795219200',
    Sunset: 'Tue, 01 Jun 2027 00:00:00 GMT',
    Link: '</v1/docs#runs.list>; rel="deprecation"; type="text/html"',
  });
  expect(deprecationHeaders({})).toEqual({});
});

test('whoever opens an address of nothing in a browser gets a page; a program gets a problem, and so does everybody below /v1', async () => {
  const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
  const open = (path: string, accept: string, method = 'GET') =>
    fetch(`${cloud.url}${path}`, { method, headers: { accept } });
  for (const path of ['/nonsense', '/v2', '/app/nonsense', '/v1nonsense']) {
    const page = await open(path, browser);
    expect([path, page.status, page.headers.get('content-type')]).toEqual([path, 404, 'text/html; charset=utf-8']);
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(page.headers.get('vary')).toContain('Accept');
    expect(await page.text()).toContain('<h1>There is nothing here</h1>');
  }
  const programs: [string, string, string?][] = [
    ['/nonsense', 'application/json'],
    ['/nonsense', '*/*'],
    ['/nonsense', browser, 'POST'],
    ['/v1/nonsense', browser],
    ['/v1', browser],
    ['/agent/nonsense', browser],
  ];
  for (const [path, accept, method] of programs) {
    const answer = await open(path, accept, method);
    expect([path, answer.status, answer.headers.get('content-type')]).toEqual([
      path,
      404,
      'application/problem+json; charset=utf-8',
    ]);
  }
});
