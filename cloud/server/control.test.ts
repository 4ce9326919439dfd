import { createHash } from 'node:crypto';
import { v7 as newId } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { Assignment } from '#shared/contract/agentApi.ts';
import type { Deployment, EnvironmentRecord, RunSummary, Version } from '#shared/contract/cloud/common.ts';
import { commitOf } from '#shared/merge/ops.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { type Person, send, startTestCloud, type TestCloud } from '../../tests/fixtures/cloud.ts';
import { eventsOf, RUNTIME_HASH, step, treeOf, workflowIdOf } from '../../tests/fixtures/control.ts';
import { controlWithoutContainers } from '../../tests/fixtures/noContainers.ts';
import { identityCapabilities } from './capabilities.ts';

/** The whole of it over HTTP and WebSocket; the test is the runtime, so nothing is started. */
let cloud: TestCloud;
let robin: Person;
let stopped = false;
const boots = new Map<string, { workspaceId: string; containerId: string; bootId: string }>();

beforeAll(async () => {
  cloud = await startTestCloud({}, async (platform) => [
    ...(await identityCapabilities(platform)),
    await controlWithoutContainers(platform, async ({ bootSecret }) => {
      const boot = boots.get(bootSecret);
      if (!boot) throw new Error('no such boot');
      return boot;
    }),
  ]);
  robin = await cloud.newPerson();
});
afterAll(async () => {
  if (!stopped) await cloud.stop();
});

async function pushed(person: Person, tree: Tree): Promise<number> {
  const projectId = tree.project.id;
  await person.call('POST', '/v1/projects', { id: projectId, name: 'Project' });
  const head = await person.call<{ revision: number; tree: Tree }>('GET', `/v1/projects/${projectId}/head`);
  const about = { commitId: newId(), deviceId: newId(), baseRevision: head.body.revision, origin: 'canvas' as const };
  const commit = commitOf(head.body.tree, tree, about);
  const answer = await person.call<{ revision: number }>('POST', `/v1/projects/${projectId}/commits`, { commit });
  expect(answer.status).toBe(200);
  return answer.body.revision;
}

async function published(person: Person, tree: Tree): Promise<Deployment> {
  const projectId = tree.project.id;
  const at = `/v1/projects/${projectId}`;
  const expectedRevision = await pushed(person, tree);
  const version = await person.call<Version>('POST', `${at}/versions`, { expectedRevision });
  expect(version.status).toBe(200);
  const environments = await person.call<EnvironmentRecord[]>('GET', `${at}/environments`);
  const body = { environmentId: environments.body[0]?.id, versionId: version.body.id };
  const asked = await person.call<Deployment>('POST', `${at}/deployments`, body);
  expect(asked.body).toMatchObject({ status: 'queued' });
  for (;;) {
    const { body: now } = await person.call<Deployment>('GET', `${at}/deployments/${asked.body.id}`);
    if (!['queued', 'validating', 'provisioning'].includes(now.status)) return now;
  }
}

async function agentOf(workspaceId: string) {
  const boot = { workspaceId, containerId: newId(), bootId: newId() };
  const { ownerSql } = cloud.database;
  await ownerSql(
    `insert into tenant_container (workspace_id, id, ram_mb, cpu, storage_mb, updated_at) values ($1, $2, 1, 1, 1, now())`,
    [workspaceId, boot.containerId],
  );
  await ownerSql(
    `insert into container_boot (workspace_id, id, container_id, boot_secret_hash) values ($1, $2, $3, 'x')`,
    [workspaceId, boot.bootId, boot.containerId],
  );
  const bootSecret = newId();
  boots.set(bootSecret, boot);
  const hello = { protocol: 1, bootSecret, runtimeHash: RUNTIME_HASH, node: '24.21.0' };
  const { body } = await send<{ token: string; limits: object }>(cloud.agentUrl, 'POST', '/agent/v1/hello', hello);
  const authorization = `Bearer ${body.token}`;
  return {
    ...body,
    authorization,
    call: <T>(path: string, input: unknown) =>
      send<T>(cloud.agentUrl, 'POST', `/agent/v1/${path}`, input, { authorization }),
  };
}

