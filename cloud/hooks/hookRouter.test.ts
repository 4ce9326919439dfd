import { createHmac } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { v7 as newId } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JsonObject } from '#shared/json.ts';
import type { Settings } from '#shared/workflow/tree.ts';
import { type Control, createControlBench, eventsOf, step, treeOf } from '../../tests/fixtures/control.ts';
import { awayFromMidnight } from '../../tests/fixtures/midnight.ts';
import { createAuthenticator } from '../server/authenticate.ts';
import { createRateLimits } from '../server/rateLimits.ts';
import { createRoutes } from '../server/routes.ts';
import { hookRouter } from './hookRouter.ts';
import { createHookService } from './hookService.ts';
import { createHookTargets } from './hookTargets.ts';
import { createInbox } from './inbox.ts';

let control: Control;
let server: Server;
let draining = false;
/** No caller is let go before its answer has come, however slow the machine is. */
const ANSWER_MS = 100_000;
let hasty: Server;

beforeAll(async () => {
  control = await createControlBench();
  const deps = { ...control, database: control.db };
  const targets = createHookTargets(deps);
  const http = {
    limits: createRateLimits(),
    authenticate: createAuthenticator({ sessionOf: async () => undefined, membershipOf: async () => undefined }),
    idempotency: async () => {
      throw new Error('a webhook has no such key');
    },
    logger: control.logger,
  };
  const serve = async (answerMs: number) => {
    const inbox = createInbox({ ...deps, answerMs });
    const hooks = createHookService({ ...deps, targets, inbox });
    const app = express();
    const own = { ...http, routes: createRoutes() };
    app.use(hookRouter({ targets, hooks, inbox, blobs: control.blobs, isDraining: () => draining }, own));
    const made = createServer(app);
    await new Promise<void>((done) => made.listen(0, '127.0.0.1', done));
    return made;
  };
  server = await serve(ANSWER_MS);
  hasty = await serve(300);
});
afterAll(async () => {
  for (const one of [server, hasty]) {
    await new Promise<void>((done) => {
      one.close(() => done());
      one.closeAllConnections();
    });
  }
  await control.close();
});

const SECRET = 'a shared secret';

