import type { LookupAddress } from 'node:dns';
import { addressRefusal, normalAddress } from './addressRules.ts';

/** What leaves a container goes to a host and a port. `host` is a name or an address without brackets. */
export type Target = { host: string; port: number };
export type Lookup = (host: string) => Promise<LookupAddress[]>;
/** Addresses and port to connect to, in this order and no others, or why not. */
export type Verdict =
  | { allowed: true; addresses: string[]; port: number; internal: boolean }
  | { allowed: false; reason: string };

type PolicyDeps = {
  /** `host:port` that may be reached although private. The agent listener is one of them. */
  allowPrivate: readonly string[];
  /** `host:port` of the control plane's agent listener: allowed, and its bytes are not the tenant's traffic. */
  agent?: string;
  /** Listed `host:port` that is found elsewhere: the machine's loopback, seen from a proxy with a loopback of its own. */
  forward?: Readonly<Record<string, string>>;
  /** Addresses of the machine the proxy runs on. */
  own: ReadonlySet<string>;
  lookup: Lookup;
};

/** `example.org:443`, `[2606:4700::1]:443`. Undefined if it is anything else. */
export function parseTarget(authority: string): Target | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9._-]{1,253})):([0-9]{1,5})$/.exec(authority);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (!host || port < 1 || port > 65_535) return undefined;
  return { host: host.toLowerCase(), port };
}

/**
 * Decides where containers may connect. A name is resolved here and nowhere else, every address it has is looked at,
 * and the caller connects to what comes back: a second answer of the name server changes nothing.
 */
export function createEgressPolicy({
  allowPrivate,
  agent,
  forward = {},
  own,
  lookup,
}: PolicyDeps): (target: Target) => Promise<Verdict> {
  const internal = new Set([...(agent ? [agent] : [])].map(spell));
  const listed = new Set([...internal, ...allowPrivate.map(spell)]);
  const elsewhere = new Map(Object.entries(forward).map(([from, to]) => [spell(from), parseTarget(to)]));

  return async (target) => {
    const literal = normalAddress(target.host);
    const found = literal ? [literal] : await resolve(target.host, lookup);
    if (!found) return { allowed: false, reason: 'a name that does not resolve' };
    const names = (address: string) => [key(target.host, target.port), key(address, target.port)];
    const open = found.filter(
      (address) => names(address).some((name) => listed.has(name)) || addressRefusal(address, own) === undefined,
    );
    const moved = open.flatMap((address) => elsewhere.get(key(address, target.port)) ?? [])[0];
    if (moved) return { allowed: true, addresses: [moved.host], port: moved.port, internal: false };
    if (open.length > 0) {
      const isInternal = open.every((address) => names(address).some((name) => internal.has(name)));
      return { allowed: true, addresses: open, port: target.port, internal: isInternal };
    }
    return { allowed: false, reason: addressRefusal(found[0] ?? '', own) ?? 'not an address' };
  };
}

async function resolve(host: string, lookup: Lookup): Promise<string[] | undefined> {
  const answers = await lookup(host).catch(() => []);
  const addresses = answers.map(({ address }) => normalAddress(address) ?? address);
  return addresses.length > 0 ? addresses : undefined;
}

function spell(entry: string): string {
  const target = parseTarget(entry);
  return target ? key(target.host, target.port) : entry;
}

function key(host: string, port: number): string {
  return `${normalAddress(host) ?? host}|${port}`;
}
