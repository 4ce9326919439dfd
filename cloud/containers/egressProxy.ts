import http from 'node:http';
import type net from 'node:net';
import type { Duplex } from 'node:stream';
import { normalAddress } from './addressRules.ts';
import { parseTarget, type Target, type Verdict } from './egressPolicy.ts';

/** Host level only: no path, no query, no payload. */
export type EgressRefusal = { workspaceId: string; host: string; port: number; reason: string };
/** Bytes of one connection since the last report. `id` is unique, so that a report read twice counts once. */
export type EgressTraffic = { id: string; workspaceId: string; host: string; bytesOut: number; bytesIn: number };

type ProxyDeps = {
  decide: (target: Target) => Promise<Verdict>;
  /** Whose `Proxy-Authorization` this is. */
  authenticate: (header: string | undefined) => string | undefined;
  connect: (address: string, port: number) => net.Socket;
  onRefused: (refusal: EgressRefusal) => void;
  onTraffic: (traffic: EgressTraffic) => void;
  newId: () => string;
};

const LIMITS = {
  connectionsPerWorkspace: 256,
  connections: 4_096,
  headerBytes: 8 * 1024,
  headersTimeoutMs: 10_000,
  connectTimeoutMs: 10_000,
  idleMs: 5 * 60_000,
  reportEveryMs: 60_000,
};

/** Hop by hop: they end here. */
const NOT_FORWARDED = [
  'proxy-authorization',
  'proxy-connection',
  'connection',
  'keep-alive',
  'upgrade',
  'te',
  'trailer',
];

class Refused extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * The only way out of a tenant's container. Speaks CONNECT, and absolute-form requests for plain http. Each connection
 * and each request is decided anew, so a redirect is checked like a first request.
 */
