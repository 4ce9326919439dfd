import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import type { Logger } from '#shared/log.ts';

/**
 * `body`: text and bytes as they are, anything else as JSON; `stream` in its place, with its length. `repeated`: the first
 * answer to this delivery, once more. `closes`: nothing more is read from who called.
 */
export type Reply = {
  status: number;
  headers?: Record<string, string>;
  body?: Json | Uint8Array;
  stream?: Streamed;
  repeated?: boolean;
  closes?: boolean;
};
type Streamed = { stream: Readable; bytes: number };

/** Headers that say how a message is framed, or something in our name: those are not a workflow's to say. */
const OURS = /^(?:connection|content-length|date|keep-alive|proxy-.*|sluice-.*|te|trailer|transfer-encoding|upgrade)$/i;
const BYTES = 'application/octet-stream';
/** Requests that are being answered get this long when the server stops. */
const CLOSE_MS = 10_000;

const ADDRESS_FAULTS: Record<string, string> = {
  EADDRNOTAVAIL: 'this computer does not have that address',
  ENOTFOUND: 'there is no computer of that name',
  EACCES: 'this user may not open that port',
};

/** Listens, and gives the address. @throws SluiceError port.in_use */
export function listen(server: Server, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why = ADDRESS_FAULTS[cause.code ?? ''];
      if (why !== undefined)
        reject(
          new SluiceError('request.invalid', `Nothing can listen at ${host}:${port}: ${why}.`, {
            advice: 'Choose another address with --host or another port with --port.',
            cause,
          }),
        );
      else if (cause.code !== 'EADDRINUSE') reject(cause);
      else
        reject(
          new SluiceError('port.in_use', `Port ${port} is in use.`, {
            advice: 'Stop what listens there, or take another with --port.',
            details: { port },
            cause,
          }),
        );
    });
    server.listen(port, host, () => resolve(`http://${host}:${(server.address() as AddressInfo).port}`));
  });
}

/** Takes no more requests; those at work are answered, but not for ever. */
export async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const force = setTimeout(() => server.closeAllConnections(), CLOSE_MS);
  await closed;
  clearTimeout(force);
}

export function sendReply(response: ServerResponse, reply: Reply): void {
  const { status, headers = {}, body, stream, repeated, closes } = reply;
  for (const [name, value] of Object.entries(headers)) if (!OURS.test(name)) response.setHeader(name, value);
  if (repeated) response.setHeader('sluice-repeated', 'true');
  if (closes) response.setHeader('connection', 'close');
  response.statusCode = status;
  if (stream) {
    sendStream(response, stream);
    return;
  }
  if (body === undefined) {
    response.end();
    return;
  }
  const isBytes = body instanceof Uint8Array;
  if (!response.hasHeader('content-type')) {
    const type = isBytes ? BYTES : typeof body === 'string' ? 'text/plain' : 'application/json';
    response.setHeader('content-type', isBytes ? type : `${type}; charset=utf-8`);
  }
  const sent = isBytes || typeof body === 'string' ? body : JSON.stringify(body);
  // What HEAD is told of the length is that of the body that it does not get.
  if (response.req.method === 'HEAD') response.setHeader('content-length', Buffer.byteLength(sent));
  response.end(sent);
}

function sendStream(response: ServerResponse, { stream, bytes }: Streamed): void {
  if (!response.hasHeader('content-type')) response.setHeader('content-type', BYTES);
  response.setHeader('content-length', bytes);
  if (response.req.method === 'HEAD') {
    stream.destroy();
    response.end();
    return;
  }
  stream.on('error', () => response.destroy());
  // Who called may be gone before the end.
  response.on('close', () => stream.destroy());
  stream.pipe(response);
}

/** Says what went wrong as `application/problem+json` (formats.md 13). */
export function problemReply(thrown: unknown, log: Logger): Reply {
  const error = SluiceError.from(thrown);
  if (error.code === 'internal') log.error('A request broke.', { cause: String(error.cause ?? error) });
  const { code, message, detail, details } = error.toWire();
  const methods = Array.isArray(details?.methods) ? details.methods : [];
  const challenge = typeof details?.challenge === 'string' ? details.challenge : undefined;
  const problem = {
    type: `urn:sluice:${code}`,
    title: message,
    status: error.status,
    code,
    ...(detail ? { detail } : {}),
    ...(details ? { details } : {}),
  };
  return {
    status: error.status,
    headers: {
      'content-type': 'application/problem+json',
      ...(error.status === 405 ? { allow: methods.join(', ') } : {}),
      ...(challenge === undefined ? {} : { 'www-authenticate': challenge }),
      ...(error.status === 503 || error.status === 429
        ? { 'retry-after': String(details?.retryAfterSeconds ?? 5) }
        : {}),
    },
    body: problem as unknown as Json,
    closes: error.status === 413,
  };
}

/** Sends a problem, whatever was to be sent; where that has begun, the connection ends. */
export function sendProblem(response: ServerResponse, thrown: unknown, log: Logger): void {
  const reply = problemReply(thrown, log);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  sendReply(response, reply);
}
