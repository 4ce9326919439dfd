import { createServer, type RequestListener, type Server } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { SluiceError } from '#shared/error.ts';
import { apiPageRouter } from './apiPage.ts';
import { createApp } from './app.ts';
import { answerBrokenRequests } from './brokenRequests.ts';
import type { Capability } from './capabilities.ts';
import { healthRouter } from './health.ts';
import type { Platform } from './platform.ts';

export type Listener = { server: Server; url: string; sockets: ReadonlySet<Socket> };

export type RunningServer = {
  /** Not ready, stop claiming, hand leases back, answer what was asked, close. At most 20 s. */
  stop(): Promise<void>;
};

const LAST_REQUESTS_MS = 300;
const LAST_ANSWERS_MS = 10_000;

/** Opens a port before anything else is made, because addresses that are given out hold its number. @throws SluiceError port.in_use */
export async function listen(host: string, port: number): Promise<Listener> {
  const server = createServer();
  server.requestTimeout = 30_000;
  server.headersTimeout = 15_000;
  server.keepAliveTimeout = 10_000;
  const starting: RequestListener = (_req, res) => {
    const { code, status, message, advice } = new SluiceError('service.unavailable', 'The control plane is starting.', {
      advice: 'Ask again in a second.',
    });
    const requestId = uuidv7();
    const problem = { type: `urn:sluice:${code}`, title: message, status, code, detail: advice, requestId };
    res
      .writeHead(status, {
        'Content-Type': 'application/problem+json; charset=utf-8',
        'Sluice-Request': requestId,
        'Retry-After': '1',
        'Cache-Control': 'no-store',
      })
      .end(JSON.stringify(problem));
  };
  server.on('request', starting);
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((done, fail) => {
    server.once('error', (thrown: NodeJS.ErrnoException) => {
      if (thrown.code !== 'EADDRINUSE' && thrown.code !== 'EACCES') return fail(thrown);
      const why = thrown.code === 'EACCES' ? 'may not be opened by this user' : 'is taken by another program';
      fail(
        new SluiceError('port.in_use', `Port ${port} on ${host} ${why}.`, {
          advice: 'Set PORT to another number.',
          cause: thrown,
        }),
      );
    });
    server.listen(port, host, done);
  });
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('The server has no address.');
  return { server, sockets, url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}` };
}

/** Serves every capability on two listeners: people and programs on one, containers on the other. */
export async function startServer(
  platform: Platform,
  capabilities: Capability[],
  open: Listener,
  agents: Listener,
): Promise<RunningServer> {
  const { config, db, limits, logger, metrics, routes } = platform;
  let draining = false;
  const isDraining = () => draining;
  const common = {
    routes,
    limits,
    logger,
    metrics,
    trustProxy: config.trustProxy,
    https: platform.publicUrl.startsWith('https:'),
    corsOrigins: config.corsOrigins,
    isDraining,
  };
  const health = healthRouter({ ...platform, db, metrics, metricsPublic: config.metricsPublic, isDraining });
  const docs = apiPageRouter({ ...platform });
  const routers = [health, docs, ...capabilities.flatMap((capability) => capability.routers ?? [])];
  const agentRouters = capabilities.flatMap((capability) => capability.agentRouters ?? []);

  serve(open.server, createApp({ ...common, routers, hasPages: true, unmetered: ['/v1/hooks/', '/livez', '/readyz'] }));
  serve(agents.server, createApp({ ...common, routers: agentRouters, unmetered: ['/agent/'] }));
  for (const { server } of [open, agents]) answerBrokenRequests(server, logger);
  serveUpgrades(open.server, capabilities, isDraining);
  for (const capability of capabilities) await capability.start?.();

  let stopping: Promise<void> | undefined;
  return {
    stop: () => {
      stopping ??= (async () => {
        draining = true;
        await inReverse(capabilities, 'drain', platform);
        await platform.queue.stopWork();
        await Promise.all([close(open), close(agents)]);
        await inReverse(capabilities, 'stop', platform);
      })();
      return stopping;
    },
  };
}

function serve(server: Server, app: RequestListener): void {
  server.removeAllListeners('request');
  server.on('request', app);
}

function serveUpgrades(server: Server, capabilities: Capability[], isDraining: () => boolean): void {
  const upgrades = capabilities.flatMap((capability) => capability.upgrades ?? []);
  server.on('upgrade', (req, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    const path = (req.url ?? '').split('?')[0];
    const upgrade = upgrades.find((entry) => entry.path === path);
    if (upgrade && !isDraining()) return upgrade.handle(req, socket, head);
    socket.end(
      `HTTP/1.1 ${upgrade ? '503 Service Unavailable' : '404 Not Found'}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
    );
  });
}

/** What was made last is ended first, since it uses what was made before. One that fails to keeps no other from it. */
async function inReverse(capabilities: Capability[], step: 'drain' | 'stop', { logger }: Platform): Promise<void> {
  for (const capability of [...capabilities].reverse()) {
    try {
      await capability[step]?.();
    } catch (thrown) {
      logger.error('A part did not stop well.', { step, error: String(thrown) });
    }
  }
}

/**
 * Takes no new connections and answers what comes over the ones there are, each with `Connection: close`. Only then are those
 * closed that nobody used: closing at once would cut a request that is on its way.
 */
async function close({ server, sockets }: Listener): Promise<void> {
  const closed = new Promise<void>((done) => NetServer.prototype.close.call(server, () => done()));
  const within = async (limitMs: number) => {
    const timer = new AbortController();
    await Promise.race([closed, sleep(limitMs, undefined, { signal: timer.signal }).catch(() => undefined)]);
    timer.abort();
  };
  await within(LAST_REQUESTS_MS);
  server.closeIdleConnections();
  await within(LAST_ANSWERS_MS);
  for (const socket of sockets) socket.destroy();
  await closed;
  // Ends what the server itself keeps going; its own complaint that it is closed already is no news.
  server.close(() => undefined);
}
