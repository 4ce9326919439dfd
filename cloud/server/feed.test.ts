import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { v7 as newId } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { FeedMessage, FeedRequest } from '#shared/contract/feed.ts';
import type { ConflictRecord } from '#shared/merge/conflict.ts';
import { commitOf } from '#shared/merge/ops.ts';
import { permissionsOf } from '#shared/permission.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import {
  type Control,
  createControlBench,
  eventsOf,
  step,
  treeOf,
  workflowIdOf,
} from '../../tests/fixtures/control.ts';
import { findDeployment } from '../deployments/deploymentStore.ts';
import { viewDeployments } from '../deployments/deploymentView.ts';
import { openChannel } from '../platform/channel.ts';
import type { Signal, Signals } from '../runs/signals.ts';
import type { SignedIn } from './actor.ts';
import { createFeed, type Feed } from './feed.ts';
import { createRateLimits } from './rateLimits.ts';

let control: Control;
/** Two processes of the control plane: the first is where things happen, the second where desktops are connected. */
let here: Signals;
let there: Signals;
let feed: Feed;
let server: Server;
let url: string;
const sessions = new Map<string, SignedIn>();
const members = new Map<string, Set<string>>();
/** From whom the right to read runs was taken. */
const limited = new Set<string>();
const permissionsFor = (userId: string) =>
  new Set([...permissionsOf('owner')].filter((one) => one !== 'run:read' || !limited.has(userId)));

