import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as newId } from 'uuid';
import { WebSocket } from 'ws';
import type { FeedMessage, FeedRequest } from '#shared/contract/feed.ts';
import { permissionsOf } from '#shared/permission.ts';
import { openChannel } from '../../cloud/platform/channel.ts';
import { createRunQueue } from '../../cloud/platform/queue.ts';
import type { Signal } from '../../cloud/runs/signals.ts';
import { createFeed } from '../../cloud/server/feed.ts';
import { createRateLimits } from '../../cloud/server/rateLimits.ts';
import type { Control } from '../fixtures/control.ts';
import { MARKS, type Tenant } from './crossingTenants.ts';

const PATIENCE_MS = 60_000;

/** Waits until it holds. @returns whether it came to */
async function eventually(holds: () => boolean): Promise<boolean> {
  for (const until = Date.now() + PATIENCE_MS; Date.now() < until; await sleep(50)) if (holds()) return true;
  return false;
}

/** The queue of doorbells, with who rang and who was heard. */
export async function openBells(control: Control) {
  const queue = await createRunQueue({
    name: `q${newId()}`,
    owner: control.owner,
    connection: control.as('sluice_queue'),
  });
  const rung: string[] = [];
  const heard: string[] = [];
  await queue.work(async (ring) => void heard.push(JSON.stringify([ring.workspaceId, ring.runId])));
  return {
    async ring({ workspaceId }: Tenant, runId: string): Promise<void> {
      rung.push(JSON.stringify([workspaceId, runId]));
      await queue.ring(runId, workspaceId);
    },
    async settle(): Promise<string[]> {
      const all = await eventually(() => heard.length >= rung.length);
      if (!all) return [`of ${rung.length} doorbells ${heard.length} were heard`];
      return JSON.stringify([...heard].sort()) === JSON.stringify([...rung].sort())
        ? []
        : ['a doorbell rang elsewhere'];
    },
    close: () => queue.close(),
  };
}

type Listener = { tenant: Tenant; socket: WebSocket; heard: FeedMessage[]; revisions: number[] };

/** One desktop per workspace on the feed of another process, each watching the project of the same id. */
export async function openFeed(control: Control, tenants: readonly Tenant[], projectId: string) {
  const connection = control.as('sluice_app');
  const here = await openChannel<Signal>({ connection, name: 'crossings' });
  const there = await openChannel<Signal>({ connection, name: 'crossings' });
  const families = new Map<string, Tenant>();
  for (const tenant of tenants) {
    const family = newId();
    families.set(family, tenant);
    await control.ownerSql(
      `insert into session (id, user_id, family, kind, access_hash, access_expires_at, expires_at)
       values ($1, $2, $1, 'device', $3, now() + interval '1 hour', now() + interval '1 day')`,
      [family, tenant.userId, newId()],
    );
  }
  const feed = createFeed({
    ...control,
    database: control.db,
    signals: there,
    limits: createRateLimits(),
    identities: {
      sessionOf: async (family) => {
        const { userId = '', mark = '' } = families.get(family) ?? {};
        return { sessionId: family, family, userId, email: `${mark}@example.com`, name: mark, emailVerified: true };
      },
      membershipOf: async (userId, workspaceId) =>
        tenants.some((one) => one.userId === userId && one.workspaceId === workspaceId)
          ? { role: 'owner', permissions: permissionsOf('owner') }
          : undefined,
    },
    deploymentOf: async () => undefined,
  });
  const server = createServer();
  server.on('upgrade', (req, socket, head) => feed.handle(req, socket, head));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/v1/feed`;

  async function listen(family: string, tenant: Tenant): Promise<Listener> {
    const socket = new WebSocket(url);
    const heard: FeedMessage[] = [];
    socket.on('message', (data) => heard.push(JSON.parse(String(data)) as FeedMessage));
    await new Promise((done, fail) => socket.once('open', done).once('error', fail));
    const say = (request: FeedRequest) => socket.send(JSON.stringify(request));
    say({ type: 'hello', accessToken: family, workspaceId: tenant.workspaceId });
    say({ type: 'watch', projectId });
    if (!(await eventually(() => heard.some(({ type }) => type === 'commit')))) throw new Error('Nothing is watched.');
    heard.splice(0);
    return { tenant, socket, heard, revisions: [] };
  }
  const listeners: Listener[] = [];
  for (const [family, tenant] of families) listeners.push(await listen(family, tenant));

  /** What is wrong with what one heard. */
  async function faults({ tenant, heard, revisions }: Listener): Promise<string[]> {
    const { mark, index } = tenant;
    const all = await eventually(() => heard.filter(({ type }) => type === 'commit').length >= revisions.length);
    const found = all ? [] : [`${mark} missed a commit`];
    const told = heard.flatMap((one) => (one.type === 'commit' ? [one.revision] : []));
    if (told.join() !== revisions.join()) found.push(`${mark} heard of commits that are another’s`);
    for (const message of heard) {
      const text = JSON.stringify(message);
      if (MARKS.some((word) => word !== mark && text.includes(word))) found.push(`${mark} heard ${text}`);
      if (message.type === 'conflicts.changed' && message.open !== index + 1) found.push(`${mark} heard ${text}`);
    }
    return found;
  }

  return {
    publish(
      { index, workspaceId, mark }: Tenant,
      kind: number,
      { runId, turn }: { runId: string; turn: number },
    ): void {
      const about = { workspaceId, projectId };
      const listener = listeners[index];
      // A revision says whose it is, and none is there: only that there is one is told.
      const revision = 1_000 + turn * MARKS.length + index;
      if (kind === 0) {
        listener?.revisions.push(revision);
        here.publish({ kind: 'commit', ...about, revision });
      } else if (kind === 1) here.publish({ kind: 'conflicts', ...about });
      else if (kind === 2) here.publish({ kind: 'run', ...about, runId, changed: true });
      else {
        const who = { sessionId: newId(), name: mark, color: 1 };
        here.publish({ kind: 'presence', ...about, who, shown: { projectId, selection: [] } });
      }
    },
    /** @param runId of every workspace: it moves in all of them in the same moment, and each is told */
    async settle(runId: string): Promise<string[]> {
      const before = listeners.map(({ heard }) => heard.length);
      for (const { workspaceId } of tenants)
        here.publish({ kind: 'run', workspaceId, projectId, runId, changed: true });
      const moved = ({ heard }: Listener, n: number) =>
        heard.slice(before[n]).some(({ type }) => type === 'run.changed');
      const told = await eventually(() => listeners.every(moved));
      const deaf = told ? [] : ['news of a run was lost to another’s of the same id'];
      return [...deaf, ...(await Promise.all(listeners.map(faults))).flat()];
    },
    async close() {
      for (const { socket } of listeners) socket.terminate();
      await feed.drain();
      await new Promise<void>((done) => {
        server.close(() => done());
        server.closeAllConnections();
      });
      await Promise.all([here.close(), there.close()]);
    },
  };
}
