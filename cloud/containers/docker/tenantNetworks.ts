import { randomUUID } from 'node:crypto';
import type Docker from 'dockerode';
import type { Logger } from '#shared/log.ts';
import { unless } from './engine.ts';
import { inspectNetwork, makeNetwork, type NetworkPlan } from './networks.ts';
import { nth } from './subnets.ts';

/** A container's own network: the proxy and that one container, and no address of the host. */
export type TenantNetwork = { name: string; proxyAddress: string; tenantAddress: string };

/** Networks made ahead: one with the proxy on it takes 100 ms, a third of a container's start. */
const SPARES = 2;
/** After a start, so that the engine has its hands free for the container. */
const REFILL_MS = 2_000;
/** A network that is younger may be about to get its container from another process of ours. */
const YOUNG_MS = 60_000;

export type TenantNetworks = ReturnType<typeof createTenantNetworks>;

/**
 * The internal networks of tenants' containers. The host takes no address on them, so that nothing that listens on the
 * host can be reached from there. Each is made new, serves one container, and is removed with it.
 */
export function createTenantNetworks({ docker, log, ...plan }: NetworkPlan & { docker: Docker; log: Logger }) {
  const { installation, labels } = plan;
  const filters = JSON.stringify({ label: [`sluice.installation=${installation}`, 'sluice.role=tenant'] });
  const spares: TenantNetwork[] = [];
  const removals = new Set<Promise<void>>();
  let refill: NodeJS.Timeout | undefined;
  let refilling = Promise.resolve();
  let proxyId = '';
  let closed = false;

  async function make(): Promise<TenantNetwork> {
    const name = `${installation}-net-${randomUUID()}`;
    const subnet = await makeNetwork(docker, plan, {
      Name: name,
      Internal: true,
      EnableIPv6: false,
      Labels: { ...labels, 'sluice.role': 'tenant' },
      // No address of the host on this bridge.
      Options: { 'com.docker.network.bridge.inhibit_ipv4': 'true' },
    });
    const network = { name, proxyAddress: nth(subnet, 2), tenantAddress: nth(subnet, 3) };
    try {
      await join(name, network.proxyAddress);
    } catch (thrown) {
      release(name);
      throw thrown;
    }
    return network;
  }

  async function join(name: string, proxyAddress: string): Promise<void> {
    const EndpointConfig = { IPAMConfig: { IPv4Address: proxyAddress } };
    await docker
      .getNetwork(name)
      .connect({ Container: proxyId, EndpointConfig })
      .catch((thrown: unknown) => {
        // 403 and 409: it is a member already
        if (!/already exists|already attached/i.test(String(thrown))) throw thrown;
      });
  }

  async function makeSpares(): Promise<void> {
    while (!closed && spares.length < SPARES) spares.push(await make());
  }

  function refillIn(ms: number): void {
    if (refill || closed) return;
    refill = setTimeout(() => {
      refill = undefined;
      // One after the other: two at once would each count what the other is making.
      refilling = refilling
        .then(makeSpares)
        // The next start makes its own, and says what is wrong.
        .catch((thrown: unknown) => log.warn('No network could be made ahead.', { error: String(thrown) }));
    }, ms);
    refill.unref();
  }

  async function removeNetwork(name: string): Promise<void> {
    const network = docker.getNetwork(name);
    // Whether it was a member shows when the network is removed.
    await network.disconnect({ Container: proxyId, Force: true }).catch(() => undefined);
    await network.remove().catch(unless(404));
  }

  /** Removes a network with nobody but the proxy on it, in its own time. One that is gone is no error. */
  function release(name: string): void {
    const removal = removeNetwork(name)
      .catch((thrown: unknown) => log.warn('A network could not be removed.', { name, error: String(thrown) }))
      .finally(() => removals.delete(removal));
    removals.add(removal);
  }

  return {
    /** From now on this is the proxy: a new one joins every network that has a container, and the others are removed. */
    async setProxy(proxy: { id: string; replaced: boolean }): Promise<void> {
      proxyId = proxy.id;
      for (const { Id } of await docker.listNetworks({ filters })) {
        const info = await inspectNetwork(docker, Id);
        const subnet = info?.IPAM?.Config?.[0]?.Subnet;
        if (!info || !subnet) continue;
        const isSpare = spares.some(({ name }) => name === info.Name);
        const isYoung = Date.now() - Date.parse(info.Created) < YOUNG_MS;
        const members = Object.keys(info.Containers ?? {}).filter((id) => id !== proxyId);
        if (members.length === 0 && !isSpare && !isYoung) release(info.Name);
        else if (proxy.replaced) await join(info.Name, nth(subnet, 2));
      }
      refillIn(0);
    },

    /** A network that no container was ever on, with the proxy on it. */
    async take(): Promise<TenantNetwork> {
      const spare = spares.shift();
      refillIn(REFILL_MS);
      return spare && (await inspectNetwork(docker, spare.name)) ? spare : make();
    },

    release,

    /** Removes what was made ahead. Networks with a container stay. */
    async close(): Promise<void> {
      closed = true;
      clearTimeout(refill);
      await refilling;
      for (const { name } of spares.splice(0)) release(name);
      await Promise.all(removals);
    },
  };
}
