import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Deployment, RunSummary } from '#shared/contract/cloud/common.ts';
import { type FeedMessage, FeedRequest } from '#shared/contract/feed.ts';
import { SluiceError } from '#shared/error.ts';
import type { Logger } from '#shared/log.ts';
import { TREE_FORMAT } from '#shared/workflow/tree.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import { clientOf } from '../platform/network.ts';
import { findHeadMark } from '../projects/projectStore.ts';
import { readEvents } from '../runs/journalStore.ts';
import { findRun } from '../runs/runStore.ts';
import type { Signals } from '../runs/signals.ts';
import type { Identities } from './authenticate.ts';
import { createFeedNews } from './feedNews.ts';
import { createPresenceSender } from './feedPresence.ts';
import { createFeedSocket, type FeedSocket, projectTopic } from './feedSocket.ts';
import { findLiveFamilies } from './feedStore.ts';
import type { RateLimits } from './rateLimits.ts';

export type FeedDeps = {
  database: Database;
  signals: Signals;
  identities: Identities;
  limits: RateLimits;
  logger: Logger;
  clock: Clock;
  /** Pages of this origin may connect; programs send none. */
  publicUrl: string;
  /** How many proxies stand in front of us and say who asks. */
  trustProxy?: number;
  deploymentOf(workspaceId: string, deploymentId: string): Promise<Deployment | undefined>;
};