const hookTree = (projectId: string) =>
  treeOf(
    projectId,
    {
      hook: step('trigger.webhook', { path: 'in', answer: 'respond' }),
      work: step('flow.respond', { status: 200, body: 'x' }),
    },
    { edges: ['hook.main->work.main'] },
  );

test('draw, publish, call, execute, answer: the whole way over the wire', async () => {
  const projectId = newId();
  const deployment = await published(robin, hookTree(projectId));
  expect(deployment).toMatchObject({ status: 'active', hooks: [{ stepId: 'hook' }] });
  const url = deployment.hooks[0]?.url ?? '';
  expect(url.startsWith(cloud.url)).toBe(true);
  const agent = await agentOf(robin.workspaceId);
  expect(agent.limits).toMatchObject({ runsAtOnce: 1, runTimeoutMs: 300_000 });

  const socket = new WebSocket(`${cloud.url.replace('http', 'ws')}/v1/feed`);
  const told: { type: string; run?: RunSummary }[] = [];
  const ended = new Promise<void>((done) => {
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as (typeof told)[number];
      told.push(message);
      if (message.type === 'ready') socket.send(JSON.stringify({ type: 'watch', projectId }));
      if (message.run?.status === 'succeeded') done();
    });
  });
  await new Promise((done) => socket.once('open', done));
  socket.send(JSON.stringify({ type: 'hello', accessToken: robin.accessToken, workspaceId: robin.workspaceId }));

  const next = agent.call<{ runs: Assignment[] }>('next', { free: 1, have: [], waitMs: 20_000 });
  const called = fetch(`${url}?q=1`, {
    method: 'POST',
    body: '{"n":1}',
    headers: { 'content-type': 'application/json' },
  });
  const [assignment] = (await next).body.runs;
  if (!assignment) throw new Error('no run came');
  expect(assignment.input[0]?.json).toMatchObject({ body: { n: 1 }, query: { q: '1' }, path: '/hooks/in' });
  const events = eventsOf(
    assignment,
    { type: 'run.started' },
    { type: 'run.answered', status: 203, body: { ok: true } },
    { type: 'run.ended' },
  );
  const { runId, fence } = assignment;
  const report = { runId, fence, events, done: true };
  expect(await agent.call('report', report)).toMatchObject({ status: 200, body: { ack: 3 } });
  const answer = await called;
  expect([answer.status, await answer.json()]).toEqual([203, { ok: true }]);
  await ended;
  socket.terminate();
  const listed = await robin.call<{ data: RunSummary[] }>('GET', `/v1/runs?projectId=${projectId}`);
  expect(listed.body.data).toMatchObject([{ id: runId, status: 'succeeded', trigger: 'webhook' }]);
  const journal = await robin.call<{ events: unknown[] }>('GET', `/v1/runs/${runId}/events`);
  expect(journal.body.events).toEqual(events);
  expect(cloud.log.join('\n')).not.toContain(url.split('/').at(-1));
});

test('a container stores and fetches blobs by hash, and no other workspace does', async () => {
  const person = await cloud.newPerson('Kim');
  const agent = await agentOf(person.workspaceId);
  const bytes = Buffer.from('some bytes');
  const hash = createHash('sha256').update(bytes).digest('hex');
  const put = (of: string, body: Buffer, authorization: string) =>
    fetch(`${cloud.agentUrl}/agent/v1/blobs/${of}`, {
      method: 'PUT',
      body: new Uint8Array(body),
      headers: { authorization },
    });
  expect((await put(hash, bytes, agent.authorization)).status).toBe(200);
  expect((await put(hash, Buffer.from('others'), agent.authorization)).status).toBe(422);
  const get = (authorization: string) =>
    fetch(`${cloud.agentUrl}/agent/v1/blobs/${hash}`, { headers: { authorization } });
  expect(Buffer.from(await (await get(agent.authorization)).arrayBuffer())).toEqual(bytes);
  const stranger = await cloud.newPerson('Alex');
  const other = await agentOf(stranger.workspaceId);
  expect((await get(other.authorization)).status).toBe(404);
  expect((await get('Bearer nonsense')).status).toBe(401);
});

