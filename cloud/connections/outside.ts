import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { SluiceError } from '#shared/error.ts';
import type { Target, Verdict } from '../containers/egressPolicy.ts';

/** The way out for what the control plane asks of services itself, held to the same rules as what runs in containers. */
export type Outside = {
  /** Follows no redirect, and reads no more than 256 KB. @throws SluiceError egress.refused */
  fetch: typeof fetch;
  /** An open connection. @throws SluiceError egress.refused; the error of the socket */
  connect(target: Target, signal: AbortSignal): Promise<net.Socket>;
};

const ANSWER_BYTES = 256 * 1024;
const NO_BODY = new Set([204, 205, 304]);

/** @param decide looks a name up, and says which of its addresses may be connected to: those and no others are */
export function createOutside(decide: (target: Target) => Promise<Verdict>): Outside {
  async function allowed(target: Target): Promise<{ addresses: string[]; port: number }> {
    const verdict = await decide(target);
    if (verdict.allowed) return verdict;
    const where = `${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`;
    throw new SluiceError('egress.refused', `${where} cannot be reached from here: it is ${verdict.reason}.`, {
      advice: 'Private and local addresses cannot be reached from the cloud. Look whether the host is right.',
    });
  }

  async function ask(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
    const url = new URL(input instanceof Request ? input.url : input);
    const secure = url.protocol === 'https:';
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
    const { addresses, port } = await allowed({ host, port: Number(url.port || (secure ? 443 : 80)) });
    const known = addresses.map((address) => ({ address, family: net.isIPv6(address) ? 6 : 4 }));
    const [first] = known;
    if (!first) throw new SluiceError('egress.refused', `${host} has no address.`);
    const lookup: net.LookupFunction = (_host, options, callback) =>
      options.all ? callback(null, known) : callback(null, first.address, first.family);
    const body = bodyOf(init.body);
    return new Promise((resolve, reject) => {
      const headers = Object.fromEntries(new Headers(init.headers));
      const request = (secure ? https : http).request(
        {
          ...{ host, port, lookup, agent: false, signal: init.signal ?? undefined },
          method: init.method ?? 'GET',
          path: `${url.pathname}${url.search}`,
          headers: { ...headers, host: url.host, ...(body ? { 'content-length': body.length } : {}) },
        },
        (answer) => void read(answer, host).then(resolve, reject),
      );
      request.once('error', reject);
      request.end(body);
    });
  }

  return {
    fetch: ask as typeof fetch,
    async connect(target, signal) {
      const { addresses, port } = await allowed(target);
      signal.throwIfAborted();
      return new Promise((resolve, reject) => {
        const socket = net.connect({ host: addresses[0] ?? '', port, signal });
        socket.once('error', reject);
        socket.once('connect', () => {
          socket.removeListener('error', reject);
          resolve(socket);
        });
      });
    },
  };
}

function bodyOf(body: unknown): Buffer | undefined {
  if (body === undefined || body === null) return undefined;
  return body instanceof Uint8Array ? Buffer.from(body) : Buffer.from(String(body));
}

async function read(answer: http.IncomingMessage, host: string): Promise<Response> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of answer as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > ANSWER_BYTES) {
      answer.destroy();
      throw new SluiceError('step.output_too_large', `The answer of ${host} is longer than ${ANSWER_BYTES} bytes.`);
    }
    parts.push(part);
  }
  const status = answer.statusCode ?? 500;
  const headers = new Headers();
  for (let n = 0; n + 1 < answer.rawHeaders.length; n += 2) {
    headers.append(answer.rawHeaders[n] ?? '', answer.rawHeaders[n + 1] ?? '');
  }
  return new Response(NO_BODY.has(status) ? null : Buffer.concat(parts), { status, headers });
}