export type Feed = {
  handle(req: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Tells everybody to come back, and takes nobody new. */
  drain(): Promise<void>;
};

const MESSAGE_BYTES = 64 * 1024;
const HELLO_MS = 10_000;
/** A membership's answer may be 2 s old as well: together they stay below the 5 s that a revocation may take. */
const CHECK_MS = 2_000;
const PING_MS = 20_000;
const EVENTS_AT_ONCE = 200;
const SOCKETS_PER_USER = 20;

const REFUSED = 4401;
const OUTDATED = 4426;

/** `/v1/feed`: what changed, told to desktops. A message that is missed costs nothing: each names what to fetch again. */
export function createFeed(deps: FeedDeps): Feed {
  const { database, signals, identities, limits, logger, clock, publicUrl, trustProxy = 0 } = deps;
  const server = new WebSocketServer({ noServer: true, maxPayload: MESSAGE_BYTES, perMessageDeflate: false });
  const sockets = new Map<WebSocket, FeedSocket>();
  const onError = (thrown: unknown) => {
    const error = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    logger.error('The feed had a problem.', { error });
  };

  const news = createFeedNews({ ...deps, runOf, onError }, () => [...sockets.values()]);
  const stopListening = signals.subscribe(news);
  const checking = setInterval(() => check().catch(onError), CHECK_MS);
  const pinging = setInterval(ping, PING_MS);
  checking.unref();
  pinging.unref();
  const answered = new WeakSet<WebSocket>();

  function open(socket: WebSocket): void {
    answered.add(socket);
    socket.on('pong', () => answered.add(socket));
    socket.on('error', () => socket.terminate());
    socket.on('close', () => {
      sockets.get(socket)?.presence.leave();
      sockets.delete(socket);
    });
    const late = setTimeout(() => socket.close(REFUSED, 'no hello'), HELLO_MS);
    socket.once('close', () => clearTimeout(late));
    // One message after the other, so that what follows a hello finds it done.
    let turn = Promise.resolve();
    let waiting = 0;
    socket.on('message', (data, binary) => {
      if (binary || ++waiting > 100) {
        socket.close(1008);
        return;
      }
      turn = turn
        .then(() => receive(socket, String(data), late))
        .catch((thrown: unknown) => {
          if (SluiceError.from(thrown).code === 'internal') onError(thrown);
          socket.close(1008);
        })
        .finally(() => {
          waiting--;
        });
    });
  }

  async function receive(socket: WebSocket, text: string, late: NodeJS.Timeout): Promise<void> {
    const parsed = FeedRequest.safeParse(jsonOf(text));
    if (!parsed.success) {
      socket.close(1008, 'not a request');
      return;
    }
    const request = parsed.data;
    const client = sockets.get(socket);
    if (request.type === 'hello') {
      if (client) socket.close(1008, 'hello twice');
      else if (await admit(socket, request)) clearTimeout(late);
      return;
    }
    if (!client) {
      socket.close(REFUSED, 'hello first');
      return;
    }
    const { workspaceId } = client;
    if (request.type === 'unwatch') client.unwatchProject(request.projectId);
    else if (request.type === 'watch') {
      const { projectId } = request;
      // First watched, then looked at: no commit falls in between.
      client.watchProject(projectId);
      const head = await database.withWorkspaceSql(client, (sql) => findHeadMark(sql, workspaceId, projectId));
      // One of another workspace is watched as little as one that does not exist.
      if (!head) return client.unwatchProject(projectId);
      client.send({ type: 'commit', projectId, revision: head.revision, hash: head.hash });
      signals.publish({ kind: 'presence.who', workspaceId, projectId });
    } else if (request.type === 'presence') {
      const { type: _, ...shown } = request;
      if (client.hears(projectTopic(workspaceId, shown.projectId))) client.presence.say(shown);
    } else {
      const run = await runOf(workspaceId, request.runId);
      if (run) client.watchRun(run.id, run.projectId, request.afterSeq);
    }
  }

  async function admit(socket: WebSocket, hello: Extract<FeedRequest, { type: 'hello' }>): Promise<boolean> {
    const { accessToken, workspaceId, format = TREE_FORMAT } = hello;
    const session = await identities.sessionOf(accessToken);
    const member = session && (await identities.membershipOf(session.userId, workspaceId));
    const mine = [...sockets.values()].filter(({ userId }) => userId === session?.userId).length;
    if (!session || !mayListen(member)) {
      socket.close(REFUSED, 'not signed in to this workspace');
      return false;
    }
    if (mine >= SOCKETS_PER_USER) {
      socket.close(1013, 'too many connections');
      return false;
    }
    if (socket.readyState !== socket.OPEN) return false;
    if (format < TREE_FORMAT) {
      socket.send(JSON.stringify({ type: 'upgrade_required', format: TREE_FORMAT } satisfies FeedMessage));
      socket.close(OUTDATED, 'update Sluice');
      return false;
    }
    const { userId, family, name } = session;
    const readRun = (runId: string, after: number) =>
      database.withWorkspaceSql({ workspaceId }, (sql) => readEvents(sql, workspaceId, runId, after, EVENTS_AT_ONCE));
    const presence = createPresenceSender({ userId, name, workspaceId }, (signal) => signals.publish(signal));
    const client = createFeedSocket(socket, { userId, family, workspaceId, presence }, readRun, onError);
    sockets.set(socket, client);
    client.send({ type: 'ready' });
    return true;
  }

  function runOf(workspaceId: string, runId: string): Promise<RunSummary | undefined> {
    return database.withWorkspaceSql({ workspaceId }, (sql) => findRun(sql, workspaceId, runId));
  }

  /** Ends the connections of sessions and memberships that no longer hold. */
  async function check(): Promise<void> {
    const all = [...sockets.values()];
    if (all.length === 0) return;
    const live = await findLiveFamilies(database, [...new Set(all.map(({ family }) => family))], clock.now());
    for (const one of all) {
      const member = live.has(one.family) ? await identities.membershipOf(one.userId, one.workspaceId) : undefined;
      if (!mayListen(member)) one.end({ type: 'revoked' }, REFUSED);
    }
  }

  function ping(): void {
    for (const socket of server.clients) {
      if (!answered.has(socket)) {
        socket.terminate();
        continue;
      }
      answered.delete(socket);
      socket.ping();
    }
  }

  return {
    handle(req, socket, head) {
      const { origin } = req.headers;
      if (origin !== undefined && origin !== new URL(publicUrl).origin) return refuse(socket, '403 Forbidden');
      limits.take('stream', clientOf(req, trustProxy)).then(
        () => server.handleUpgrade(req, socket, head, open),
        () => refuse(socket, '429 Too Many Requests'),
      );
    },

    async drain() {
      stopListening();
      clearInterval(checking);
      clearInterval(pinging);
      for (const one of sockets.values()) {
        // Not all of them in the same moment.
        one.end({ type: 'reconnect', afterMs: 500 + Math.floor(Math.random() * 2_500) }, 1012);
      }
      for (const socket of server.clients) if (!sockets.has(socket)) socket.close(1012);
      server.close();
    },
  };
}

/** Those who may read projects and runs; each of the two may be taken from a member alone. */
function mayListen(member: Awaited<ReturnType<Identities['membershipOf']>>): boolean {
  return member?.permissions.has('workflow:read') === true && member.permissions.has('run:read');
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
