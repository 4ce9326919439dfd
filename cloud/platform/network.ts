import type { IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';

/** Of an IPv6 address the half that a provider hands out as one: whoever has an address of it has all. */
const SHARED_PARTS = 4;

/**
 * What an address is counted under, so that nobody gets another count with every address they may choose themselves: an
 * IPv4 address alone, however it is written, and an IPv6 address with the 64 bits of its neighbours.
 *
 * @param text as a socket or a proxy gives it; what is no address stays as it is
 */
export function networkOf(text: string): string {
  if (!ipaddr.isValid(text)) return text.slice(0, 100);
  const address = ipaddr.process(text);
  if (address.kind() === 'ipv4') return address.toString();
  const parts = (address as ipaddr.IPv6).parts.slice(0, SHARED_PARTS);
  return `${parts.map((part) => part.toString(16)).join(':')}::/64`;
}

/** Who asks for a WebSocket, behind so many proxies of ours: the same that Express says of a request. */
export function clientOf(req: Pick<IncomingMessage, 'headers' | 'socket'>, trustProxy: number): string {
  const named = [req.headers['x-forwarded-for'] ?? []].flat().join(',');
  const hops = named
    .split(',')
    .map((hop) => hop.trim())
    .filter(Boolean)
    .reverse();
  const all = [req.socket.remoteAddress ?? '', ...hops];
  return all[Math.min(trustProxy, all.length - 1)] ?? '';
}
