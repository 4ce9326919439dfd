import type Docker from 'dockerode';
import { SluiceError } from '#shared/error.ts';
import { hasStatus, unless } from './engine.ts';
import { freeSubnet, nth } from './subnets.ts';

/** Where networks of one installation are cut from, and what they are marked with. */
export type NetworkPlan = {
  installation: string;
  labels: Record<string, string>;
  /** `10.213.0.0/16` */
  pool: string;
};

/** The bridge by which the proxy reaches the world. Containers of it cannot talk to each other. */
export async function ensureEgressNetwork(
  docker: Docker,
  plan: NetworkPlan,
): Promise<{ name: string; gateway: string }> {
  const name = `${plan.installation}-egress`;
  const known = await inspectNetwork(docker, name);
  const { Subnet: subnet, Gateway: gateway } = known?.IPAM?.Config?.[0] ?? {};
  if (subnet) return { name, gateway: gateway ?? nth(subnet, 1) };
  const made = await makeNetwork(docker, plan, {
    Name: name,
    Labels: { ...plan.labels, 'sluice.role': 'egress' },
    Options: { 'com.docker.network.bridge.enable_icc': 'false' },
  });
  return made === 'exists' ? ensureEgressNetwork(docker, plan) : { name, gateway: nth(made, 1) };
}

/**
 * Makes a network in a free part of the pool. Resolves with its range, or with `exists` where the name is taken.
 *
 * @throws SluiceError container.not_available
 */
export async function makeNetwork(
  docker: Docker,
  { pool }: NetworkPlan,
  options: Omit<Docker.NetworkCreateOptions, 'Driver' | 'IPAM' | 'CheckDuplicate'>,
): Promise<string> {
  for (let attempt = 0; attempt < 8; attempt++) {
    const subnet = await freeSubnet(docker, pool, attempt);
    try {
      const IPAM = { Config: [{ Subnet: subnet }] };
      await docker.createNetwork({ ...options, CheckDuplicate: true, Driver: 'bridge', IPAM });
      return subnet;
    } catch (thrown) {
      const text = thrown instanceof Error ? thrown.message : '';
      if (/already exists/i.test(text)) return 'exists';
      // Somebody else took the range between looking and making: look again.
      if (!hasStatus(thrown, 409) && !/overlaps/i.test(text)) throw thrown;
    }
  }
  throw new SluiceError('container.not_available', `The network ${options.Name} could not be made in ${pool}.`, {
    advice: 'Remove networks that are not used (docker network prune), or set CONTAINER_SUBNETS to another range.',
  });
}

/** Removes the proxy and the networks of an installation that has no containers any more. */
export async function removePlumbing(docker: Docker, installation: string): Promise<void> {
  const filters = JSON.stringify({ label: [`sluice.installation=${installation}`] });
  await docker.getContainer(`${installation}-egress`).remove({ force: true }).catch(unless(404, 409));
  for (const { Id } of await docker.listNetworks({ filters })) {
    await docker.getNetwork(Id).remove().catch(unless(403, 404)); // 403: somebody is on it again
  }
}

/** What the engine says of a network; undefined where there is none. */
export async function inspectNetwork(docker: Docker, name: string): Promise<Docker.NetworkInspectInfo | undefined> {
  return (await docker.getNetwork(name).inspect().catch(unless(404))) as Docker.NetworkInspectInfo | undefined;
}
