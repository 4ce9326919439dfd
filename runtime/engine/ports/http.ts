import type { Connector, HttpReply, HttpRequest } from '#runtime/connectors/stepType.ts';
import type { BoundConnection } from '#shared/contract/agentApi.ts';
import { SluiceError } from '#shared/error.ts';
import type { JsonObject } from '#shared/json.ts';
import { failureOf } from './failure.ts';
import { isAllowedHost, parseUrl, shownUrl } from './hosts.ts';
import { type BlobSink, readReply } from './reply.ts';

export type HttpBrokerDeps = {
  /** Finds a connector by name, to sign with. */
  findConnector(name: string): Connector | undefined;
  /** Where bodies go that are neither JSON nor text, or too large to be carried along. Without it they are refused. */
  blobs?: BlobSink;
  /** Asked for every address before it is called, redirects too. Throws egress.refused. */
  egress?(url: URL): Promise<void> | void;
  fetch?: typeof fetch;
  /** Body bytes after decompression; 10 MB. */
  maxBytes?: number;
};

export type SendOptions = {
  /** Its secret goes into the request's headers and nowhere else. */
  connection?: BoundConnection;
  /** Hosts that the step type's connector is made for; without them those of the connection. */
  hosts?: readonly string[];
  signal?: AbortSignal;
  idempotencyKey?: string;
};

export type HttpBroker = {
  /**
   * Sends one request for a step: checks the address, adds the connection's secret only where the connection's hosts
   * allow it, follows redirects (checked again; the secret is dropped when scheme, host or port change), and reads the answer.
   *
   * An answer below 400 is given as it is, and with `failOnStatus: false` any answer.
   *
   * @throws SluiceError
   *  - connector.unavailable: it surely did not happen. Address not found, refused, no trust in the certificate; answers
   *    408, 425, 429, and 503 with Retry-After (`details.retryAfterMs`)
   *  - connector.unclear: it may have happened. Cut or timed out after it may have been sent; other answers from 500 on
   *  - connector.rejected: the other side said no. Other answers from 400 on; `details` has `status` and `body` (the first 2,000 characters)
   *  - connection.host_not_allowed, egress.refused, config.invalid: it was not sent
   *  - step.output_too_large: it was answered with more than fits
   *  - the signal's reason, where it was aborted
   */
  send(request: HttpRequest, options?: SendOptions): Promise<HttpReply>;
};

const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_BYTES = 10 * 1024 * 1024;
const OUR_HEADERS = { accept: '*/*', 'user-agent': 'Sluice' };
/** Headers that say where a message goes or how it is framed: those are ours to say. */
const RESERVED = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'upgrade',
  'te',
  'trailer',
  'keep-alive',
  'expect',
]);
/** Headers of a person's own that must not follow a redirect to somebody else. */
const PERSONAL = /^(authorization|cookie|proxy-authorization|.*(token|secret|api-?key|signature).*)$/;

export function createHttpBroker({
  findConnector,
  blobs,
  egress,
  fetch: fetchIt = fetch,
  maxBytes = MAX_BYTES,
}: HttpBrokerDeps): HttpBroker {
  async function send(
    request: HttpRequest,
    { connection, hosts, signal, idempotencyKey }: SendOptions = {},
  ): Promise<HttpReply> {
    signal?.throwIfAborted();
    const timeoutMs = request.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const timeout = AbortSignal.timeout(timeoutMs);
    const either = signal ? AbortSignal.any([signal, timeout]) : timeout;
    const start = parseUrl(request.url);
    let { method, headers, body } = prepare(request, idempotencyKey);
    let url = start;
    let trusted = true;
    let where = shownUrl(url);
    try {
      for (let hops = 0; ; hops++) {
        where = shownUrl(url);
        await egress?.(url);
        const signed = connection ? signedHeaders(connection, hosts, method, url, trusted) : {};
        const response = await fetchIt(url, {
          method,
          headers: { ...headers, ...signed },
          body,
          redirect: 'manual',
          signal: either,
        });
        const location = response.headers.get('location');
        if (
          !isRedirect(response.status) ||
          location === null ||
          !URL.canParse(location, url.href) ||
          request.maxRedirects === 0
        ) {
          return checked(
            await readReply(response, { method, where, maxBytes, blobs }),
            where,
            request.failOnStatus ?? true,
          );
        }
        await response.body?.cancel();
        if (hops >= (request.maxRedirects ?? 5)) {
          throw new SluiceError('connector.rejected', `${shownUrl(start)} led to more than ${hops} redirects.`, {
            details: { status: response.status },
          });
        }
        const next = parseUrl(new URL(location, url).href);
        if (next.origin !== url.origin) {
          // For good: whoever is led away and back must not bring our secret to an address of somebody else's choosing.
          trusted = false;
          headers = withoutPersonal(headers);
        }
        // As browsers and curl do: only 307 and 308 repeat the request as it was.
        if (response.status === 303 ? method !== 'HEAD' : response.status < 303 && method === 'POST') {
          method = 'GET';
          body = undefined;
          headers = Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'content-type'));
        }
        url = next;
      }
    } catch (thrown) {
      if (signal?.aborted) throw signal.reason;
      if (timeout.aborted && !(thrown instanceof SluiceError)) {
        throw new SluiceError('connector.unclear', `${where} did not answer within ${timeoutMs} ms.`, {
          cause: thrown,
          details: { reason: 'timeout', timeoutMs },
        });
      }
      throw failureOf(thrown, where);
    }
  }

  /** Every address a connection is used for is checked; the secret itself is only for the origin that was asked for. */
  function signedHeaders(
    connection: BoundConnection,
    listed: readonly string[] | undefined,
    method: string,
    url: URL,
    withSecret: boolean,
  ): Record<string, string> {
    const connector = findConnector(connection.connector);
    if (!connector) throw new SluiceError('connection.not_found', `There is no connector '${connection.connector}'.`);
    const hosts = listed ?? connector.hosts ?? connection.hosts;
    if (!isAllowedHost(url, hosts)) {
      throw new SluiceError('connection.host_not_allowed', `This connection may not be used for ${url.host}.`, {
        advice:
          hosts.length > 0
            ? `It is for ${hosts.join(', ')}. Add the host to the connection if it is meant.`
            : 'Add the host to the connection.',
        details: { host: url.host, hosts: [...hosts] },
      });
    }
    if (!withSecret || !connector.sign) return {};
    const secret = connector.connection.safeParse(connection.secret);
    if (!secret.success) {
      throw new SluiceError(
        'config.invalid',
        `The connection lacks what ${connector.title} needs: ${secret.error.issues[0]?.path.join('.') ?? 'a field'}.`,
        {
          advice: 'Open the connection and fill it in.',
        },
      );
    }
    return lowerCased(connector.sign(secret.data, { method, url: url.href }));
  }

  return { send };
}

