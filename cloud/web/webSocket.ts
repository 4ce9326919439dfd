import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { z } from 'zod';
import type { HostEvent } from '#shared/contract/hostApi.ts';
import { SluiceError, type WireError } from '#shared/error.ts';
import { Uuid } from '#shared/ids.ts';
import type { Logger } from '#shared/log.ts';
import { clientOf } from '../platform/network.ts';
import type { Signals } from '../runs/signals.ts';
import type { SignedIn } from '../server/actor.ts';
import { checkShape } from '../server/bodyShape.ts';
import type { RateLimits } from '../server/rateLimits.ts';
import { checkWholeText, isUnstorable, unstorable } from '../server/wholeText.ts';
import type { Person } from './innerClient.ts';
import type { WebHost } from './webHost.ts';

/** A call of the host contract, or with `cloud` one of the cloud's API. */
const Frame = z.union([
  z.strictObject({ id: z.int(), name: z.string().max(80), input: z.unknown() }),
  z.strictObject({ id: z.int(), cloud: z.string().max(80), workspaceId: Uuid.optional(), input: z.unknown() }),
]);

export type WebSocketDeps = {
  publicUrl: string;
  /** How many proxies stand in front of us and say who asks. */
  trustProxy: number;
  limits: RateLimits;
  logger: Logger;
  signals: Pick<Signals, 'subscribe'>;
  /** Who the request's cookie belongs to now. */
  signedIn(cookies: string | undefined): Promise<SignedIn | undefined>;
  makeHost(who: () => Person, emit: (event: HostEvent) => void): WebHost;
  uuid(): string;
};

export type WebSockets = {
  handle(req: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Tells every window to come back, and takes no new one. */
  drain(): void;
};

/** Nobody is signed in here; the page goes to the sign-in. */
const NOT_SIGNED_IN = 4401;
/** As much as the biggest call of the contract needs: a batch of 500 edits, or a whole workflow as text. */
const FRAME_BYTES = 8 * 1024 * 1024;
/** A session that ended is refused within five seconds everywhere. */
const CHECK_MS = 2_000;
const PING_MS = 20_000;
/** A window that is this far behind is cut off; it connects again and starts from how things are. */
const BEHIND_BYTES = 16 * 1024 * 1024;
const WAITING_CALLS = 64;
const WINDOWS_PER_PERSON = 20;

type Window = { client: WebSocket; cookies: string; person: Person; host: WebHost };

/** The windows of the editor that are open in browsers: a socket each, signed in by the cookie of the pages. */
export function createWebSockets(deps: WebSocketDeps): WebSockets {
  const { publicUrl, trustProxy, limits, logger } = deps;
  const origin = new URL(publicUrl).origin;
  const server = new WebSocketServer({ noServer: true, maxPayload: FRAME_BYTES, perMessageDeflate: false });
  const windows = new Set<Window>();
  const answered = new WeakSet<WebSocket>();
  const report = (thrown: unknown) => {
    const { code, cause } = SluiceError.from(thrown);
    if (code !== 'internal') return;
    const shown = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause ?? thrown);
    logger.error('A window of the editor met a bug.', { error: shown });
  };

  const stopListening = deps.signals.subscribe((signal) => {
    for (const { host } of windows) void host.tell(signal).catch(report);
  });
  const checking = setInterval(() => void check().catch(report), CHECK_MS);
  const pinging = setInterval(ping, PING_MS);
  checking.unref();
  pinging.unref();

  async function open(client: WebSocket, req: IncomingMessage): Promise<void> {
    answered.add(client);
    client.on('pong', () => answered.add(client));
    client.on('error', () => client.terminate());
    const held: Buffer[] = [];
    // What comes before the cookie is looked up is kept, up to a few calls.
    const hold = (data: Buffer) => (held.length < WAITING_CALLS ? held.push(data) : client.terminate());
    client.on('message', hold);
    const cookies = req.headers.cookie ?? '';
    const session = await deps.signedIn(cookies);
    client.off('message', hold);
    if (client.readyState !== client.OPEN) return;
    const mine = [...windows].filter(({ person }) => person.session.userId === session?.userId).length;
    if (!session) return client.close(NOT_SIGNED_IN, 'not signed in');
    if (mine >= WINDOWS_PER_PERSON) return client.close(1013, 'too many windows');

    const about = { ip: clientOf(req, trustProxy), userAgent: (req.headers['user-agent'] ?? '').slice(0, 300) };
    const person: Person = { requestId: deps.uuid(), ...about, session };
    const host = deps.makeHost(
      () => ({ ...person, requestId: deps.uuid() }),
      (event) => send(client, { event }),
    );
    const window: Window = { client, cookies, person, host };
    windows.add(window);
    client.on('close', () => {
      windows.delete(window);
      host.close();
    });
    let waiting = 0;
    const take = async (data: Buffer, isBinary = false) => {
      if (isBinary || ++waiting > WAITING_CALLS) return client.close(1008, 'too many calls at once');
      await answer(window, data).finally(() => {
        waiting--;
      });
    };
    client.on('message', (data: Buffer, isBinary) => void take(data, isBinary).catch(report));
    for (const data of held) void take(data).catch(report);
  }

  async function answer({ client, host }: Window, data: Buffer): Promise<void> {
    const frame = readFrame(data);
    if (!frame) return client.close(1007, 'no frame of ours');
    const { id, input } = frame;
    try {
      checkWholeText(input);
      const output =
        'cloud' in frame
          ? await host.ask({ name: frame.cloud, workspaceId: frame.workspaceId, input })
          : await host.call(frame.name, input);
      send(client, { id, reply: { ok: true, output } });
    } catch (thrown) {
      const refusal = isUnstorable(thrown) ? unstorable() : thrown;
      report(refusal);
      const error: WireError = SluiceError.from(refusal).toWire();
      send(client, { id, reply: { ok: false, error } });
    }
  }

  /** Ends the windows of sessions that ended, and learns what changed about the person. */
  async function check(): Promise<void> {
    const asked = new Map<string, Promise<SignedIn | undefined>>();
    for (const window of windows) {
      const { cookies } = window;
      const asking = asked.get(cookies) ?? deps.signedIn(cookies);
      asked.set(cookies, asking);
      const session = await asking;
      if (!session) window.client.close(NOT_SIGNED_IN, 'the sign-in has ended');
      else window.person.session = session;
    }
  }

  function ping(): void {
    for (const client of server.clients) {
      if (!answered.has(client)) {
        client.terminate();
        continue;
      }
      answered.delete(client);
      client.ping();
    }
  }

  return {
    handle(req, socket, head) {
      // A browser always names the page that opens a socket; with another page's, the cookie would be used by a stranger.
      if (req.headers.origin !== origin) return refuse(socket, '403 Forbidden');
      limits.take('stream', clientOf(req, trustProxy)).then(
        () => server.handleUpgrade(req, socket, head, (client) => void open(client, req).catch(report)),
        () => refuse(socket, '429 Too Many Requests'),
      );
    },
    drain() {
      stopListening();
      clearInterval(checking);
      clearInterval(pinging);
      for (const client of server.clients) client.close(1012, 'the server restarts');
      server.close();
    },
  };
}

function readFrame(data: Buffer): z.infer<typeof Frame> | undefined {
  try {
    checkShape(data);
    return Frame.parse(JSON.parse(data.toString('utf8')));
  } catch {
    return undefined;
  }
}

function send(client: WebSocket, frame: unknown): void {
  if (client.readyState !== client.OPEN) return;
  if (client.bufferedAmount > BEHIND_BYTES) client.terminate();
  else client.send(JSON.stringify(frame));
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
