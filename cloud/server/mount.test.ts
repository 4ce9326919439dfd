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
  log.length = 0;
  await send(base, 'GET', '/v1/gates?limit=33', undefined, signedIn());
  await expect.poll(() => log.length).toBe(1);
  const line = JSON.parse(log[0] ?? '{}');
  expect(line).toMatchObject({
    route: 'gates.find',
    method: 'GET',
    status: 200,
    workspaceId: user.workspaceId,
    userId: user.userId,
  });
  expect(log[0]).not.toMatch(/limit|Bearer|\/v1/);
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