beforeAll(async () => {
  control = await createControlBench();
  const connection = control.as('sluice_app');
  here = await openChannel<Signal>({ connection, name: 'sluice' });
  there = await openChannel<Signal>({ connection, name: 'sluice' });
  control.signals.subscribe((signal) => here.publish(signal));
  feed = createFeed({
    ...control,
    database: control.db,
    signals: there,
    limits: createRateLimits({ stream: { points: 10_000, seconds: 60 } }),
    identities: {
      sessionOf: async (token) => sessions.get(token),
      membershipOf: async (userId, workspaceId) =>
        members.get(userId)?.has(workspaceId) ? { role: 'owner', permissions: permissionsFor(userId) } : undefined,
    },
    deploymentOf: (workspaceId, id) =>
      control.db.withWorkspaceSql({ workspaceId }, async (sql) => {
        const row = await findDeployment(sql, workspaceId, id);
        return row && (await viewDeployments(sql, [row], control))[0];
      }),
  });
  server = createServer();
  server.on('upgrade', (req, socket, head) => feed.handle(req, socket, head));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/v1/feed`;
});
afterAll(async () => {
  await feed.drain();
  await new Promise<void>((done) => {
    server.close(() => done());
    server.closeAllConnections();
  });
  await Promise.all([here.close(), there.close()]);
  await control.close();
});

type Client = {
  say(request: FeedRequest): void;
  heard: FeedMessage[];
  /** Waits until one fits. */
  hear<T extends FeedMessage['type']>(
    type: T,
    fits?: (message: Extract<FeedMessage, { type: T }>) => boolean,
  ): Promise<Extract<FeedMessage, { type: T }>>;
  closed: Promise<number>;
  end(): void;
};

async function connect(headers: Record<string, string> = {}): Promise<Client> {
  const socket = new WebSocket(url, { headers });
  const heard: FeedMessage[] = [];
  const waiting = new Set<() => void>();
  socket.on('message', (data) => {
    heard.push(JSON.parse(String(data)) as FeedMessage);
    for (const look of [...waiting]) look();
  });
  const closed = new Promise<number>((done) => socket.on('close', (code) => done(code)));
  await new Promise((done, fail) => socket.once('open', done).once('error', fail));
  return {
    heard,
    closed,
    say: (request) => socket.send(JSON.stringify(request)),
    hear: (type, fits = () => true) =>
      new Promise((done) => {
        const look = () => {
          const found = heard.find((message) => message.type === type && fits(message as never));
          if (!found) return;
          waiting.delete(look);
          done(found as never);
        };
        waiting.add(look);
        look();
      }),
    end: () => socket.terminate(),
  };
}

/** A person who is signed in, with a row for their session. */
async function signIn(userId: string, workspaceId: string, name = 'A') {
  const accessToken = newId();
  const family = newId();
  const sessionId = newId();
  await control.ownerSql(
    `insert into session (id, user_id, family, kind, access_hash, access_expires_at, expires_at)
     values ($1, $2, $3, 'device', $4, now() + interval '1 hour', now() + interval '1 day')`,
    [sessionId, userId, family, accessToken],
  );
  sessions.set(accessToken, { sessionId, family, userId, email: 'a@example.com', name, emailVerified: true });
  members.set(userId, new Set([workspaceId]));
  return { accessToken, family };
}

/** Watches, and waits until the server does so. */
async function watch(client: Client, projectId: string): Promise<void> {
  client.say({ type: 'watch', projectId });
  await client.hear('commit', (one) => one.projectId === projectId);
}

const STEPS = {
  start: step('trigger.manual'),
  work: step('items.set', { fields: { n: 1 } }, { mode: 'each' }),
};

/** Waits until the other process has heard of all that was done so far, so that what is told from now on is new. */
async function allHeard(workspaceId: string): Promise<void> {
  const marker = newId();
  const came = new Promise<void>((done) => {
    const stop = there.subscribe((one) => {
      if (one.kind !== 'run' || one.runId !== marker) return;
      stop();
      done();
    });
  });
  control.signals.publish({ kind: 'run', workspaceId, projectId: newId(), runId: marker, changed: false });
  await came;
}

async function watcher() {
  const tenant = await control.newTenant();
  const { workspaceId, userId, projectId, actor } = tenant;
  const tree = treeOf(projectId, STEPS, { edges: ['start.main->work.main'] });
  await control.publish(actor, tree);
  const { accessToken, family } = await signIn(userId, workspaceId);
  await allHeard(workspaceId);
  const client = await connect();
  client.say({ type: 'hello', accessToken, workspaceId });
  await client.hear('ready');
  await watch(client, projectId);
  const start = () =>
    control.runs.start(
      { projectId, environment: 'production', workflowId: workflowIdOf(projectId), items: [{ json: {} }] },
      actor,
    );
  return { ...tenant, tree, client, accessToken, family, start };
}

test('a desktop hears of commits, deployments and runs of the projects it watches, from another process', async () => {
  const { client, actor, tree, projectId, start } = await watcher();
  const { revision } = await control.push(actor, { ...tree, scripts: { 'a.ts': 'export {};\n' } });
  const head = await control.projects.head({ projectId }, actor);
  const { commits } = await control.projects.commits({ projectId, since: revision - 1 }, actor);
  const { authorName, commit } = commits[0] ?? {};
  const { hash } = head;
  const told = await client.hear('commit', (one) => one.revision === revision);
  expect(told).toEqual({ type: 'commit', projectId, revision, hash, authorName, commit });
  const run = await start();
  expect(await client.hear('run.changed', (one) => one.run.id === run.id)).toMatchObject({ run: { status: 'queued' } });
  const { data } = await control.deployments.list({ projectId, limit: 1 }, actor);
  await control.deployVersion(actor, projectId, data[0]?.versionId ?? '');
  await client.hear('deployment.changed', ({ deployment }) => deployment.status === 'active');
  client.end();
});

test('a watched run is told from its journal and then live, each event once, in order, without a gap', async () => {
  const { client, start, workspaceId } = await watcher();
  const run = await start();
  const agent = await control.newAgent(workspaceId);
  const [assignment] = (await agent.next()).runs;
  if (!assignment) throw new Error('no run');
  const bodies = Array.from({ length: 300 }, (_, i) => ({ type: 'step.succeeded' as const, iteration: i }));
  const events = eventsOf(assignment, { type: 'run.started' }, ...bodies, { type: 'run.ended' });
  await agent.report(assignment, events.slice(0, 50));
  client.say({ type: 'watch_run', runId: run.id, afterSeq: 10 });
  for (let from = 50; from < events.length; from += 10) {
    await agent.report(assignment, events.slice(from, from + 10), from + 10 >= events.length);
  }
  await client.hear('run.event', ({ event }) => event.type === 'run.ended');
  const told = client.heard.flatMap((message) => (message.type === 'run.event' ? [message.event] : []));
  expect(told).toEqual(events.slice(10));
  client.end();
});

test("another workspace's project and run are watched as little as ones that do not exist", async () => {
  const mine = await watcher();
  const other = await watcher();
  const run = await other.start();
  mine.client.say({ type: 'watch', projectId: other.projectId });
  mine.client.say({ type: 'watch_run', runId: run.id, afterSeq: 0 });
  const agent = await control.newAgent(other.workspaceId);
  const [assignment] = (await agent.next()).runs;
  if (!assignment) throw new Error('no run');
  await agent.report(assignment, eventsOf(assignment, { type: 'run.started' }, { type: 'run.ended' }), true);
  await other.client.hear('run.changed', (one) => one.run.status === 'succeeded');
  // What is heard after it shows that nothing of the other's was on its way.
  const own = await mine.start();
  await mine.client.hear('run.changed', (one) => one.run.id === own.id);
  expect(JSON.stringify(mine.client.heard)).not.toContain(other.projectId);
  mine.client.end();
  other.client.end();
});

test('a wrong token, a workspace of somebody else, and words before the hello end the connection', async () => {
  const { workspaceId, accessToken, projectId, client } = await watcher();
  const { workspaceId: foreign } = await control.newTenant();
  const first: FeedRequest[] = [
    { type: 'hello', accessToken: 'nonsense', workspaceId },
    { type: 'hello', accessToken, workspaceId: foreign },
    { type: 'watch', projectId },
  ];
  for (const request of first) {
    const stranger = await connect();
    stranger.say(request);
    expect(await stranger.closed).toBe(4401);
    expect(stranger.heard).toEqual([]);
  }
  client.end();
});

test('a sign-in that is revoked hears so and is let go', async () => {
  const { client, family } = await watcher();
  await control.ownerSql('update session set revoked_at = now() where family = $1', [family]);
  expect(await client.closed).toBe(4401);
  expect(client.heard.at(-1)).toEqual({ type: 'revoked' });
});

test('somebody who is no longer a member is let go', async () => {
  const { client, userId } = await watcher();
  members.delete(userId);
  expect(await client.closed).toBe(4401);
});

test('a member who may read runs no more is let go, as who never might is not let in', async () => {
  const { client, userId, workspaceId, accessToken } = await watcher();
  limited.add(userId);
  expect(await client.closed).toBe(4401);
  const again = await connect();
  again.say({ type: 'hello', accessToken, workspaceId });
  expect(await again.closed).toBe(4401);
  limited.delete(userId);
  const later = await connect();
  later.say({ type: 'hello', accessToken, workspaceId });
  await later.hear('ready');
  later.end();
});

test('who begins to watch hears where the head is, so that nothing falls between a fetch and the first news', async () => {
  const { client, actor, projectId } = await watcher();
  const { revision, hash } = await control.projects.head({ projectId }, actor);
  expect(client.heard).toEqual([{ type: 'ready' }, { type: 'commit', projectId, revision, hash }]);
  client.end();
});

test('who watches hears how many conflicts wait, and of a large commit only that it is there', async () => {
  const { client, actor, tree, projectId } = await watcher();
  const { tree: now, revision } = await control.projects.head({ projectId }, actor);
  const about = { commitId: newId(), deviceId: newId(), baseRevision: revision, origin: 'canvas' as const };
  const large = { ...tree, scripts: { 'a.ts': 'x'.repeat(100_000) } };
  const path = ['scripts', 'a.ts'];
  const record: ConflictRecord = {
    ...{ id: newId(), commitId: about.commitId, path, kind: 'text', who: {} },
    ...{ theirs: 'a', ours: 'b', chosen: 'theirs' },
  };
  await control.projects.push({ projectId, commit: commitOf(now as Tree, large, about), conflicts: [record] }, actor);
  const told = await client.hear('commit', (one) => one.revision > revision);
  expect(told).toEqual({ type: 'commit', projectId, revision: revision + 1 });
  expect(await client.hear('conflicts.changed')).toEqual({ type: 'conflicts.changed', projectId, open: 1 });
  await control.conflicts.resolve({ projectId, conflictId: record.id, choice: 'theirs' }, actor);
  await client.hear('conflicts.changed', ({ open }) => open === 0);
  client.end();
});

/** Somebody else, or another window, on the same project. */
async function joins({ workspaceId, projectId }: { workspaceId: string; projectId: string }, name: string) {
  const { userId } = await control.newTenant();
  const { accessToken, family } = await signIn(userId, workspaceId, name);
  const client = await connect();
  client.say({ type: 'hello', accessToken, workspaceId });
  await client.hear('ready');
  await watch(client, projectId);
  return { client, userId, family };
}

test('colleagues see where somebody is, also who came later, and hear when they leave; nobody sees themselves', async () => {
  const mine = await watcher();
  const { projectId } = mine;
  const early = await joins(mine, 'Early');
  const workflowId = workflowIdOf(projectId);
  const here: FeedRequest = {
    type: 'presence',
    projectId,
    workflowId,
    cursor: [10, 20],
    selection: ['work'],
    editing: 'work',
  };
  mine.client.say(here);
  const seen = await early.client.hear('presence');
  expect(seen).toEqual({ ...here, who: { sessionId: expect.any(String), name: 'A', color: expect.any(Number) } });
  const late = await joins(mine, 'Late');
  expect(await late.client.hear('presence')).toEqual(seen);
  late.client.say({ type: 'presence', projectId, selection: [] });
  expect((await mine.client.hear('presence')).who.name).toBe('Late');
  mine.client.end();
  expect(await late.client.hear('presence.left')).toEqual({ type: 'presence.left', projectId, who: seen.who });
  expect(mine.client.heard.filter(({ type }) => type === 'presence')).toHaveLength(1);
  early.client.end();
  late.client.end();
});

test('of a cursor that moves without pause at most ten places a second are told, and the last one always is', async () => {
  const mine = await watcher();
  const { projectId } = mine;
  const other = await joins(mine, 'Other');
  const began = performance.now();
  for (let x = 1; x <= 300; x++) {
    mine.client.say({ type: 'presence', projectId, cursor: [x, 0], selection: [] });
    await new Promise((done) => setTimeout(done, 2));
  }
  await other.client.hear('presence', ({ cursor }) => cursor?.[0] === 300);
  // A timer may come a millisecond early.
  const tenths = (performance.now() - began) / 99;
  const told = other.client.heard.filter(({ type }) => type === 'presence');
  expect(told.length).toBeGreaterThan(1);
  expect(told.length).toBeLessThanOrEqual(Math.ceil(tenths) + 1);
  mine.client.end();
  other.client.end();
});

test('no other workspace sees who is there, and who is let go is gone for everybody', async () => {
  const mine = await watcher();
  const { projectId } = mine;
  const stranger = await watcher();
  stranger.client.say({ type: 'watch', projectId });
  stranger.client.say({ type: 'presence', projectId, selection: [] });
  const guest = await joins(mine, 'Guest');
  guest.client.say({ type: 'presence', projectId, selection: [] });
  expect((await mine.client.hear('presence')).who.name).toBe('Guest');
  members.delete(guest.userId);
  expect((await mine.client.hear('presence.left')).who.name).toBe('Guest');
  expect(await guest.client.closed).toBe(4401);
  expect(stranger.client.heard.map(({ type }) => type)).toEqual(['ready', 'commit']);
  expect(JSON.stringify(stranger.client.heard)).not.toContain(projectId);
  expect(mine.client.heard.filter(({ type }) => type === 'presence')).toHaveLength(1);
  mine.client.end();
  stranger.client.end();
});

test('a desktop that reads older projects only is told to update', async () => {
  const { accessToken, workspaceId, client } = await watcher();
  const old = await connect();
  old.say({ type: 'hello', accessToken, workspaceId, format: 0 });
  expect(await old.closed).toBe(4426);
  expect(old.heard).toEqual([{ type: 'upgrade_required', format: 1 }]);
  const current = await connect();
  current.say({ type: 'hello', accessToken, workspaceId, format: 1 });
  await current.hear('ready');
  client.end();
  current.end();
});

test('a page of another origin may not connect, one of ours may', async () => {
  await expect(connect({ origin: 'https://evil.example' })).rejects.toThrow(/403/);
  const ours = await connect({ origin: 'http://127.0.0.1:4400' });
  ours.end();
});

test('what is no request, or too large, ends the connection', async () => {
  for (const text of ['not json', '{"type":"hello"}', `{"type":"${'x'.repeat(70_000)}"}`]) {
    const socket = new WebSocket(url);
    await new Promise((done) => socket.once('open', done));
    const closed = new Promise<number>((done) => socket.once('close', done));
    socket.on('error', () => undefined);
    socket.send(text);
    expect([1008, 1009, 1006]).toContain(await closed);
  }
});

test('a server that stops tells when to come back', async () => {
  const { client } = await watcher();
  await feed.drain();
  expect(await client.closed).toBe(1012);
  expect(client.heard.at(-1)).toMatchObject({ type: 'reconnect', afterMs: expect.any(Number) });
});