async function webhook(config: JsonObject = {}, plan: 'free' | 'pro' = 'pro', settings: Partial<Settings> = {}) {
  const tenant = await control.newTenant(plan);
  const { actor, projectId } = tenant;
  const secret = { secret: SECRET, header: 'x-token' };
  await control.connections.set({ name: 'sender', connector: 'webhook', secret, hosts: [] }, actor);
  const tree = treeOf(
    projectId,
    {
      hook: step('trigger.webhook', { path: 'in', verify: 'github', ...config }, { connection: 'sender' }),
      work: step('items.set', { fields: { n: 1 } }, { mode: 'each' }),
      answer: step('flow.respond', { status: 200, body: 'hello' }),
    },
    { edges: ['hook.main->work.main', 'work.main->answer.main'], connections: { sender: { connector: 'webhook' } } },
  );
  for (const workflow of Object.values(tree.workflows)) workflow.settings = { ...workflow.settings, ...settings };
  const deployment = await control.publish(actor, tree);
  expect(deployment).toMatchObject({ status: 'active' });
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}${new URL(deployment.hooks[0]?.url ?? '').pathname}`;
  const runs = async () => (await control.runs.list({ projectId, limit: 100 }, actor)).data;
  return { ...tenant, tree, deployment, url, runs };
}

function signed(body: string, id: string = newId(), secret = SECRET) {
  const signature = createHmac('sha256', secret).update(body).digest('hex');
  const headers = {
    'content-type': 'application/json',
    'x-hub-signature-256': `sha256=${signature}`,
    'x-github-delivery': id,
  };
  return { method: 'POST', body, headers };
}

async function send(url: string, init: RequestInit) {
  const response = await fetch(url, init);
  const text = await response.text();
  const json = response.headers.get('content-type')?.includes('json') ?? false;
  return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : text };
}

test('a signed delivery is a run before it is answered', async () => {
  const { url, runs } = await webhook();
  const body = JSON.stringify({ action: 'opened', text: 'nul \u0000 and ü' });
  const answer = await send(url, signed(body, 'd-1'));
  expect(answer.status).toBe(202);
  const [run] = await runs();
  expect(run).toMatchObject({ id: answer.body.runId, trigger: 'webhook', triggerStepId: 'hook', status: 'queued' });
  const [row] = await control.ownerSql<{ input: { items: { json: JsonObject }[] } }>(
    'select input from run where id = $1',
    [answer.body.runId],
  );
  expect(row?.input.items[0]?.json).toMatchObject({
    method: 'POST',
    path: '/hooks/in',
    deliveryId: 'd-1',
    body: JSON.parse(body),
  });
});

test('forged, altered and unsigned deliveries are refused, and nothing comes of them', async () => {
  const { url, runs } = await webhook();
  const body = JSON.stringify({ n: 1 });
  const good = signed(body);
  const wrong = [
    signed(body, newId(), 'another secret'),
    { ...good, body: `${body} ` },
    { ...good, headers: { ...good.headers, 'x-hub-signature-256': '' } },
    { ...good, headers: { 'content-type': 'application/json' } },
  ];
  for (const init of wrong)
    expect(await send(url, init)).toMatchObject({ status: 401, body: { code: 'hook.signature_invalid' } });
  expect(await runs()).toEqual([]);
});

test('a delivery whose signed time is old is refused as stale', async () => {
  const { url, runs } = await webhook({ verify: 'sluice' });
  const at = Math.floor(Date.now() / 1_000) - 3_600;
  const signature = createHmac('sha256', SECRET).update(`${at}.{}`).digest('hex');
  const headers = {
    'content-type': 'application/json',
    'sluice-timestamp': String(at),
    'sluice-signature': `v1=${signature}`,
    'sluice-id': 'x',
  };
  expect(await send(url, { method: 'POST', body: '{}', headers })).toMatchObject({
    status: 401,
    body: { code: 'hook.stale' },
  });
  expect(await runs()).toEqual([]);
});

test('a repeated delivery gets the first answer and starts nothing, also when both come at once', async () => {
  const { url, runs } = await webhook();
  const body = JSON.stringify({ n: 1 });
  const answers = await Promise.all([1, 2, 3, 4].map(() => send(url, signed(body, 'same'))));
  expect(new Set(answers.map((answer) => answer.body.runId)).size).toBe(1);
  expect(answers.filter(({ headers }) => headers.get('sluice-repeated') === 'true')).toHaveLength(3);
  expect(answers.every(({ status }) => status === 202)).toBe(true);
  expect(await runs()).toHaveLength(1);
});

test('a repeated delivery is answered although the allowance is used up', async () => {
  await awayFromMidnight();
  const { url, runs, workspaceId } = await webhook({}, 'free');
  for (let i = 0; i < 50; i++) expect((await send(url, signed('{}', `d-${i}`))).status).toBe(202);
  const refused = await send(url, signed('{}', 'd-50'));
  expect(refused).toMatchObject({
    status: 429,
    body: { code: 'allowance_exceeded', details: { limit: 50, used: 50 }, detail: expect.stringContaining('plan') },
  });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await send(url, signed('{}', 'd-7'))).toMatchObject({ status: 202 });
  expect(await runs()).toHaveLength(50);
  // What was refused left nothing behind: after an upgrade the same delivery is taken.
  await control.ownerSql(`update workspace set plan = 'pro' where id = $1`, [workspaceId]);
  const taken = await send(url, signed('{}', 'd-50'));
  expect(taken.status).toBe(202);
  expect(taken.headers.get('sluice-repeated')).toBeNull();
});

test('above a thousand waiting runs a delivery is told to come later', async () => {
  const { url, workspaceId } = await webhook();
  const first = await send(url, signed('{}'));
  await control.ownerSql(
    `with more as (
       insert into run (workspace_id, id, project_id, workflow_id, workflow_name, version_id, environment, trigger,
                        trigger_step_id, input, priority)
       select workspace_id, gen_random_uuid(), project_id, workflow_id, workflow_name, version_id, environment, trigger,
              trigger_step_id, input, priority from run, generate_series(1, 999) where id = $2 returning id)
     insert into run_claim (workspace_id, run_id, priority) select $1, id, 3 from more`,
    [workspaceId, first.body.runId],
  );
  const answer = await send(url, signed('{}'));
  expect(answer).toMatchObject({ status: 429, body: { code: 'queue.full' } });
  expect(answer.headers.get('retry-after')).toBe('30');
});

test('unknown addresses, wrong methods, large and broken bodies each get their own answer', async () => {
  const { url, runs } = await webhook({ maxBytes: 100 });
  const wrongKey = url.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
  expect(await send(wrongKey, signed('{}'))).toMatchObject({ status: 404, body: { code: 'hook.not_found' } });
  const get = await send(url, { method: 'GET' });
  expect(get).toMatchObject({ status: 405, body: { code: 'hook.method_not_allowed' } });
  expect(get.headers.get('allow')).toBe('POST');
  expect(await send(url, signed(JSON.stringify('x'.repeat(200))))).toMatchObject({ status: 413 });
  const chunked = new ReadableStream({
    start(to) {
      for (let i = 0; i < 50; i++) to.enqueue(new TextEncoder().encode('xxxxxxxxxx'));
      to.close();
    },
  });
  const streamed = { method: 'POST', body: chunked, duplex: 'half' } as RequestInit;
  expect(await send(url, streamed)).toMatchObject({ status: 413 });
  expect(await send(url, signed('{"a":'))).toMatchObject({ status: 400, body: { code: 'hook.body_invalid' } });
  expect(await runs()).toEqual([]);
});

test('bytes that are neither JSON nor text become a blob of the workspace', async () => {
  const { url, workspaceId } = await webhook({ verify: 'none' });
  const bytes = Buffer.from([0, 255, 1, 254]);
  const init = { method: 'POST', body: bytes, headers: { 'content-type': 'image/png' } };
  const { body } = await send(url, init);
  const [row] = await control.ownerSql<{ input: { items: { binary: { body: { blob: string } } }[] } }>(
    'select input from run where id = $1',
    [body.runId],
  );
  const blob = row?.input.items[0]?.binary.body.blob ?? '';
  expect(await control.blobs.get(workspaceId, blob)).toEqual(bytes);
});

test('a caller is held until a step answers, and a repeat gets that answer again', async () => {
  const { url, workspaceId } = await webhook({ answer: 'respond' });
  const agent = await control.newAgent(workspaceId);
  const held = send(url, signed('{}', 'held'));
  const [assignment] = (await agent.next(1, 60_000)).runs;
  if (!assignment) throw new Error('no run came');
  expect(assignment.connections).toMatchObject({ sender: { connector: 'webhook', secret: { secret: SECRET } } });
  const headers = { 'x-made-by': 'a step', 'set-cookie': 'stolen=1' };
  const answer = { type: 'run.answered', status: 201, headers, body: { hello: 'world' } } as const;
  await agent.report(assignment, eventsOf(assignment, { type: 'run.started' }, answer));
  const got = await held;
  expect(got).toMatchObject({ status: 201, body: { hello: 'world' } });
  expect(got.headers.get('x-made-by')).toBe('a step');
  expect(got.headers.get('set-cookie')).toBeNull();
  expect(got.headers.get('content-security-policy')).toContain('sandbox');
  const repeat = await send(url, signed('{}', 'held'));
  expect(repeat).toMatchObject({ status: 201, body: { hello: 'world' } });
  expect(repeat.headers.get('sluice-repeated')).toBe('true');
});

test('the answer of a run of another workspace is not taken for this one’s, although its id is the same', async () => {
  const { url, workspaceId } = await webhook({ answer: 'respond' });
  const { workspaceId: foreign } = await control.newTenant();
  const agent = await control.newAgent(workspaceId);
  const held = send(url, signed('{}', 'foreign'));
  const [assignment] = (await agent.next(1, 60_000)).runs;
  if (!assignment) throw new Error('no run came');
  const { runId } = assignment;
  const theirs = { status: 200, body: { theirs: true } };
  control.signals.publish({ kind: 'answer', workspaceId: foreign, runId, answer: theirs });
  const answer = { type: 'run.answered', status: 201, body: { ours: true } } as const;
  await agent.report(assignment, eventsOf(assignment, { type: 'run.started' }, answer));
  expect(await held).toMatchObject({ status: 201, body: { ours: true } });
});

test('a run that ends without an answer gives 200 or 500, and one that takes too long 202', async () => {
  const { url, workspaceId } = await webhook({ answer: 'respond' });
  const agent = await control.newAgent(workspaceId);
  for (const [status, expected] of [
    ['succeeded', 200],
    ['failed', 500],
  ] as const) {
    const held = send(url, signed('{}'));
    const [assignment] = (await agent.next(1, 60_000)).runs;
    if (!assignment) throw new Error('no run came');
    await agent.report(assignment, eventsOf(assignment, { type: 'run.started' }, { type: 'run.ended', status }), true);
    expect(await held).toMatchObject({ status: expected, body: { runId: assignment.runId } });
  }
  const impatient = new URL(url);
  impatient.port = String((hasty.address() as AddressInfo).port);
  const late = await send(String(impatient), signed('{}', 'late'));
  expect(late.status).toBe(202);
  expect(await send(String(impatient), signed('{}', 'late'))).toMatchObject({
    status: 202,
    body: { runId: late.body.runId },
  });
});

test('nothing is taken after the deployment was stopped, nor while the server drains', async () => {
  const { url, actor, projectId, deployment } = await webhook();
  draining = true;
  const refused = await send(url, signed('{}'));
  draining = false;
  expect(refused).toMatchObject({ status: 503, body: { code: 'hook.unavailable' } });
  expect(refused.headers.get('retry-after')).toBe('5');
  expect((await send(url, signed('{}'))).status).toBe(202);
  await control.deployments.stop({ projectId, deploymentId: deployment.id }, actor);
  expect(await send(url, signed('{}'))).toMatchObject({ status: 404 });
});

test('while versions change, every delivery is taken by one of them, at the same address', async () => {
  const { url, actor, projectId, tree, deployment, runs } = await webhook();
  const second = await control.publish(actor, { ...tree, scripts: { 'a.ts': 'export {};\n' } });
  expect(second.hooks).toEqual(deployment.hooks);
  const sending = (async () => {
    const statuses: number[] = [];
    for (let i = 0; i < 30; i++) statuses.push((await send(url, signed('{}'))).status);
    return statuses;
  })();
  await control.deployVersion(actor, projectId, deployment.versionId);
  await control.deployVersion(actor, projectId, second.versionId);
  expect(new Set(await sending)).toEqual(new Set([202]));
  expect(await runs()).toHaveLength(30);
});

test('what is above a workflow’s rate is refused with the time to wait, and stands nowhere', async () => {
  const { url, runs } = await webhook({}, 'pro', { rate: { count: 2, perMs: 3_600_000, key: '=$json.body.customer' } });
  const body = JSON.stringify({ customer: 'ada' });
  const answers = await Promise.all(Array.from({ length: 6 }, (_, n) => send(url, signed(body, `r-${n}`))));
  expect(answers.map(({ status }) => status).sort()).toEqual([202, 202, 429, 429, 429, 429]);
  const refused = answers.find(({ status }) => status === 429);
  expect(refused?.body).toMatchObject({ code: 'run.rate_exceeded' });
  expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(3_000);
  expect(await runs()).toHaveLength(2);
  expect((await send(url, signed(JSON.stringify({ customer: 'bob' })))).status).toBe(202);
});

test('a second delivery while a singleton is at work is refused, and may be sent again after it', async () => {
  const { url, workspaceId } = await webhook({}, 'pro', { singleton: { mode: 'skip' } });
  expect((await send(url, signed('{}', 's-1'))).status).toBe(202);
  const refused = await send(url, signed('{}', 's-2'));
  expect(refused).toMatchObject({ status: 409, body: { code: 'run.singleton' } });
  expect((await send(url, signed('{}', 's-1'))).headers.get('sluice-repeated')).toBe('true');
  const agent = await control.newAgent(workspaceId);
  const [run] = (await agent.next()).runs;
  if (run) await agent.report(run, eventsOf(run, { type: 'run.started' }, { type: 'run.ended' }), true);
  expect((await send(url, signed('{}', 's-2'))).status).toBe(202);
});

test('another delivery with the same idempotency key gets the first one’s answer, before and after it is known', async () => {
  const idempotency = { key: '=$json.body.order', windowMs: 3_600_000 };
  const { url, runs, workspaceId } = await webhook({ answer: 'respond' }, 'pro', { idempotency });
  const body = JSON.stringify({ order: 7 });
  const first = send(url, signed(body, 'i-1'));
  const agent = await control.newAgent(workspaceId);
  let run = (await agent.next(1, 1_000)).runs[0];
  while (!run) run = (await agent.next(1, 1_000)).runs[0];
  const meanwhile = send(url, signed(body, 'i-2'));
  while ((await deliveries(run.runId)).length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
  await agent.report(
    run,
    eventsOf(run, { type: 'run.started' }, { type: 'run.answered', status: 201, body: 'made' }, { type: 'run.ended' }),
    true,
  );
  const late = await send(url, signed(body, 'i-3'));
  for (const one of [await first, await meanwhile, late]) expect(one).toMatchObject({ status: 201, body: 'made' });
  expect(late.headers.get('sluice-repeated')).toBe('true');
  expect((await send(url, signed(body, 'i-2'))).status).toBe(201);
  expect(await runs()).toHaveLength(1);
});

const deliveries = (runId: string) =>
  control.ownerSql('select delivery_id from hook_delivery where run_id = $1', [runId]);
