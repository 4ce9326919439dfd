import { once } from 'node:events';
import { createServer } from 'node:http';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { cloudApi } from '#shared/contract/cloudApi.ts';
import { SluiceError } from '#shared/error.ts';
import { Uuid } from '#shared/ids.ts';
import { permissionsOf } from '#shared/permission.ts';
import { send } from '../../tests/fixtures/cloud.ts';
import { createTestDatabase, newWorkspace, type TestDatabase } from '../../tests/fixtures/postgres.ts';
import { createLogger } from '../platform/logger.ts';
import { createMetrics } from '../platform/metrics.ts';
import { createApp } from './app.ts';
import { createAuthenticator } from './authenticate.ts';
import { createIdempotency } from './idempotency.ts';
import { type MountDeps, type MountedService, mount } from './mount.ts';
import { createRateLimits } from './rateLimits.ts';
import { createRoutes } from './routes.ts';

const group = {
  open: {
    route: 'POST /v1/gates/:gateId/open',
    access: 'workflow:execute',
    rate: 'write',
    input: z.strictObject({ gateId: Uuid, by: z.int().min(1) }),
    output: z.strictObject({ level: z.int(), calls: z.int() }),
  },
  find: {
    route: 'GET /v1/gates',
    access: 'workflow:read',
    rate: 'read',
    input: z.strictObject({ limit: z.coerce.number().int().max(100).default(20) }),
    output: z.strictObject({ limit: z.int() }),
  },
  pay: {
    route: 'POST /v1/pay',
    access: 'billing:write',
    rate: 'write',
    input: z.strictObject({}),
    output: z.strictObject({}),
  },
  lie: {
    route: 'GET /v1/lie',
    access: 'public',
    rate: 'read',
    input: z.strictObject({}),
    output: z.strictObject({ truth: z.string() }),
  },
  slip: {
    route: 'GET /v1/slip',
    access: 'public',
    rate: 'monitor',
    input: z.strictObject({}),
    output: z.strictObject({}),
  },
  refuse: {
    route: 'GET /v1/refuse',
    access: 'public',
    rate: 'stream',
    input: z.strictObject({}),
    output: z.strictObject({}),
  },
  old: {
    route: 'GET /v1/old-gates',
    access: 'workflow:read',
    rate: 'read',
    deprecated: { since: '2026-11-21', until: '2027-06-01', instead: 'gates.find' },
    input: z.strictObject({ limit: z.coerce.number().int().max(100).default(20) }),
    output: z.strictObject({ limit: z.int() }),
  },
} as const;

let database: TestDatabase;
let base: string;
let user: { userId: string; workspaceId: string };
let calls = 0;
const log: string[] = [];
const server = createServer();
const routes = createRoutes();

