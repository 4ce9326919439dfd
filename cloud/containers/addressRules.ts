import { networkInterfaces } from 'node:os';
import ipaddr from 'ipaddr.js';

type Range = [ipaddr.IPv4 | ipaddr.IPv6, number];

/** Public on paper, and still nobody's business: hosting providers answer machine metadata there. */
const METADATA: Range[] = ['168.63.129.16/32', '192.0.0.192/32', '100.100.100.200/32'].map(range);
/** IPv6 that is handed out to the world. All else (mapped, NAT64, unique local, link-local, multicast …) is refused. */
const GLOBAL_V6 = range('2000::/3');
/** Inside the global range, but leading elsewhere: into IPv4, into tunnels, into documentation. */
const LEADING_ELSEWHERE: [string, Range][] = [
  ['6to4', range('2002::/16')],
  ['teredo', range('2001::/32')],
  ['reserved', range('2001::/23')],
  ['documentation', range('2001:db8::/32')],
  ['documentation', range('3fff::/20')],
];

/**
 * Why a container may not connect to this address, or undefined if it may. Everything that is not plainly public is
 * refused: private, loopback, link-local, shared, metadata, mapped, NAT64, 6to4, multicast, reserved.
 *
 * @param address an address as a socket or a resolver gives it, not a name
 * @param own addresses of the machine itself, refused although they may be public
 */
export function addressRefusal(address: string, own: ReadonlySet<string> = new Set()): string | undefined {
  if (address.includes('%')) return 'an address with a zone';
  if (!ipaddr.IPv4.isValidFourPartDecimal(address) && !ipaddr.IPv6.isValid(address)) return 'not an address';
  const parsed = ipaddr.parse(address);
  if (own.has(parsed.toNormalizedString())) return 'an address of this machine';
  if (METADATA.some((metadata) => within(parsed, metadata))) return 'a metadata address';
  if (parsed.kind() === 'ipv6') {
    if (!within(parsed, GLOBAL_V6)) return `a ${parsed.range()} address`;
    const [name] = LEADING_ELSEWHERE.find(([, elsewhere]) => within(parsed, elsewhere)) ?? [];
    if (name) return `a ${name} address`;
  }
  const kind = parsed.range();
  return kind === 'unicast' ? undefined : `a ${kind} address`;
}

/** Public addresses of this machine; its private ones are refused anyway. */
export function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const ours = all.flatMap(({ address }) => normalAddress(address) ?? []);
  return ours.filter((address) => addressRefusal(address) === undefined).sort();
}

/** One spelling per address, so that two texts can be compared; undefined if the text is no address. */
export function normalAddress(address: string): string | undefined {
  const plain = ipaddr.IPv4.isValidFourPartDecimal(address) || ipaddr.IPv6.isValid(address);
  return plain ? ipaddr.parse(address).toNormalizedString() : undefined;
}

function range(cidr: string): Range {
  return ipaddr.parseCIDR(cidr);
}

function within(address: ipaddr.IPv4 | ipaddr.IPv6, [base, bits]: Range): boolean {
  return address.kind() === base.kind() && address.match(base, bits);
}
