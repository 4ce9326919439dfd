import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { v7 as newId } from 'uuid';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '#shared/json.ts';
import { type Control, createControlBench, eventsOf, step, treeOf } from '../../tests/fixtures/control.ts';
import { awayFromMidnight } from '../../tests/fixtures/midnight.ts';
import { createAuthenticator } from '../server/authenticate.ts';
import { createRateLimits } from '../server/rateLimits.ts';
import { createRoutes } from '../server/routes.ts';
import { apiRouter } from './apiRouter.ts';
import { createApiTargets } from './apiTargets.ts';
import { formRouter } from './formRouter.ts';
import { createInbox } from './inbox.ts';

let control: Control;
let server: Server;
let draining = false;

beforeAll(async () => {
  control = await createControlBench();
  const deps = { ...control, database: control.db };
  const inbox = createInbox({ ...deps, answerMs: 100_000 });
  const targets = createApiTargets(deps);
  const http = {
    routes: createRoutes(),
    limits: createRateLimits(),
    authenticate: createAuthenticator({ sessionOf: async () => undefined, membershipOf: async () => undefined }),
    idempotency: async () => {
      throw new Error('a route has no such key');
    },
    logger: control.logger,
  };
  const app = express();
  const isDraining = () => draining;
  app.use(apiRouter({ ...deps, targets, inbox, isDraining }, http));
  app.use(formRouter({ ...deps, targets, inbox, isDraining }, http));
  http.routes.checkAll(app);
  server = createServer(app);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});
afterAll(async () => {
  await new Promise<void>((done) => {
    server.close(() => done());
    server.closeAllConnections();
  });
  await control.close();
});

const KEY = '0123456789abcdef';
const ROUTES: Record<string, JsonObject> = {
  get: { path: '/items/:id', params: { properties: { id: { type: 'integer' } } } },
  create: {
    method: 'POST',
    path: 'items',
    auth: 'api_key',
    body: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } },
    cors: { origins: ['https://app.example.com'] },
  },
  send: { method: 'POST', path: 'later', answer: 'at_once', accepts: ['multipart'], files: [{ name: 'file' }] },
};
const FORM: JsonObject = {
  path: 'contact',
  title: 'Write to us',
  fields: [{ name: 'mail', type: 'email', required: true }],
};

async function published(plan: 'free' | 'pro' = 'pro') {
  const tenant = await control.newTenant(plan);
  const { actor, projectId, workspaceId } = tenant;
  const secret = { keys: `shop: ${KEY}` };
  await control.connections.set({ name: 'callers', connector: 'route', secret, hosts: [] }, actor);
  const tree = treeOf(
    projectId,
    {
      get: step('trigger.route', ROUTES.get),
      create: step('trigger.route', ROUTES.create, { connection: 'callers' }),
      send: step('trigger.route', ROUTES.send),
      form: step('trigger.form', FORM),
      answer: step('flow.respond', { status: 200, body: 'hello' }),
    },
    {
      edges: ['get.main->answer.main', 'create.main->answer.main', 'send.main->answer.main', 'form.main->answer.main'],
      connections: { callers: { connector: 'route' } },
    },
  );
  const deployment = await control.publish(actor, tree);
  expect(deployment).toMatchObject({ status: 'active' });
  const { port } = server.address() as AddressInfo;
  const here = (url = '') => `http://127.0.0.1:${port}${new URL(url).pathname}`;
  const urlOf = (stepId: string) => here(deployment.hooks.find((hook) => hook.stepId === stepId)?.url);
  const runs = async () => (await control.runs.list({ projectId, limit: 100 }, actor)).data;
  const inputOf = async (runId: string) => {
    const [row] = await control.ownerSql<{ input: { items: { json: JsonObject; binary?: JsonObject }[] } }>(
      'select input from run where id = $1',
      [runId],
    );
    return row?.input.items[0];
  };
  const openApi = here(`${deployment.hooks[0]?.url}`).replace(/\/v1\/api\/([^/]+\/[^/]+)\/.*$/, '/v1/openapi/$1');
  return { ...tenant, tree, deployment, workspaceId, urlOf, runs, inputOf, openApi };
}

const json = (body: unknown, headers: Record<string, string> = {}) => ({
  method: 'POST',
  body: JSON.stringify(body),
  headers: { 'content-type': 'application/json', ...headers },
});