test('what containers may ask is not on the listener for people, and the other way round', async () => {
  expect((await send(cloud.url, 'POST', '/agent/v1/hello', {})).status).toBe(404);
  expect((await send(cloud.agentUrl, 'GET', '/v1/projects')).status).toBe(404);
});

test('a report that is not one is refused by its fields, and one without a token by that', async () => {
  const person = await cloud.newPerson('Sam');
  const agent = await agentOf(person.workspaceId);
  expect(await agent.call('report', { runId: 'x' })).toMatchObject({ status: 422, body: { code: 'request.invalid' } });
  const bare = await send(cloud.agentUrl, 'POST', '/agent/v1/report', { runId: 'x' });
  expect(bare).toMatchObject({ status: 401, body: { code: 'token.invalid' } });
});

test('the same POST with the same key is done once', async () => {
  const person = await cloud.newPerson('Noor');
  const projectId = newId();
  await published(person, treeOf(projectId, { start: step('trigger.manual') }));
  const body = { environment: 'production', workflowId: workflowIdOf(projectId) };
  const start = () =>
    person.call<RunSummary>('POST', `/v1/projects/${projectId}/runs`, body, { 'idempotency-key': 'one' });
  const first = await start();
  expect(first.status).toBe(200);
  expect((await start()).body.id).toBe(first.body.id);
});

test("every call with somebody else's id answers as with one that does not exist", async () => {
  const person = await cloud.newPerson('Ida');
  const projectId = newId();
  const deployment = await published(person, treeOf(projectId, { start: step('trigger.manual') }));
  const run = await person.call<RunSummary>('POST', `/v1/projects/${projectId}/runs`, {
    environment: 'production',
    workflowId: workflowIdOf(projectId),
  });
  const stranger = await cloud.newPerson('Eve');
  const own = newId();
  await published(stranger, treeOf(own, { start: step('trigger.manual') }));
  const calls = (ids: { project: string; deployment: string; version: string; environment: string; run: string }) => [
    ['GET', `/v1/projects/${ids.project}/head`],
    ['GET', `/v1/projects/${ids.project}/versions`],
    ['GET', `/v1/projects/${own}/versions/${ids.version}/tree`],
    ['GET', `/v1/projects/${own}/deployments/${ids.deployment}`],
    ['POST', `/v1/projects/${own}/deployments/${ids.deployment}/stop`, {}],
    ['POST', `/v1/projects/${own}/deployments`, { environmentId: ids.environment, versionId: ids.version }],
    ['GET', `/v1/runs/${ids.run}`],
    ['GET', `/v1/runs/${ids.run}/events`],
    ['GET', `/v1/runs/${ids.run}/logs`],
    ['POST', `/v1/runs/${ids.run}/cancel`, {}],
  ];
  const foreign = calls({
    project: projectId,
    deployment: deployment.id,
    version: deployment.versionId,
    environment: deployment.environmentId,
    run: run.body.id,
  });
  const missing = calls({
    project: newId(),
    deployment: newId(),
    version: newId(),
    environment: newId(),
    run: newId(),
  });
  for (const [i, [method, path, body]] of foreign.entries()) {
    const asked = await stranger.call<Record<string, unknown>>(String(method), String(path), body);
    const [m, p, b] = missing[i] ?? [];
    const other = await stranger.call<Record<string, unknown>>(String(m), String(p), b);
    const { requestId, ...shown } = asked.body;
    const { requestId: _, ...same } = other.body;
    expect([asked.status, requestId === undefined]).toEqual([404, false]);
    expect([asked.status, shown]).toEqual([other.status, same]);
  }
});

test('a server that stops answers the runtimes that wait at once', async () => {
  const person = await cloud.newPerson('Max');
  const agent = await agentOf(person.workspaceId);
  const waiting = agent.call<{ runs: unknown[] }>('next', { free: 1, have: [], waitMs: 25_000 });
  // It waits once the server has seen it; another call behind it on the same server shows that.
  await agent.call('next', { free: 1, have: [], waitMs: 0 });
  stopped = true;
  const stopping = cloud.stop();
  expect((await waiting).body.runs).toEqual([]);
  await stopping;
});