beforeAll(async () => {
  database = await createTestDatabase();
  user = await newWorkspace(database);
  const clock = { now: () => new Date() };
  const deps: MountDeps = {
    routes,
    limits: createRateLimits({ stream: { points: 2, seconds: 60 } }),
    logger: createLogger('debug', { write: (line: string) => void log.push(line) }),
    idempotency: createIdempotency({ db: database.db, clock }),
    authenticate: createAuthenticator({
      sessionOf: async (token) =>
        token === 'good'
          ? {
              sessionId: uuidv7(),
              family: uuidv7(),
              userId: user.userId,
              email: 'r@example.com',
              name: 'Robin',
              emailVerified: true,
            }
          : undefined,
      membershipOf: async (_userId, workspaceId) =>
        workspaceId === user.workspaceId ? { role: 'editor', permissions: permissionsOf('editor') } : undefined,
    }),
  };
  const service: MountedService<typeof group> = {
    open: async ({ by }) => {
      calls++;
      if (by === 500 && calls % 2 === 1) throw new TypeError('every other time');
      if (by === 13)
        throw new SluiceError('run.finished', 'It is open already.', { advice: 'Close it first.', details: { by } });
      return { level: by, calls };
    },
    find: ({ limit }) => ({ limit }),
    pay: () => ({}),
    lie: () => ({ truth: 42 }) as never,
    slip: () => {
      throw new TypeError('the secret is hunter2');
    },
    refuse: () => ({}),
    old: ({ limit }) => ({ limit }),
  };
  const app = createApp({
    routers: [mount('gates', group, service, deps)],
    metrics: createMetrics(),
    trustProxy: 0,
    https: false,
    unmetered: [],
    isDraining: () => false,
    ...deps,
  });
  server.on('request', app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  base = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await database.close();
});

const gate = uuidv7();
const signedIn = () => ({ authorization: 'Bearer good', 'sluice-workspace': user.workspaceId });
const problem = (code: string, status: number) => ({
  type: `urn:sluice:${code}`,
  title: expect.any(String),
  status,
  code,
  requestId: expect.any(String),
});

test('the input comes from path, query and body, and defaults are filled in', async () => {
  expect(await send(base, 'POST', `/v1/gates/${gate}/open`, { by: 3 }, signedIn())).toMatchObject({
    status: 200,
    body: { level: 3 },
  });
  expect((await send(base, 'GET', '/v1/gates?limit=7', undefined, signedIn())).body).toEqual({ limit: 7 });
  expect((await send(base, 'GET', '/v1/gates', undefined, signedIn())).body).toEqual({ limit: 20 });
});

test('an unknown field, a wrong value and a repeated path name are refused and named', async () => {
  const unknown = await send(base, 'POST', `/v1/gates/${gate}/open`, { by: 3, admin: true }, signedIn());
  expect(unknown.status).toBe(422);
  expect(unknown.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(unknown.body).toMatchObject({ ...problem('request.invalid', 422), title: expect.stringContaining('admin') });
  expect((await send(base, 'POST', '/v1/gates/17/open', { by: 3 }, signedIn())).body).toMatchObject({
    details: { issues: [{ path: 'gateId' }] },
  });
  expect((await send(base, 'POST', `/v1/gates/${gate}/open`, { by: 3, gateId: gate }, signedIn())).status).toBe(422);
  expect((await send(base, 'GET', '/v1/gates?limit=7&limit=8', undefined, signedIn())).status).toBe(422);
});

test('a body that is not JSON, too large or too deep is refused', async () => {
  expect((await send(base, 'POST', `/v1/gates/${gate}/open`, '{"by":', signedIn())).body).toEqual(
    expect.objectContaining(problem('request.invalid', 422)),
  );
  expect(
    (await send(base, 'POST', `/v1/gates/${gate}/open`, `{"by":"${'x'.repeat(1_100_000)}"}`, signedIn())).body,
  ).toMatchObject(problem('request.too_large', 413));
  expect(
    (await send(base, 'POST', `/v1/gates/${gate}/open`, `{"by":${'['.repeat(5_000)}${']'.repeat(5_000)}}`, signedIn()))
      .body,
  ).toMatchObject({ title: expect.stringContaining('deep') });
});

test('nobody, a stranger, a foreign workspace and a missing permission are told apart only as far as they may be', async () => {
  const open = (headers: Record<string, string>) => send(base, 'POST', `/v1/gates/${gate}/open`, { by: 3 }, headers);
  expect((await open({})).body).toMatchObject(problem('access.unauthenticated', 401));
  expect((await open({ ...signedIn(), authorization: 'Bearer bad' })).body).toMatchObject(
    problem('access.unauthenticated', 401),
  );
  expect((await open({ authorization: 'Bearer good' })).body).toMatchObject(problem('request.invalid', 422));
  const foreign = await newWorkspace(database);
  const missing = await open({ ...signedIn(), 'sluice-workspace': uuidv7() });
  const theirs = await open({ ...signedIn(), 'sluice-workspace': foreign.workspaceId });
  expect(missing.body).toMatchObject(problem('workspace.not_found', 404));
  expect({ ...(theirs.body as object), requestId: '' }).toEqual({ ...(missing.body as object), requestId: '' });
  expect((await send(base, 'POST', '/v1/pay', {}, signedIn())).body).toMatchObject(problem('access.denied', 403));
});

test('an error keeps its code, advice and details; a bug shows nothing of itself and is in the log', async () => {
  const refused = await send(base, 'POST', `/v1/gates/${gate}/open`, { by: 13 }, signedIn());
  expect(refused.body).toEqual({
    ...problem('run.finished', 409),
    title: 'It is open already.',
    detail: 'Close it first.',
    details: { by: 13 },
  });
  for (const path of ['/v1/slip', '/v1/lie']) {
    const bug = await send(base, 'GET', path);
    expect(bug.body).toEqual({ ...problem('internal', 500), title: 'Something went wrong on our side.' });
    const { requestId } = bug.body as { requestId: string };
    expect(log.some((line) => line.includes(requestId) && line.includes('"level":"error"'))).toBe(true);
  }
});

test('the same Idempotency-Key gives the first answer again, and never another request’s', async () => {
  const open = (key: string, by: number) =>
    send<{ calls: number }>(base, 'POST', `/v1/gates/${gate}/open`, { by }, { ...signedIn(), 'idempotency-key': key });
  const first = await open('one', 4);
  const again = await open('one', 4);
  expect(again).toMatchObject({ status: 200, body: first.body });
  expect((await open('one', 5)).body).toMatchObject(problem('request.key_reused', 422));
  expect((await open('two', 4)).body.calls).toBe(first.body.calls + 1);
  expect((await open('white space', 4)).body).toMatchObject(problem('request.invalid', 422));
});

test('of many requests with one key at once, one does the work', async () => {
  const before = calls;
  const answers = await Promise.all(
    Array.from({ length: 8 }, () =>
      send(base, 'POST', `/v1/gates/${gate}/open`, { by: 6 }, { ...signedIn(), 'idempotency-key': 'race' }),
    ),
  );
  expect(calls - before).toBe(1);
  expect(answers.every(({ status }) => status === 200 || status === 503)).toBe(true);
});

test('a refused request frees its key', async () => {
  const headers = () => ({ ...signedIn(), 'idempotency-key': 'mended' });
  expect((await send(base, 'POST', `/v1/gates/${gate}/open`, { by: 13 }, headers())).status).toBe(409);
  expect((await send(base, 'POST', `/v1/gates/${gate}/open`, { by: 14 }, headers())).status).toBe(200);
});

test('a request that broke on our side frees its key too', async () => {
  if (calls % 2 === 1) await send(base, 'POST', `/v1/gates/${gate}/open`, { by: 3 }, signedIn());
  const headers = { ...signedIn(), 'idempotency-key': 'broken' };
  const first = await send(base, 'POST', `/v1/gates/${gate}/open`, { by: 500 }, headers);
  expect(first.body).toMatchObject(problem('internal', 500));
  const second = await send(base, 'POST', `/v1/gates/${gate}/open`, { by: 500 }, headers);
  expect(second).toMatchObject({ status: 200, body: { level: 500 } });
  const before = calls;
  expect(await send(base, 'POST', `/v1/gates/${gate}/open`, { by: 500 }, headers)).toMatchObject({ body: second.body });
  expect(calls).toBe(before);
});

test('a call that goes away says so with every answer, of whatever kind', async () => {
  const said = {
    deprecation: '@1795219200',
    sunset: 'Tue, 01 Jun 2027 00:00:00 GMT',
    link: '</v1/docs#gates.find>; rel="deprecation"; type="text/html"',
  };
  const tellOf = async (path: string, headers: Record<string, string>) => {
    const answer = await send(base, 'GET', path, undefined, headers);
    return [answer.status, Object.fromEntries(Object.keys(said).map((name) => [name, answer.headers.get(name)]))];
  };
  expect(await tellOf('/v1/old-gates?limit=7', signedIn())).toEqual([200, said]);
  expect(await tellOf('/v1/old-gates?limt=7', signedIn())).toEqual([422, said]);
  expect(await tellOf('/v1/old-gates', {})).toEqual([401, said]);
  const stays = { deprecation: null, sunset: null, link: null };
  expect(await tellOf('/v1/gates', signedIn())).toEqual([200, stays]);
});

test('a server whose call would go sooner than is promised does not start', () => {
  const mounting = (since: string, until?: string) => () =>
    mount(
      'gates',
      { old: { ...group.old, deprecated: { since, until } } },
      { old: ({ limit }) => ({ limit }) },
      { ...({} as MountDeps), routes: createRoutes() },
    );
  expect(mounting('2026-11-21', '2027-05-20')).toThrow('gates.old');
  expect(mounting('2026-11-21', 'soon')).toThrow('a day that is none');
  expect(mounting('2026-11-21', '2027-05-21')).not.toThrow();
  expect(mounting('2026-11-21')).not.toThrow();
});

test('what answers a GET answers a HEAD, with the same care', async () => {
  const head = (query: string) =>
    fetch(`${base}/v1/gates${query}`, { method: 'HEAD', headers: signedIn() }).then(async (answer) => [
      answer.status,
      await answer.text(),
    ]);
  expect(await head('?limit=7')).toEqual([200, '']);
  expect(await head('?limt=7')).toEqual([422, '']);
});

test('what an API key asks does not use up its address, and what is refused to it does', async () => {
  const limits = createRateLimits({ address: { points: 5, seconds: 600 } });
  const holder = {
    ...user,
    role: 'editor' as const,
    permissions: permissionsOf('editor'),
    apiKey: { id: uuidv7(), name: 'Key', perSecond: 1_000 },
    ...{ sessionId: uuidv7(), family: uuidv7() },
    ...{ email: 'r@example.com', name: 'Robin', emailVerified: true },
  };
  const identities = { sessionOf: async () => undefined, membershipOf: async () => undefined };
  const keyOf = async (key: string) => (key === 'slk_good' ? holder : undefined);
  const routes = createRoutes();
  const deps = {
    ...{ routes, limits, logger: createLogger('error') },
    idempotency: createIdempotency({ db: database.db, clock: { now: () => new Date() } }),
    authenticate: createAuthenticator({ ...identities, keyOf }),
  };
  const app = createApp({
    ...{ ...deps, metrics: createMetrics(), trustProxy: 0, https: false, unmetered: [], isDraining: () => false },
    routers: [mount('gates', { find: group.find }, { find: ({ limit }) => ({ limit }) }, deps)],
  });
  const keyed = createServer(app).listen(0, '127.0.0.1');
  await once(keyed, 'listening');
  const address = keyed.address();
  const at = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  const ask = (key: string) => send(at, 'GET', '/v1/gates', undefined, { authorization: `Bearer ${key}` });
  for (let n = 0; n < 12; n++) {
    const answer = await ask('slk_good');
    expect([answer.status, answer.headers.get('ratelimit-policy')]).toEqual([200, '"key";q=1000;w=1']);
  }
  for (let n = 0; n < 5; n++) expect((await ask('slk_made_up')).status).toBe(401);
  const over = await ask('slk_made_up');
  expect([over.status, over.headers.get('ratelimit-policy')]).toEqual([429, '"address";q=5;w=600']);
  keyed.closeAllConnections();
  keyed.close();
});

test('above its rate a caller is told how long to wait', async () => {
  await send(base, 'GET', '/v1/refuse');
  await send(base, 'GET', '/v1/refuse');
  const over = await send(base, 'GET', '/v1/refuse');
  expect(over.body).toMatchObject(problem('rate.exceeded', 429));
  expect(Number(over.headers.get('retry-after'))).toBeGreaterThan(0);
});

test('an address that does not exist is a problem too, and no answer lets another origin read it', async () => {
  const nowhere = await send(base, 'GET', '/v1/nowhere', undefined, { origin: 'https://evil.example' });
  expect(nowhere.body).toMatchObject(problem('request.not_found', 404));
  expect([...nowhere.headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
  expect(nowhere.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect((await send(base, 'GET', '/v1/%zz')).body).toMatchObject({
    status: expect.toSatisfy((status: number) => status === 404 || status === 422),
  });
});

test('the log has one line per request, with the route’s name and never the address that was asked', async () => {
  const { headers } = await send(base, 'GET', '/v1/gates?limit=33', undefined, signedIn());
  // The line of the request before may still be on its way.
  const lines = () => log.filter((line) => line.includes(headers.get('sluice-request') ?? '-'));
  await expect.poll(lines).toHaveLength(1);
  const [text = '{}'] = lines();
  const line = JSON.parse(text);
  expect(line).toMatchObject({
    route: 'gates.find',
    method: 'GET',
    status: 200,
    workspaceId: user.workspaceId,
    userId: user.userId,
  });
  expect(text).not.toMatch(/limit|Bearer|\/v1/);
});

test('a server with a route outside the registry does not start', () => {
  const stray = mount(
    'again',
    { find: group.find },
    { find: ({ limit }) => ({ limit }) },
    { ...({} as MountDeps), routes: createRoutes() },
  );
  const app = () =>
    createApp({
      routers: [stray],
      routes: createRoutes(),
      limits: createRateLimits(),
      logger: createLogger('error'),
      metrics: createMetrics(),
      trustProxy: 0,
      https: false,
      unmetered: [],
      isDraining: () => false,
    });
  expect(app).toThrow('GET /v1/gates');
});

test('every call of the contract names a permission or why not, and a rate class', () => {
  for (const [name, calls] of Object.entries(cloudApi)) {
    const registry = createRoutes();
    const service = Object.fromEntries(Object.keys(calls).map((verb) => [verb, () => undefined]));
    mount(name, calls as never, service as never, { ...({} as MountDeps), routes: registry });
    expect(registry.list().map((route) => route.name)).toEqual(Object.keys(calls).map((verb) => `${name}.${verb}`));
  }
});
