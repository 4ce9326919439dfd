import type { Socket } from 'node:net';
import type { BoundConnection } from '#shared/contract/agentApi.ts';
import type { ConnectionTrial } from '#shared/contract/cloud/connections.ts';
import { SluiceError } from '#shared/error.ts';
import type { JsonObject } from '#shared/json.ts';
import { smtp } from '../../connectors/mail/connector.ts';
import { postgres } from '../../connectors/postgres/connector.ts';
import { findConnector } from '../../connectors/registry.ts';
import { checkOwnHost } from './hosts.ts';
import { createHttpBroker } from './http.ts';
import { mailFailure } from './mailFailure.ts';
import type { BlobSink } from './reply.ts';
import { signInToPostgres } from './sqlPool.ts';
import { postgresFailure } from './sqlPostgresFailure.ts';

/** How services are reached from where a connection is tried. */
export type WayOut = {
  fetch: typeof fetch;
  /** An open connection. Throws SluiceError, or the error of the socket. */
  connect(target: { host: string; port: number }, signal: AbortSignal): Promise<Socket>;
  /** A token for a secret that services trade for one; undefined for any other. Absent: none is traded here. */
  token?(secret: JsonObject): Promise<string | undefined>;
};

const TIMEOUT_MS = 10_000;
const MOST_BYTES = 256 * 1024;
/** Takes bytes and keeps none. */
const FORGETS: BlobSink = { put: async () => '' };
/** What a service or the network says is the outcome of a try; anything else is a fault of ours. */
const OUTCOMES = /^(connector\.|egress\.|connection\.host_not_allowed|config\.invalid|step\.output_too_large)/;

type Tried = Omit<ConnectionTrial, 'ms'>;

/**
 * Signs in to the service that a connection is for, and changes nothing there: a GET, a login, `SELECT 1`.
 *
 * @param url what is asked of an HTTP service
 * @param timeoutMs how long it may take
 */
export async function tryConnection(
  way: WayOut,
  connection: BoundConnection,
  url: string | undefined,
  timeoutMs = TIMEOUT_MS,
): Promise<ConnectionTrial> {
  const began = performance.now();
  const ended = (tried: Tried): ConnectionTrial => ({ ...tried, ms: Math.round(performance.now() - began) });
  try {
    return ended(await attempt(way, connection, url, timeoutMs));
  } catch (thrown) {
    const { code, message, advice } = SluiceError.from(thrown);
    if (!OUTCOMES.test(code)) throw thrown;
    return ended({ ok: false, message, ...(advice === undefined ? {} : { advice }) });
  }
}

function attempt(
  way: WayOut,
  connection: BoundConnection,
  url: string | undefined,
  timeoutMs: number,
): Promise<Tried> | Tried {
  switch (connection.connector) {
    case 'http':
      return tryHttp(way, connection, url, timeoutMs);
    case 'postgres':
      return tryPostgres(way, connection, timeoutMs);
    case 'smtp':
      return trySmtp(way, connection, timeoutMs);
    default:
      return {
        ok: true,
        message: 'Its fields are as they must be. It signs in to nobody, so there is nothing to reach.',
      };
  }
}

async function tryHttp(
  way: WayOut,
  given: BoundConnection,
  url: string | undefined,
  timeoutMs: number,
): Promise<Tried> {
  if (url === undefined) {
    throw new SluiceError('config.invalid', 'It is not said which address to try.', {
      advice: 'Name one of the service that may be read: it is asked by GET.',
    });
  }
  const token = await way.token?.(given.secret);
  const connection = token === undefined ? given : { ...given, secret: { kind: 'bearer', token } };
  // Whether it was let in is in the first lines; what it is told there is nobody's here.
  const broker = createHttpBroker({ findConnector, fetch: way.fetch, maxBytes: MOST_BYTES, blobs: FORGETS });
  const request = { method: 'GET', url, timeoutMs, failOnStatus: false };
  const { status } = await broker.send(request, { connection });
  const { host } = new URL(url);
  if (status === 401 || status === 403 || status === 407) {
    const advice = 'Look whether it is the right secret, and whether it may read this address.';
    return { ok: false, message: `${host} answered ${status}: it does not let this connection in.`, advice };
  }
  if (status >= 500) return { ok: false, message: `${host} answered ${status}.`, advice: 'Try again in a while.' };
  if (status === 404)
    return { ok: true, message: `${host} answered 404: it lets us in, and has nothing at this address.` };
  if (status >= 400) {
    return { ok: false, message: `${host} answered ${status}.`, advice: 'Try an address that may be read by GET.' };
  }
  return { ok: true, message: `${host} answered ${status}.` };
}

