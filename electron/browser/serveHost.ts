import { randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize, sep } from 'node:path';
import { type WebSocket, WebSocketServer } from 'ws';
import { z } from 'zod';
import { EDITOR_HEADERS, EDITOR_TYPES, editorPolicy } from '#shared/editorFiles.ts';
import { SluiceError } from '#shared/error.ts';
import type { Host } from '../host/host.ts';
import { wrap } from '../host/wrap.ts';

const Frame = z.strictObject({ id: z.int(), name: z.string().max(80), input: z.unknown() });
const Hello = z.strictObject({ token: z.string().max(200) });

/** As much as the biggest call of the contract needs: a batch of 500 edits, or 1,000 pinned items. */
const MAX_FRAME_BYTES = 32 * 1_048_576;
/** Before a socket has shown its token it may send this much, and only for so long. */
const MAX_HELLO_BYTES = 1_024;
const HELLO_MS = 5_000;
const MAX_SOCKETS = 32;
/** A reader that is this far behind is cut off; it connects again and starts from the current state. */
const MAX_BACKLOG_BYTES = 64 * 1_048_576;

export type ServedHost = {
  port: number;
  /** Opens the editor. Holds the launch token in its fragment, which no server and no log sees. */
  url: string;
  close(): Promise<void>;
};

/**
 * Serves the editor and the host's calls to this computer's browser: loopback only, a port nobody can foresee, `Host` and
 * `Origin` checked on every request, and a token made now that each socket must show before it is told anything.
 *
 * @param rendererDir the built editor
 */
export async function serveHost(deps: { host: Host; rendererDir: string; token?: string }): Promise<ServedHost> {
  const { host, rendererDir, token = randomBytes(32).toString('base64url') } = deps;
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_FRAME_BYTES, perMessageDeflate: false });
  let port = 0;

  const server = createServer((request, response) => {
    if (!fromHere(request, port)) refuse(response, 403, 'This address is for the editor on this computer only.');
    else if (request.method !== 'GET' && request.method !== 'HEAD') refuse(response, 405, 'Only GET.');
    else void serveFile(rendererDir, port, request, response);
  });
  server.on('upgrade', (request, socket, head) => {
    // A browser always names the page that opens a socket; a page that is not ours is refused, and so is no page at all.
    const ours = fromHere(request, port) && origins(port).includes(request.headers.origin ?? '');
    if (!ours || request.url !== '/' || sockets.clients.size >= MAX_SOCKETS) {
      socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (client) => serveSocket(client, host, token));
  });
  await listen(server);
  port = (server.address() as AddressInfo).port;
  return {
    port,
    url: `http://127.0.0.1:${port}/#token=${token}`,
    close: async () => {
      for (const client of sockets.clients) client.close(1001, 'The host stops.');
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

function serveSocket(client: WebSocket, host: Host, token: string): void {
  let unsubscribe: (() => void) | undefined;
  const impatience = setTimeout(() => client.close(1008, 'No token.'), HELLO_MS);
  client.on('close', () => {
    clearTimeout(impatience);
    unsubscribe?.();
  });
  client.on('error', () => client.terminate());
  client.on('message', async (data: Buffer, isBinary) => {
    if (unsubscribe) {
      const frame = isBinary ? undefined : Frame.safeParse(parseJson(String(data))).data;
      if (!frame) return client.close(1007, 'No frame of ours.');
      const { id, name, input } = frame;
      send(client, { id, reply: await wrap(() => host.call(name, input)) });
      return;
    }
    const hello = data.length > MAX_HELLO_BYTES ? undefined : Hello.safeParse(parseJson(String(data))).data;
    if (!hello || !sameText(hello.token, token)) return client.close(1008, 'The token is not the one of this start.');
    clearTimeout(impatience);
    unsubscribe = host.subscribe((event) => send(client, { event }));
  });
}

function send(client: WebSocket, frame: unknown): void {
  if (client.readyState !== client.OPEN) return;
  if (client.bufferedAmount > MAX_BACKLOG_BYTES) client.terminate();
  else client.send(JSON.stringify(frame));
}

/** Names resolve where their owner likes; only a request that says it means this very address comes from our page. */
function fromHere(request: IncomingMessage, port: number): boolean {
  const { host, origin } = request.headers;
  if (host !== `127.0.0.1:${port}` && host !== `localhost:${port}`) return false;
  return origin === undefined || origins(port).includes(origin);
}

function origins(port: number): string[] {
  return [`http://127.0.0.1:${port}`, `http://localhost:${port}`];
}

async function serveFile(
  root: string,
  port: number,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
    const file = normalize(join(root, path === '/' ? 'index.html' : path));
    const type = EDITOR_TYPES[extname(file)];
    if (!file.startsWith(normalize(root) + sep) || path.includes('\0') || !type)
      return refuse(response, 404, 'There is nothing here.');
    const content = await readFile(file);
    response.writeHead(200, {
      ...EDITOR_HEADERS,
      'content-security-policy': editorPolicy(`ws://127.0.0.1:${port}`, `ws://localhost:${port}`),
      'content-type': type,
      'content-length': content.length,
      // Built files carry a hash in their name; the page that names them does not.
      'cache-control': path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-store',
    });
    response.end(request.method === 'HEAD' ? undefined : content);
  } catch {
    refuse(response, 404, 'There is nothing here.');
  }
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { ...EDITOR_HEADERS, 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
  response.end(`${message}\n`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

async function listen(server: Server): Promise<void> {
  await new Promise<void>((done, fail) => {
    server.once('error', (cause) => {
      fail(new SluiceError('port.in_use', 'No port for the editor could be opened on this computer.', { cause }));
    });
    server.listen(0, '127.0.0.1', done);
  });
}