describe('routes', () => {
  test('a request that fits is a run, and its caller gets what the run answers', async () => {
    const { workspaceId, urlOf, runs, inputOf } = await published();
    const asked = fetch(`${urlOf('get').replace(':id', '7')}?a=1`, { headers: { cookie: 'session=secret' } });
    const agent = await control.newAgent(workspaceId);
    const [assignment] = (await agent.next(1, 60_000)).runs;
    if (!assignment) throw new Error('no run came');
    const headers = { 'X-Total': '1', 'Set-Cookie': 'a=b', 'Content-Security-Policy': 'default-src *' };
    const answer = { type: 'run.answered', stepId: 'answer', status: 201, headers, body: { id: 7 } } as const;
    const events = eventsOf(assignment, { type: 'run.started' }, answer, { type: 'run.ended', status: 'succeeded' });
    await agent.report(assignment, events, true);
    const reply = await asked;
    expect([reply.status, await reply.json()]).toEqual([201, { id: 7 }]);
    expect(reply.headers.get('x-total')).toBe('1');
    expect(reply.headers.get('set-cookie')).toBeNull();
    expect(reply.headers.get('content-security-policy')).toMatch(/^sandbox/);
    const [run] = await runs();
    expect(run).toMatchObject({ trigger: 'route', triggerStepId: 'get' });
    expect(await inputOf(run?.id ?? '')).toMatchObject({
      json: { method: 'GET', path: '/api/items/7', params: { id: 7 }, query: { a: '1' }, caller: null },
    });
    expect(JSON.stringify(await inputOf(run?.id ?? ''))).not.toContain('session=secret');
  });

  test('who may not call and what does not fit is refused before there is a run', async () => {
    const { urlOf, runs, deployment } = await published();
    const url = urlOf('create');
    const key = { 'x-api-key': KEY };
    const codeOf = async (reply: Promise<Response>) => {
      const { status, code } = (await (await reply).json()) as { status: number; code: string };
      return `${status} ${code}`;
    };
    const none = await fetch(url, json({ name: 'x' }));
    expect([none.status, none.headers.get('www-authenticate')]).toEqual([401, 'ApiKey']);
    expect(await codeOf(fetch(url, json({ name: 'x' }, { 'x-api-key': `${KEY}x` })))).toBe('401 route.unauthenticated');
    expect(await codeOf(fetch(url, json({ name: 1 }, key)))).toBe('400 route.input_invalid');
    expect(await codeOf(fetch(url, { ...json('x'), headers: { ...key, 'content-type': 'text/plain' } }))).toBe(
      '415 route.media_unsupported',
    );
    expect(await codeOf(fetch(urlOf('get').replace(':id', 'x')))).toBe('400 route.input_invalid');
    expect(await codeOf(fetch(`${url}/a/b`))).toBe('404 hook.not_found');
    const wrong = await fetch(url, { method: 'PUT' });
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST, OPTIONS']);
    expect(await codeOf(fetch(url.replace(deployment.environmentId, newId()), json({ name: 'x' }, key)))).toBe(
      '404 hook.not_found',
    );
    expect(await codeOf(fetch(url.replace(deployment.environmentId, 'rubbish'), json({ name: 'x' }, key)))).toBe(
      '404 hook.not_found',
    );
    expect(await runs()).toEqual([]);
  });

  test('a page of a listed origin may call, and read refusals; another may not', async () => {
    const { urlOf, runs } = await published();
    const ask = async (origin: string) => {
      const headers = { origin, 'access-control-request-method': 'POST' };
      const reply = await fetch(urlOf('create'), { method: 'OPTIONS', headers });
      return [reply.status, reply.headers.get('access-control-allow-origin')];
    };
    expect(await ask('https://app.example.com')).toEqual([204, 'https://app.example.com']);
    expect(await ask('https://evil.example.com')).toEqual([204, null]);
    const refused = await fetch(urlOf('create'), json({}, { origin: 'https://app.example.com' }));
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([
      401,
      'https://app.example.com',
    ]);
    expect(await runs()).toEqual([]);
  });

  test('at once: 202 with the run, and files by reference', async () => {
    const { urlOf, inputOf, workspaceId } = await published();
    const body = new FormData();
    body.set('file', new File(['bytes'], 'a.txt', { type: 'text/plain' }));
    const reply = await fetch(urlOf('send'), { method: 'POST', body });
    expect(reply.status).toBe(202);
    const { runId } = (await reply.json()) as { runId: string };
    const item = await inputOf(runId);
    expect(item?.binary).toMatchObject({ file: { bytes: 5, mime: 'text/plain', name: 'a.txt' } });
    const { blob } = item?.binary?.file as { blob: string };
    expect(String(await control.blobs.get(workspaceId, blob))).toBe('bytes');
    expect((await fetch(urlOf('send'), { method: 'HEAD' })).status).toBe(405);
  });

  test('the allowance holds, and a server that stops sends callers away for a moment', async () => {
    await awayFromMidnight();
    const { urlOf } = await published('free');
    for (let n = 0; n < 50; n++) expect((await fetch(urlOf('send'), { method: 'POST' })).status).toBe(202);
    const over = await fetch(urlOf('send'), { method: 'POST' });
    expect([over.status, ((await over.json()) as JsonObject).code]).toEqual([429, 'allowance_exceeded']);
    draining = true;
    const away = await fetch(urlOf('send'), { method: 'POST' });
    draining = false;
    expect([away.status, away.headers.get('retry-after')]).toEqual([503, '5']);
  });

  test('the API describes itself, without its keys', async () => {
    const { openApi } = await published();
    const text = await (await fetch(openApi)).text();
    const { paths, servers, components } = JSON.parse(text);
    expect(Object.keys(paths).sort()).toEqual(['/items', '/items/{id}', '/later']);
    expect(servers).toEqual([{ url: new URL(openApi).pathname.replace('/v1/openapi/', '/v1/api/') }]);
    expect(components.securitySchemes).toEqual({
      'key-X-API-Key': { type: 'apiKey', in: 'header', name: 'X-API-Key' },
    });
    expect(text).not.toContain(KEY);
  });

  test('two routes at one address are not published, and it is said which', async () => {
    const { actor, projectId } = await control.newTenant();
    const tree = treeOf(projectId, {
      one: step('trigger.route', { path: 'items/:id' }),
      other: step('trigger.route', { path: 'items/:key' }),
    });
    const { id } = await control.freeze(actor, tree);
    const deployment = await control.deployVersion(actor, projectId, id);
    expect(deployment).toMatchObject({ status: 'failed', error: expect.stringContaining('Two routes listen to GET') });
  });
});