export function createEgressProxy(deps: ProxyDeps): http.Server {
  const open = new Map<string, number>();
  const server = http.createServer({ maxHeaderSize: LIMITS.headerBytes, headersTimeout: LIMITS.headersTimeoutMs });
  server.maxConnections = LIMITS.connections;
  server.requestTimeout = 0; // an upload may take long; an idle one ends below
  server.setTimeout(LIMITS.idleMs);

  async function openUpstream(header: string | undefined, authority: string): Promise<net.Socket> {
    const workspaceId = deps.authenticate(header);
    if (!workspaceId) throw new Refused(407, 'Say whose container you are.');
    const target = parseTarget(authority);
    if (!target) throw new Refused(400, 'Name a host and a port.');
    const verdict = await deps.decide(target);
    if (!verdict.allowed) {
      deps.onRefused({ workspaceId, ...target, reason: verdict.reason });
      throw new Refused(403, `egress.refused: ${target.host}:${target.port} is ${verdict.reason}.`);
    }
    if ((open.get(workspaceId) ?? 0) >= LIMITS.connectionsPerWorkspace) {
      deps.onRefused({ workspaceId, ...target, reason: 'one connection too many' });
      throw new Refused(429, `At most ${LIMITS.connectionsPerWorkspace} connections may be open at once.`);
    }
    open.set(workspaceId, (open.get(workspaceId) ?? 0) + 1);
    const release = once(() => {
      const left = (open.get(workspaceId) ?? 1) - 1;
      if (left > 0) open.set(workspaceId, left);
      else open.delete(workspaceId);
    });
    try {
      const socket = await connectFirst(deps.connect, verdict.addresses, verdict.port);
      socket.once('close', release);
      if (!verdict.internal) meter(socket, workspaceId, target.host, deps);
      return socket;
    } catch (thrown) {
      release();
      throw thrown;
    }
  }

  server.on('connect', (request: http.IncomingMessage, client: Duplex, head: Buffer) => {
    client.on('error', () => client.destroy());
    openUpstream(request.headers['proxy-authorization'], request.url ?? '').then(
      (upstream) => {
        if (client.destroyed) return upstream.destroy();
        client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        if (head.length > 0) upstream.write(head);
        join(client, upstream);
      },
      (thrown: unknown) => {
        const { status, message } = asRefused(thrown);
        const more = status === 407 ? 'Proxy-Authenticate: Basic realm="egress"\r\n' : '';
        const body = `${message}\n`;
        client.end(
          `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\n${more}Content-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
        );
      },
    );
  });

  server.on('request', (request: http.IncomingMessage, response: http.ServerResponse) => {
    forward(request, response, openUpstream).catch((thrown: unknown) => {
      const { status, message } = asRefused(thrown);
      if (response.headersSent) return response.destroy();
      if (status === 407) response.setHeader('Proxy-Authenticate', 'Basic realm="egress"');
      response.writeHead(status, { 'content-type': 'text/plain', connection: 'close' }).end(`${message}\n`);
    });
  });

  server.on('clientError', (_error, socket) => socket.destroy());
  return server;
}

async function forward(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  openUpstream: (header: string | undefined, authority: string) => Promise<net.Socket>,
): Promise<void> {
  const url = URL.parse(request.url ?? '');
  if (url?.protocol !== 'http:' || url.username || url.password) {
    throw new Refused(400, 'This is a proxy: ask for http://host/path, or CONNECT for anything else.');
  }
  const socket = await openUpstream(request.headers['proxy-authorization'], `${url.hostname}:${url.port || '80'}`);
  const headers: http.OutgoingHttpHeaders = { ...request.headers, host: url.host };
  for (const name of NOT_FORWARDED) delete headers[name];
  // One connection per request: it was opened for this target after the check, and is used for nothing else.
  const upstream = http.request({
    method: request.method,
    path: `${url.pathname}${url.search}`,
    headers,
    createConnection: () => socket, // with an agent, even `agent: false`, this would be ignored
  });
  upstream.on('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
    answer.on('error', () => response.destroy());
  });
  upstream.on('error', () => {
    if (response.headersSent) response.destroy();
    else response.writeHead(502, { 'content-type': 'text/plain' }).end('The host closed the connection.\n');
  });
  response.on('close', () => socket.destroy());
  request.pipe(upstream);
}

/** Tries the checked addresses one after the other, and makes sure that it is connected to the one it asked for. */
async function connectFirst(connect: ProxyDeps['connect'], addresses: string[], port: number): Promise<net.Socket> {
  for (const address of addresses.slice(0, 4)) {
    const socket = connect(address, port);
    socket.setTimeout(LIMITS.connectTimeoutMs, () => socket.destroy(new Error('timed out')));
    const connected = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('close', () => resolve(false));
    });
    if (!connected) continue;
    socket.on('error', () => socket.destroy());
    socket.setTimeout(LIMITS.idleMs, () => socket.destroy());
    socket.setNoDelay(true);
    if (normalAddress(socket.remoteAddress ?? '') === address) return socket;
    socket.destroy();
  }
  throw new Refused(502, 'The host does not answer.');
}

/** Reports a connection's bytes each minute and at its end. */
function meter(socket: net.Socket, workspaceId: string, host: string, { onTraffic, newId }: ProxyDeps): void {
  let out = 0;
  let into = 0;
  const report = () => {
    const bytesOut = socket.bytesWritten - out;
    const bytesIn = socket.bytesRead - into;
    if (bytesOut + bytesIn === 0) return;
    out += bytesOut;
    into += bytesIn;
    onTraffic({ id: newId(), workspaceId, host, bytesOut, bytesIn });
  };
  const timer = setInterval(report, LIMITS.reportEveryMs);
  timer.unref();
  socket.once('close', () => {
    clearInterval(timer);
    report();
  });
}

function join(client: Duplex, upstream: net.Socket): void {
  client.pipe(upstream);
  upstream.pipe(client); // ends the client when the host ends, after what was still on its way
  client.on('close', () => upstream.destroy());
  upstream.on('error', () => client.destroy());
}

function asRefused(thrown: unknown): Refused {
  return thrown instanceof Refused ? thrown : new Refused(502, 'The proxy could not reach the host.');
}

function once(work: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    work();
  };
}
