import { smtp } from '#runtime/connectors/mail/connector.ts';
import { postgres } from '#runtime/connectors/postgres/connector.ts';
import { findConnector } from '#runtime/connectors/registry.ts';
import { checkOwnHost } from '#runtime/engine/ports/hosts.ts';
import { createHttpBroker } from '#runtime/engine/ports/http.ts';
import { mailFailure } from '#runtime/engine/ports/mailFailure.ts';
import { signInToPostgres } from '#runtime/engine/ports/sqlPool.ts';
import { postgresFailure } from '#runtime/engine/ports/sqlPostgresFailure.ts';
import type { BoundConnection } from '#shared/contract/agentApi.ts';
import type { ConnectionTrial } from '#shared/contract/cloud/connections.ts';
import { SluiceError } from '#shared/error.ts';
import { createOAuth, oauthOf } from './oauth.ts';
import type { Outside } from './outside.ts';

const TIMEOUT_MS = 10_000;
/** What a service or the network says is the outcome of a try; anything else is a fault of ours. */
const OUTCOMES = /^(connector\.|egress\.|connection\.host_not_allowed|config\.invalid|step\.output_too_large)/;

type Tried = Omit<ConnectionTrial, 'ms'>;

/**
 * Signs in to the service that a connection is for, and changes nothing there: a GET, a login, `SELECT 1`.
 *
 * @param url what is asked of an HTTP service
 */
export async function tryConnection(
  outside: Outside,
  connection: BoundConnection,
  url: string | undefined,
): Promise<ConnectionTrial> {
  const began = performance.now();
  const ended = (tried: Tried): ConnectionTrial => ({ ...tried, ms: Math.round(performance.now() - began) });
  try {
    return ended(await attempt(outside, connection, url));
  } catch (thrown) {
    const { code, message, advice } = SluiceError.from(thrown);
    if (!OUTCOMES.test(code)) throw thrown;
    return ended({ ok: false, message, ...(advice === undefined ? {} : { advice }) });
  }
}

function attempt(outside: Outside, connection: BoundConnection, url: string | undefined): Promise<Tried> | Tried {
  switch (connection.connector) {
    case 'http':
      return tryHttp(outside, connection, url);
    case 'postgres':
      return tryPostgres(outside, connection);
    case 'smtp':
      return trySmtp(outside, connection);
    default:
      return {
        ok: true,
        message: 'Its fields are as they must be. It signs in to nobody, so there is nothing to reach.',
      };
  }
}

async function tryHttp(outside: Outside, given: BoundConnection, url: string | undefined): Promise<Tried> {
  if (url === undefined) {
    throw new SluiceError('config.invalid', 'It is not said which address to try.', {
      advice: 'Name one of the service that may be read: it is asked by GET.',
    });
  }
  const settings = given.secret.clientId === undefined ? undefined : oauthOf(given.secret);
  const tokens = settings && (await createOAuth(outside.fetch).renew(settings, undefined));
  const connection = tokens ? { ...given, secret: { kind: 'bearer', token: tokens.accessToken } } : given;
  const broker = createHttpBroker({ findConnector, fetch: outside.fetch });
  const request = { method: 'GET', url, timeoutMs: TIMEOUT_MS, failOnStatus: false };
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

async function tryPostgres(outside: Outside, { secret, hosts }: BoundConnection): Promise<Tried> {
  const read = postgres.connection.parse(secret);
  const { host, port, database, user } = read;
  checkOwnHost({ host, port, usualPort: 5432 }, hosts);
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const socket = await outside.connect({ host, port }, signal).catch((thrown: unknown) => {
    throw postgresFailure(thrown, failedAt(signal, secret));
  });
  try {
    // Signing in asks a first thing of the database already.
    await signInToPostgres(read, socket, signal);
    return { ok: true, message: `${host}:${port} lets ${user} into ${database}.` };
  } catch (thrown) {
    throw postgresFailure(thrown, failedAt(signal, secret));
  } finally {
    socket.destroy();
  }
}

const failedAt = (signal: AbortSignal, secret: BoundConnection['secret']) =>
  ({ at: 'before', write: false, timedOut: signal.aborted, timeoutMs: TIMEOUT_MS, secret }) as const;

async function trySmtp(outside: Outside, { secret, hosts }: BoundConnection): Promise<Tried> {
  const { host, port, encryption, user, password, ca } = smtp.connection.parse(secret);
  checkOwnHost({ host, port, usualPort: 587 }, hosts);
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const where = () => ({ sent: false, timedOut: signal.aborted, timeoutMs: TIMEOUT_MS, password });
  const socket = await outside.connect({ host, port }, signal).catch((thrown: unknown) => {
    throw mailFailure(thrown, where());
  });
  const { default: SMTPConnection } = await import('nodemailer/lib/smtp-connection');
  const session = new SMTPConnection({
    ...{ host, port, connection: socket, name: 'sluice.invalid' },
    ...{ secure: encryption === 'tls', requireTLS: encryption === 'starttls', ignoreTLS: encryption === 'none' },
    tls: { rejectUnauthorized: true, ...(ca ? { ca } : {}) },
    ...{ greetingTimeout: TIMEOUT_MS, socketTimeout: TIMEOUT_MS },
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