describe('forms', () => {
  test('are shown with whose they are, and what is sent is one run, however often', async () => {
    const { urlOf, runs, inputOf } = await published();
    const url = urlOf('form');
    const shown = await fetch(url);
    const text = await shown.text();
    expect(shown.status).toBe(200);
    expect(shown.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/);
    expect(text).toContain('A form of Project, not of Sluice.');
    const cookie = shown.headers.get('set-cookie') ?? '';
    expect(cookie).toContain(`Path=${new URL(url).pathname};`);
    const token = /name="sluice_token" value="([^"]+)"/.exec(text)?.[1] ?? '';
    const send = (mail: string, sent = token) =>
      fetch(url, {
        method: 'POST',
        body: new URLSearchParams({ sluice_token: sent, mail }),
        headers: { cookie: cookie.split(';')[0] ?? '' },
      });
    expect((await send('nobody')).status).toBe(422);
    expect((await send('ann@example.com', 'x')).status).toBe(403);
    expect(await runs()).toEqual([]);
    const replies = await Promise.all([send('ann@example.com'), send('ann@example.com')]);
    expect(replies.map(({ status }) => status)).toEqual([200, 200]);
    const [run, ...more] = await runs();
    expect(more).toEqual([]);
    expect(run).toMatchObject({ trigger: 'form', triggerStepId: 'form', status: 'queued' });
    expect(await inputOf(run?.id ?? '')).toMatchObject({ json: { mail: 'ann@example.com' } });
  });

  test('a page of one workspace is no page of another', async () => {
    const one = await published();
    const other = await published();
    const url = one.urlOf('form').replace(one.workspaceId, other.workspaceId);
    expect((await fetch(url)).status).toBe(404);
  });
});
