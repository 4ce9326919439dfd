import { request } from 'node:http';
import net from 'node:net';
import { SluiceError } from '#shared/error.ts';
import { failureOf } from './failure.ts';

export type SocketTarget = { host: string; port: number; timeoutMs?: number; signal?: AbortSignal };

/**
 * Opens a connection for a protocol that is not HTTP: straight, or where the process has been told that its only way out
 * is a proxy (as in a tenant's container, by the same variables that Node's fetch obeys), through that by CONNECT.
 *
 * @throws SluiceError connector.unavailable, egress.refused; the signal's reason
 */
export async function openSocket(
  { host, port, timeoutMs = 10_000, signal }: SocketTarget,
  env: NodeJS.ProcessEnv = process.env,
): Promise<net.Socket> {
  signal?.throwIfAborted();
  const where = net.isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
  const timeout = AbortSignal.timeout(timeoutMs);
  const either = signal ? AbortSignal.any([signal, timeout]) : timeout;
  const proxy = proxyFor(host, env);
  try {
    return await (proxy ? throughProxy(proxy, where, either) : straight(host, port, either));
  } catch (thrown) {
    if (signal?.aborted) throw signal.reason;
    if (!timeout.aborted) throw failureOf(thrown, where);
    throw new SluiceError('connector.unavailable', `${where} did not answer within ${timeoutMs} ms.`, {
      details: { reason: 'timeout', timeoutMs },
      advice: 'Look whether the address is right and the service is up.',
    });
  }
}

function proxyFor(host: string, env: NodeJS.ProcessEnv): URL | undefined {
  const proxy = env.HTTPS_PROXY ?? env.https_proxy;
  if (env.NODE_USE_ENV_PROXY !== '1' || !proxy) return undefined;
  const without = (env.NO_PROXY ?? env.no_proxy ?? '').split(',').map((entry) => entry.trim().replace(/^\./, ''));
  if (without.some((entry) => entry === '*' || (entry !== '' && (host === entry || host.endsWith(`.${entry}`)))))
    return undefined;
  return new URL(proxy);
}

function straight(host: string, port: number, signal: AbortSignal): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port });
    const onAbort = () => socket.destroy(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      signal.removeEventListener('abort', onAbort);
      socket.removeListener('error', reject);
      resolve(socket);
    });
  });
}

function throughProxy(proxy: URL, where: string, signal: AbortSignal): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const login = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
    const asked = request({
      host: proxy.hostname,
      port: proxy.port || 80,
      method: 'CONNECT',
      path: where,
      headers: {
        host: where,
        ...(proxy.username ? { 'proxy-authorization': `Basic ${Buffer.from(login).toString('base64')}` } : {}),
      },
      agent: false,
      signal,
    });
    asked.once('error', reject);
    asked.once('connect', (response, socket, head) => {
      if (response.statusCode === 200) {
        if (head.length > 0) socket.unshift(head);
        resolve(socket as net.Socket);
        return;
      }
      socket.destroy();
      // In the words in which fetch says it, so that both mean the same.
      reject(new Error(`Proxy response (${response.statusCode}) to CONNECT`));
    });
    asked.once('response', (response) => {
      response.destroy();
      reject(new Error(`Proxy response (${response.statusCode}) to CONNECT`));
    });
    asked.end();
  });
}
