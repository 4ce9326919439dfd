import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Secret } from '#shared/log.ts';

/** The password by which a container tells the proxy whose it is. It opens nothing else, and no other workspace's. */
export function egressPassword(key: Secret<string>, workspaceId: string): string {
  return createHmac('sha256', key.reveal()).update(`egress:${workspaceId}`).digest('hex');
}

/** Whose container sends this `Proxy-Authorization`; undefined if it is nobody's. */
export function readProxyAuthorization(key: Secret<string>, header: string | undefined): string | undefined {
  const match = /^Basic ([A-Za-z0-9+/=]{1,400})$/i.exec(header ?? '');
  if (!match?.[1]) return undefined;
  const [workspaceId = '', password = ''] = Buffer.from(match[1], 'base64').toString('latin1').split(':');
  const expected = Buffer.from(egressPassword(key, workspaceId));
  const given = Buffer.from(password);
  return given.length === expected.length && timingSafeEqual(given, expected) ? workspaceId : undefined;
}

/** What goes into a container's `HTTP_PROXY`. */
export function proxyUrl(key: Secret<string>, workspaceId: string, host: string, port: number): string {
  return `http://${workspaceId}:${egressPassword(key, workspaceId)}@${host}:${port}`;
}
