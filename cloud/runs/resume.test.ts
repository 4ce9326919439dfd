import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Assignment } from '#shared/contract/agentApi.ts';
import {
  type Control,
  createControlBench,
  eventsOf,
  step,
  treeOf,
  workflowIdOf,
} from '../../tests/fixtures/control.ts';
import { createAuthenticator } from '../server/authenticate.ts';
import { createRateLimits } from '../server/rateLimits.ts';
import { createRoutes } from '../server/routes.ts';
import { reconcile, resumeDue } from '../worker/reconcile.ts';
import { resumeRouter } from './resumeRouter.ts';
import { resumeToken } from './resumeRun.ts';

let control: Control;
let base = '';
const server = createServer();
beforeAll(async () => {
  control = await createControlBench();
  const http = {
    routes: createRoutes(),
    limits: createRateLimits(),
    authenticate: createAuthenticator({ sessionOf: async () => undefined, membershipOf: async () => undefined }),
    idempotency: async () => {
      throw new Error('a reply has no such key');
    },
    logger: control.logger,
  };
  const app = express();
  app.use(resumeRouter({ ...control, database: control.db }, http));
  server.on('request', app);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/resume`;
});
afterAll(async () => {
  await new Promise<void>((done) => {
    server.close(() => done());
    server.closeAllConnections();
  });
  await control.close();
});

/** A workspace with a published workflow; the test is its runtime. */
async function published() {
  const tenant = await control.newTenant('business');
  const { actor, projectId, workspaceId } = tenant;
  const workflowId = workflowIdOf(projectId);
  const tree = treeOf(projectId, {
    start: step('trigger.manual'),
    work: step('flow.waitFor'),
    told: step('trigger.error'),
  });
  const workflow = tree.workflows[workflowId];
  if (workflow) workflow.settings = { ...workflow.settings, errorWorkflow: workflowId };
  expect(await control.publish(actor, tree)).toMatchObject({ status: 'active' });
  const agent = await control.newAgent(workspaceId);
  const start = () =>
    control.runs.start(
      { projectId, environment: 'production', workflowId, triggerStepId: 'start', items: [{ json: {} }] },
      actor,
    );
  async function take(): Promise<Assignment> {
    const [run] = (await agent.next(1)).runs;
    if (!run) throw new Error('there was no run to take');
    return run;
  }
  async function waiting(how: Record<string, unknown> = { reason: 'webhook_reply' }) {
    await start();
    const run = await take();
    const events = eventsOf(run, { type: 'run.started' }, { type: 'step.attempted' }, { type: 'run.waiting', ...how });
    await agent.report(run, events, true);
    return run;
  }
  const status = async (runId: string) => (await control.runs.get({ runId }, actor)).status;
  const resumed = async (runId: string) =>
    (await control.runs.events({ runId, after: 0 }, actor)).events.filter(({ type }) => type === 'run.resumed');
  const address = (runId: string, of = workspaceId) =>
    `${base}/${of}/${runId}/${resumeToken(control.hookSecret(of), runId)}`;
  const decide = (runId: string, input: object = { approved: true }) =>
    control.runs.resume({ runId, stepId: 'work', iteration: 0, input: input as never }, actor);
  return { ...tenant, agent, start, take, waiting, status, resumed, address, decide };
}

const answer = (url: string, init: RequestInit = {}) =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer canary', 'x-from': 'there' },
    body: '{"ok":true}',
    ...init,
  });

test('a reply goes into the journal without what proves who sent it, and the run is taken up with it', async () => {
  const { waiting, address, resumed, take, status } = await published();
  const { runId } = await waiting();
  expect(await status(runId)).toBe('waiting');
  const reply = await answer(`${address(runId)}?n=1`);
  expect([reply.status, await reply.json()]).toEqual([202, { runId }]);
  expect(await resumed(runId)).toMatchObject([
    {
      stepId: 'work',
      by: 'webhook',
      input: { method: 'POST', query: { n: '1' }, body: { ok: true }, headers: { 'x-from': 'there' } },
    },
  ]);
  expect(JSON.stringify(await resumed(runId))).not.toContain('canary');
  expect(await take()).toMatchObject({ runId, events: { length: 4 } });
});

test('looking at the address answers nothing: it shows a page with a button, which does', async () => {
  const { waiting, address, resumed, decide } = await published();
  const { runId } = await waiting({ reason: 'webhook_reply', details: { message: 'Is <b>this</b> right?' } });
  const page = await fetch(address(runId));
  expect(page.headers.get('content-type')).toContain('text/html');
  expect(page.headers.get('cache-control')).toBe('no-store');
  expect(await page.text()).toContain('Is &lt;b&gt;this&lt;/b&gt; right?');
  expect(await fetch(address(runId), { method: 'HEAD' })).toMatchObject({ status: 200 });
  expect(await resumed(runId)).toEqual([]);
  const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'text/html' };
  const pressed = await answer(address(runId), { headers, body: 'comment=yes&answer=yes' });
  expect([pressed.status, await pressed.text()]).toEqual([202, expect.stringContaining('Thank you')]);
  expect(await resumed(runId)).toMatchObject([{ input: { body: { comment: 'yes', answer: 'yes' } } }]);
  expect(await (await fetch(address(runId))).text()).toContain('Nothing waits here');
  await expect(decide(runId)).rejects.toMatchObject({ code: 'run.not_waiting' });
});

test('a wrong token, another run’s and another workspace’s all answer as a run that is not there', async () => {
  const one = await published();
  const two = await published();
  const { runId } = await one.waiting();
  const other = await one.waiting();
  const missing = '0199f2c4-6a02-7c11-8b7e-00000000dead';
  const wrong = [
    `${base}/${one.workspaceId}/${runId}/${'x'.repeat(43)}`,
    one.address(other.runId).replace(other.runId, runId),
    two.address(runId, two.workspaceId),
    one.address(missing),
    `${base}/no/no/no`,
  ];
  const answers = [];
  for (const url of wrong) {
    for (const method of ['GET', 'POST']) {
      const reply = await answer(url, method === 'GET' ? { method, body: null } : {});
      const { requestId: _, ...body } = (await reply.json()) as Record<string, unknown>;
      answers.push(body);
    }
  }
  expect(new Set(answers.map((one) => JSON.stringify(one))).size).toBe(1);
  expect(answers[0]).toMatchObject({ status: 404, code: 'run.not_found' });
  expect(await one.resumed(runId)).toEqual([]);
  expect((await answer(one.address(runId))).status).toBe(202);
});

test('an answer that comes before the run has let go is kept, and ends the wait when it does', async () => {
  const { start, take, agent, address, resumed, status, decide } = await published();
  const { id } = await start();
  const run = await take();
  expect((await answer(address(id))).status).toBe(202);
  await agent.report(run, eventsOf(run, { type: 'run.started' }));
  expect(await resumed(id)).toEqual([]);
  const waits = eventsOf(
    run,
    { type: 'run.started' },
    { type: 'run.waiting', reason: 'webhook_reply' },
    { type: 'run.waiting', reason: 'approval', stepId: 'ask' },
  ).slice(1);
  await agent.report(run, waits);
  const ask = { runId: id, stepId: 'ask', iteration: 0, input: { approved: true } };
  const actor = control.actorOf(run.projectId, run.projectId);
  await expect(async () => control.runs.resume(ask, actor)).rejects.toMatchObject({ code: 'run.not_found' });
  await expect(decide(id)).rejects.toMatchObject({ code: 'run.not_waiting' });
  await agent.report(run, [], true);
  expect(await status(id)).toBe('running');
  expect(await resumed(id)).toMatchObject([{ stepId: 'work', seq: 4, input: { body: { ok: true } } }]);
  expect(await take()).toMatchObject({ runId: id, events: { length: 4 } });
});

test('of two who decide while a runtime holds the run, one is the first', async () => {
  const { start, take, agent, resumed, decide } = await published();
  const { id } = await start();
  const run = await take();
  await agent.report(run, eventsOf(run, { type: 'run.started' }, { type: 'run.waiting', reason: 'approval' }));
  const outcomes = await Promise.allSettled([decide(id), decide(id, { approved: false }), decide(id)]);
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const one of outcomes) {
    if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'run.not_waiting' });
  }
  await agent.report(run, [], true);
  expect(await resumed(id)).toHaveLength(1);
});

test('a run that waits is cancelled at once, and nobody answers it any more', async () => {
  const { waiting, address, status, decide, actor } = await published();
  const { runId } = await waiting({ reason: 'approval' });
  await control.runs.cancel({ runId }, actor);
  expect(await status(runId)).toBe('cancelled');
  await expect(decide(runId)).rejects.toMatchObject({ code: 'run.not_waiting' });
  expect((await answer(address(runId))).status).toBe(409);
});

test('whoever cancels or answers in the moment a run goes to sleep is heard', async () => {
  const { start, take, agent, status, decide, actor } = await published();
  for (let round = 0; round < 15; round++) {
    const { id } = await start();
    const run = await take();
    const waits = eventsOf(run, { type: 'run.started' }, { type: 'run.waiting', reason: 'approval' });
    await agent.report(run, waits);
    const other = round % 2 === 0 ? control.runs.cancel({ runId: id }, actor) : decide(id);
    await Promise.all([agent.report(run, [], true), other]);
    expect(await status(id)).toBe(round % 2 === 0 ? 'cancelled' : 'running');
    const { runs } = await agent.next(10);
    expect(runs.map(({ runId }) => runId)).toEqual(round % 2 === 0 ? [] : [id]);
    for (const one of runs) await agent.report(one, eventsOf(one, { type: 'run.ended' }), true);
  }
});

test('a wait with a time is over when it has come, and an answer after that is too late', async () => {
  const { waiting, take, agent, decide } = await published();
  const { runId } = await waiting({ reason: 'approval', until: new Date(Date.now() - 1_000).toISOString() });
  expect(await resumeDue({ database: control.db, wake: () => undefined })).toBeGreaterThan(0);
  const run = await take();
  expect(run.runId).toBe(runId);
  await agent.report(run, eventsOf(run, { type: 'run.resumed', by: 'timer' }));
  await expect(decide(runId)).rejects.toMatchObject({ code: 'run.not_waiting' });
});

test('a run that took too many runtimes down is told to its error workflow, once', async () => {
  const { start, take, actor } = await published();
  const { id } = await start();
  await take();
  await control.ownerSql(
    `update run_claim set recoveries = 20, lease_until = now() - interval '1 s' where run_id = $1`,
    [id],
  );
  for (let n = 0; n < 2; n++) await reconcile({ ...control, database: control.db, wake: () => undefined });
  const { data } = await control.runs.list({ limit: 10 }, actor);
  expect(data.map(({ trigger, status }) => `${trigger} ${status}`)).toEqual(['error queued', 'manual failed']);
});

test('a thousand runs that wait hold no connection and no lease, and the one that is due wakes', async () => {
  const { start, agent, workspaceId, projectId } = await published();
  const N = 1_000;
  const asleep = (run: Assignment) =>
    eventsOf(run, { type: 'run.started' }, { type: 'run.waiting', until: '2030-01-01T00:00:00.000Z' });
  for (let batch = 0; batch < N / 50; batch++) {
    await Promise.all(Array.from({ length: 50 }, start));
    // As many at once as the plan allows, until none is left.
    for (let held = (await agent.next(50)).runs; held.length > 0; held = (await agent.next(50)).runs) {
      await Promise.all(held.map((run) => agent.report(run, asleep(run), true)));
    }
  }
  const claims = await control.ownerSql<{ n: number }>(
    `select count(*)::int as n from run_claim where workspace_id = $1 and status = 'waiting' and owner is null and lease_until is null`,
    [workspaceId],
  );
  expect(claims).toEqual([{ n: N }]);
  const busy = `select count(*)::int as n from pg_stat_activity
    where usename like 'sluice\\_%' and state <> 'idle' and datname = current_database() and pid <> pg_backend_pid()`;
  await expect.poll(() => control.ownerSql(busy)).toEqual([{ n: 0 }]);
  expect(await resumeDue({ database: control.db, wake: () => undefined })).toBe(0);
  await control.ownerSql(
    `update run_claim set due_at = now() where (workspace_id, run_id) in (
       select workspace_id, run_id from run_claim where workspace_id = $1 limit 1)`,
    [workspaceId],
  );
  expect(await resumeDue({ database: control.db, wake: () => undefined })).toBe(1);
  expect((await agent.next(50)).runs).toMatchObject([{ projectId }]);
}, 300_000);