async function open(way: WayOut, target: { host: string; port: number }, signal: AbortSignal): Promise<Socket> {
  const socket = await way.connect(target, signal);
  // Whoever uses it is told by what it listens to; nobody dies of what nobody heard.
  socket.on('error', () => undefined);
  if (signal.aborted) {
    socket.destroy();
    throw signal.reason;
  }
  return socket;
}

async function tryPostgres(way: WayOut, { secret, hosts }: BoundConnection, timeoutMs: number): Promise<Tried> {
  const read = postgres.connection.parse(secret);
  const { host, port, database, user } = read;
  checkOwnHost({ host, port, usualPort: 5432 }, hosts);
  // Loaded now, so that it takes nothing of the service's time.
  await import('pg');
  const signal = AbortSignal.timeout(timeoutMs);
  const socket = await open(way, { host, port }, signal).catch((thrown: unknown) => {
    throw postgresFailure(thrown, failedAt(signal, secret, timeoutMs));
  });
  try {
    // Signing in asks a first thing of the database already.
    await signInToPostgres(read, socket, signal);
    return { ok: true, message: `${host}:${port} lets ${user} into ${database}.` };
  } catch (thrown) {
    throw postgresFailure(thrown, failedAt(signal, secret, timeoutMs));
  } finally {
    socket.destroy();
  }
}

const failedAt = (signal: AbortSignal, secret: JsonObject, timeoutMs: number) =>
  ({ at: 'before', write: false, timedOut: signal.aborted, timeoutMs, secret }) as const;

async function trySmtp(way: WayOut, { secret, hosts }: BoundConnection, timeoutMs: number): Promise<Tried> {
  const { host, port, encryption, user, password, ca } = smtp.connection.parse(secret);
  checkOwnHost({ host, port, usualPort: 587 }, hosts);
  const { default: SMTPConnection } = await import('nodemailer/lib/smtp-connection');
  const signal = AbortSignal.timeout(timeoutMs);
  const where = () => ({ sent: false, timedOut: signal.aborted, timeoutMs, password });
  const socket = await open(way, { host, port }, signal).catch((thrown: unknown) => {
    throw mailFailure(thrown, where());
  });
  const session = new SMTPConnection({
    ...{ host, port, connection: socket, name: 'sluice.invalid' },
    ...{ secure: encryption === 'tls', requireTLS: encryption === 'starttls', ignoreTLS: encryption === 'none' },
    tls: { rejectUnauthorized: true, ...(ca ? { ca } : {}) },
  });
  const cut = () => socket.destroy();
  signal.addEventListener('abort', cut, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      session.once('error', reject);
      session.once('end', () => reject(new Error('Connection closed')));
      session.connect((failed) => {
        if (failed || !user) return failed ? reject(failed) : resolve();
        session.login({ credentials: { user, pass: password ?? '' } }, (refused) =>
          refused ? reject(refused) : resolve(),
        );
      });
    });
    return { ok: true, message: user ? `${host}:${port} lets ${user} in.` : `${host}:${port} answers.` };
  } catch (thrown) {
    throw mailFailure(thrown, where());
  } finally {
    signal.removeEventListener('abort', cut);
    session.removeAllListeners('end');
    session.close();
    socket.destroy();
  }
}