function prepare(request: HttpRequest, idempotencyKey: string | undefined) {
  const method = request.method.toUpperCase();
  const headers: Record<string, string> = { ...OUR_HEADERS, ...lowerCased(request.headers ?? {}) };
  for (const [name, value] of Object.entries(headers)) {
    if (RESERVED.has(name) || !/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) {
      throw new SluiceError('config.invalid', `The header '${name}' cannot be set.`);
    }
    if (/[\r\n\0]/.test(value))
      throw new SluiceError('config.invalid', `The value of the header '${name}' holds a line break.`);
    // fetch takes bytes; text beyond Latin-1 goes out as its UTF-8 bytes.
    headers[name] = /[^\x20-\xff\t]/.test(value) ? Buffer.from(value, 'utf8').toString('latin1') : value;
  }
  if (request.idempotencyHeader !== undefined && idempotencyKey !== undefined) {
    headers[request.idempotencyHeader.toLowerCase()] = idempotencyKey;
  }
  const { body } = request;
  if (body === undefined || (body === null && (method === 'GET' || method === 'HEAD')))
    return { method, headers, body: undefined };
  if (method === 'GET' || method === 'HEAD') {
    throw new SluiceError('config.invalid', `A ${method} request has no body.`, {
      advice: 'Leave the body empty, or choose POST.',
    });
  }
  if (typeof body === 'string') {
    headers['content-type'] ??= 'text/plain; charset=utf-8';
    return { method, headers, body };
  }
  if (
    headers['content-type']?.startsWith('application/x-www-form-urlencoded') &&
    typeof body === 'object' &&
    body !== null &&
    !Array.isArray(body)
  ) {
    const form = new URLSearchParams();
    for (const [name, value] of Object.entries(body)) {
      for (const one of Array.isArray(value) ? value : [value])
        form.append(name, typeof one === 'string' ? one : JSON.stringify(one));
    }
    return { method, headers, body: form.toString() };
  }
  headers['content-type'] ??= 'application/json';
  return { method, headers, body: JSON.stringify(body) };
}

function checked(reply: HttpReply, where: string, failOnStatus: boolean): HttpReply {
  const { status, body } = reply;
  if (!failOnStatus || status < 400) return reply;
  const text = typeof body === 'string' ? body : body === null ? '' : JSON.stringify(body);
  const details: JsonObject = { status, body: text.slice(0, 2_000) };
  const retryAfterMs = retryAfter(reply.headers['retry-after']);
  if (retryAfterMs !== undefined) details.retryAfterMs = retryAfterMs;
  if (status === 408 || status === 425 || status === 429 || (status === 503 && retryAfterMs !== undefined)) {
    throw new SluiceError('connector.unavailable', `${where} asked to come back later (${status}).`, { details });
  }
  if (status >= 500) throw new SluiceError('connector.unclear', `${where} failed with ${status}.`, { details });
  const advice =
    status === 401 || status === 403 ? 'Look whether the connection’s secret is right and may do this.' : undefined;
  throw new SluiceError('connector.rejected', `${where} refused the request with ${status}.`, { details, advice });
}

/** Milliseconds of a Retry-After in seconds or as a date, at most a day. */
function retryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), 86_400_000) : undefined;
}

function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

function withoutPersonal(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !PERSONAL.test(name)));
}

function lowerCased(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
