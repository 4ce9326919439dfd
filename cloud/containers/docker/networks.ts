import type Docker from 'dockerode';
import ipaddr from 'ipaddr.js';
import { SluiceError } from '#shared/error.ts';
import { hasStatus, unless } from './engine.ts';

/** A workspace's own network: the proxy and its one container, and no address of the host. */
export type TenantNetwork = { name: string; proxyAddress: string; tenantAddress: string };

const SLOT_BITS = 28; // 16 addresses: network, (gateway), proxy, tenant, …, broadcast

type NetworkNames = { installation: string; labels: Record<string, string> };

/** The bridge by which the proxy reaches the world. Containers of it cannot talk to each other. */
export async function ensureEgressNetwork(
  docker: Docker,
  { installation, labels, pool }: NetworkNames & { pool: string },
): Promise<{ name: string; gateway: string }> {
  const name = `${installation}-egress`;
  for (let attempt = 0; attempt < 8; attempt++) {
    const info = await inspect(docker, name);
    const { Subnet: subnet, Gateway: gateway } = info?.IPAM?.Config?.[0] ?? {};
    if (subnet) return { name, gateway: gateway ?? nth(subnet, 1) };
    await docker
      .createNetwork({
        Name: name,
        CheckDuplicate: true,
        Driver: 'bridge',
        IPAM: { Config: [{ Subnet: await freeSubnet(docker, pool, attempt) }] },
        Labels: { ...labels, 'sluice.role': 'egress' },
        Options: { 'com.docker.network.bridge.enable_icc': 'false' },
      })
      .catch(takenMeanwhile);
  }
  throw noNetwork(name, pool);
}

/**
 * The internal network of one workspace, made if it is missing. The host takes no address on it, so that nothing that
 * listens on the host can be reached from it.
 *
 * @param pool where networks of 16 addresses are cut from: `10.213.0.0/16`
 */
export async function ensureTenantNetwork(
  docker: Docker,
  { installation, labels, workspaceId, pool }: NetworkNames & { workspaceId: string; pool: string },
): Promise<TenantNetwork> {
  const name = `${installation}-ws-${workspaceId}`;
  for (let attempt = 0; attempt < 8; attempt++) {
    const info = await inspect(docker, name);
    const subnet = info?.IPAM?.Config?.[0]?.Subnet;
    if (info && subnet) {
      if (!info.Internal) throw new SluiceError('container.not_available', `The network ${name} is not internal.`);
      return { name, proxyAddress: nth(subnet, 2), tenantAddress: nth(subnet, 3) };
    }
    const free = await freeSubnet(docker, pool, attempt);
    await docker
      .createNetwork({
        Name: name,
        CheckDuplicate: true,
        Driver: 'bridge',
        Internal: true,
        EnableIPv6: false,
        IPAM: { Config: [{ Subnet: free }] },
        Labels: { ...labels, 'sluice.role': 'tenant', 'sluice.workspace': workspaceId },
        // No address of the host on this bridge.
        Options: { 'com.docker.network.bridge.inhibit_ipv4': 'true' },
      })
      .catch(takenMeanwhile);
  }
  throw noNetwork(name, pool);
}

/** Removes the proxy and the networks of an installation that has no containers any more. */
export async function removePlumbing(docker: Docker, installation: string): Promise<void> {
  const filters = JSON.stringify({ label: [`sluice.installation=${installation}`] });
  await docker.getContainer(`${installation}-egress`).remove({ force: true }).catch(unless(404, 409));
  for (const { Id } of await docker.listNetworks({ filters })) {
    await docker.getNetwork(Id).remove().catch(unless(403, 404)); // 403: somebody is on it again
  }
}

/** The proxy's address in the network whose range is this. */
export function nth(subnet: string, index: number): string {
  const [base] = ipaddr.IPv4.parseCIDR(subnet);
  return toText(toNumber(base) + index);
}

async function freeSubnet(docker: Docker, pool: string, skip: number): Promise<string> {
  const taken = (await docker.listNetworks()).flatMap((network) => network.IPAM?.Config ?? []);
  const ranges = taken.flatMap(({ Subnet }) => (Subnet && ipaddr.IPv4.isValidCIDR(Subnet) ? [span(Subnet)] : []));
  const [first, last] = span(pool);
  const size = 2 ** (32 - SLOT_BITS);
  let toSkip = skip; // somebody else may be taking the same one right now
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

async function inspect(docker: Docker, name: string): Promise<Docker.NetworkInspectInfo | undefined> {
  try {
    return (await docker.getNetwork(name).inspect()) as Docker.NetworkInspectInfo;
  } catch (thrown) {
    if (hasStatus(thrown, 404)) return undefined;
    throw thrown;
  }
}

function noNetwork(name: string, pool: string): SluiceError {
  return new SluiceError('container.not_available', `The network ${name} could not be made in ${pool}.`, {
    advice: 'Remove networks that are not used (docker network prune), or set CONTAINER_SUBNETS to another range.',
  });
}

/** The name or the range went to somebody else between looking and making: look again. */
function takenMeanwhile(thrown: unknown): void {
  const text = thrown instanceof Error ? thrown.message : '';
  if (!hasStatus(thrown, 409) && !/overlaps|already exists/i.test(text)) throw thrown;
}
