import type Docker from 'dockerode';
import ipaddr from 'ipaddr.js';
import { SluiceError } from '#shared/error.ts';

const SLOT_BITS = 28; // 16 addresses: network, (gateway), proxy, tenant, …, broadcast

/** An address of the network whose range is this: of `10.213.0.16/28` the second is `10.213.0.18`. */
export function nth(subnet: string, index: number): string {
  const [base] = ipaddr.IPv4.parseCIDR(subnet);
  return toText(toNumber(base) + index);
}

/**
 * Sixteen addresses of the pool that no network of the engine has.
 *
 * @param skip so many free ones are left to others who may be taking them right now
 * @throws SluiceError container.not_available
 */
export async function freeSubnet(docker: Docker, pool: string, skip: number): Promise<string> {
  const taken = (await docker.listNetworks()).flatMap((network) => network.IPAM?.Config ?? []);
  const ranges = taken.flatMap(({ Subnet }) => (Subnet && ipaddr.IPv4.isValidCIDR(Subnet) ? [span(Subnet)] : []));
  const [first, last] = span(pool);
  const size = 2 ** (32 - SLOT_BITS);
  let toSkip = skip;
  for (let at = first; at + size - 1 <= last; at += size) {
    if (ranges.some(([from, to]) => at <= to && from <= at + size - 1)) continue;
    if (toSkip-- > 0) continue;
    return `${toText(at)}/${SLOT_BITS}`;
  }
  throw new SluiceError('container.not_available', `All networks of ${pool} are in use.`, {
    advice: 'Set CONTAINER_SUBNETS to a larger range that nothing else uses.',
  });
}

function span(cidr: string): [number, number] {
  const [base, bits] = ipaddr.IPv4.parseCIDR(cidr);
  const first = toNumber(base) - (toNumber(base) % 2 ** (32 - bits));
  return [first, first + 2 ** (32 - bits) - 1];
}

function toNumber(address: ipaddr.IPv4): number {
  return address.octets.reduce((total, octet) => total * 256 + octet, 0);
}

function toText(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}
