import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type Docker from 'dockerode';
import type { ContainerCreateOptions } from 'dockerode';
import { readRuntimePackage } from '#runtime/runtimePackage.ts';
import { SluiceError } from '#shared/error.ts';
import type { Logger, Secret } from '#shared/log.ts';
import {
  type ContainerDriver,
  type ContainerExit,
  type ContainerLimits,
  type ContainerSpec,
  type ContainerState,
  HARDENED_NODE_FLAGS,
  heapFlag,
} from '../containerDriver.ts';
import { parseTarget } from '../egressPolicy.ts';
import { proxyUrl } from '../egressToken.ts';
import { type Gate, openGate } from '../gate.ts';
import { localImage } from '../image/runtimeImage.ts';
import { ensureImage, unless } from './engine.ts';
import { followEnds } from './engineEvents.ts';
import { hardenedContainer } from './hardening.ts';
import { ensureEgressNetwork, removePlumbing } from './networks.ts';
import { type EgressListener, ensureProxyContainer, followProxy, PROXY_PORT } from './proxyContainer.ts';
import { createTenantNetworks, type TenantNetwork } from './tenantNetworks.ts';

export type DockerDriverDeps = {
  docker: Docker;
  /** Names everything of this control plane on the engine, so that two of them do not meet: `sluice`. */
  installation: string;
  runtimeDir: string;
  /** Folder with the bundled `proxyMain.js`. */
  proxyDir: string;
  nodeFile: string;
  egressKey: Secret<string>;
  allowPrivate: readonly string[];
  /** Addresses of this machine, which no container may reach. */
  own: readonly string[];
  subnets: string;
  engineRuntime?: string;
  egress: EgressListener;
  log: Logger;
};

type Prepared = { image: string; runtimeHash: string; proxyId: string; agentUrl: string };

/** Each workspace's runtime in a hardened container on an internal network of its own, whose only exit is the proxy. */
export function createDockerDriver(deps: DockerDriverDeps): ContainerDriver {
  const { docker, installation, log } = deps;
  const labels = { 'sluice.installation': installation };
  const plan = { installation, labels, pool: deps.subnets };
  const networks = createTenantNetworks({ docker, log, ...plan });
  const listeners = new Set<(exit: ContainerExit) => void>();
  const stopping = new Set<string>();
  const gates = new Map<string, Gate>();
  let prepared: Prepared | undefined;
  let closed = false;
  let endEvents = () => {};
  let endProxyLog = () => {};

  async function startProxy(agentUrl: string): Promise<string> {
    const network = await ensureEgressNetwork(docker, plan);
    const bundle = await localImage({
      name: 'sluice-egress',
      appDir: deps.proxyDir,
      appHash: await hashOfFolder(deps.proxyDir),
      nodeFile: deps.nodeFile,
      labels: { 'sluice.image': 'egress' },
    });
    await ensureImage(docker, bundle);
    const { host, port } = new URL(agentUrl);
    const proxy = await ensureProxyContainer({
      docker,
      installation,
      labels,
      image: bundle.tag,
      network: network.name,
      key: deps.egressKey,
      agent: host.includes(':') ? host : `${host}:${port || '80'}`,
      allowPrivate: deps.allowPrivate,
      own: deps.own,
      forward: await loopbackGates(network.gateway),
    });
    endProxyLog();
    endProxyLog = await followProxy(docker, proxy.id, deps.egress);
    await networks.setProxy(proxy);
    return proxy.id;
  }

  /** What is listed on this machine's loopback stays there: a gate on the bridge leads to it, and the proxy to the gate. */
  async function loopbackGates(gateway: string): Promise<Record<string, string>> {
    for (const entry of deps.allowPrivate) {
      const target = parseTarget(entry);
      const isLoopback = target && /^(127\.|localhost$|::1$)/.test(target.host);
      if (!isLoopback || gates.has(entry)) continue;
      const host = target.host.includes(':') ? `[${target.host}]` : target.host;
      gates.set(entry, await openGate(gateway, `http://${host}:${target.port}`));
    }
    return Object.fromEntries(
      [...gates].map(([entry, { url }]) => [entry.replace('localhost', '127.0.0.1'), new URL(url).host]),
    );
  }

  function onEnd(ref: string, ended: Readonly<Record<string, string>>): void {
    if (ref === prepared?.proxyId) void proxyEnded();
    else if (ended['sluice.role'] === 'tenant') void tellExit(ref);
  }

  async function proxyEnded(): Promise<void> {
    const { agentUrl } = prepared ?? {};
    if (closed || !agentUrl || !prepared) return;
    log.error('The egress proxy ended; starting it again.');
    try {
      prepared.proxyId = await startProxy(agentUrl);
    } catch (thrown) {
      log.error('The egress proxy could not be started.', { error: String(thrown) });
      setTimeout(() => void proxyEnded(), 2_000).unref();
    }
  }

  /** What ended while nobody listened. */
  async function findEnded(): Promise<void> {
    for (const { ref, status } of await list()) if (status === 'exited') await tellExit(ref);
  }

  async function tellExit(ref: string): Promise<void> {
    if (stopping.has(ref)) return;
    const state = await inspect(ref).catch(() => undefined);
    if (state?.status !== 'exited') return;
    log.warn('A container ended by itself.', {
      workspaceId: state.workspaceId,
      containerId: state.containerId,
      exitCode: state.exitCode,
      outOfMemory: state.outOfMemory,
    });
    for (const listener of listeners) listener(state);
  }

  async function inspect(ref: string): Promise<ContainerState | undefined> {
    const info = await docker.getContainer(ref).inspect().catch(unless(404));
    if (!info) return undefined;
    const { State, Config, Id } = info;
    const status = State.Paused ? 'paused' : State.Running ? 'running' : 'exited';
    return {
      ref: Id,
      workspaceId: Config.Labels['sluice.workspace'] ?? '',
      containerId: Config.Labels['sluice.container'] ?? '',
      runtimeHash: Config.Labels['sluice.runtime'] ?? '',
      agentUrl: Config.Labels['sluice.agent'] ?? '',
      status,
      ...(status === 'exited' ? { exitCode: State.ExitCode, outOfMemory: State.OOMKilled } : {}),
    };
  }

  async function list(): Promise<ContainerState[]> {
    const filters = JSON.stringify({ label: [`sluice.installation=${installation}`, 'sluice.role=tenant'] });
    const found = await docker.listContainers({ all: true, filters });
    const states = await Promise.all(found.map(({ Id }) => inspect(Id)));
    return states.filter((state) => state !== undefined);
  }

  function nameOf(workspaceId: string): string {
    return `${installation}-ws-${workspaceId}`;
  }

  const volumeOf = (workspaceId: string) => `${installation}-data-${workspaceId}`;

  async function start(spec: ContainerSpec): Promise<{ ref: string }> {
    if (!prepared) throw new SluiceError('container.not_available', 'The container driver is not ready yet.');
    if (spec.runtimeHash !== prepared.runtimeHash) {
      throw new SluiceError(
        'container.not_available',
        `There is no runtime package ${spec.runtimeHash.slice(0, 12)} here.`,
      );
    }
    const name = nameOf(spec.workspaceId);
    // The name admits one container per workspace: what an earlier start left behind goes first.
    await remove(name);
    const volume = volumeOf(spec.workspaceId);
    await docker.createVolume({ Name: volume, Labels: { ...labels, 'sluice.workspace': spec.workspaceId } });
    const network = await networks.take();
    try {
      const options = tenantContainer(spec, { image: prepared.image, volume, network });
      const container = await docker.createContainer({ ...options, name });
      await container.start();
      return { ref: container.id };
    } catch (cause) {
      await remove(name);
      networks.release(network.name);
      throw new SluiceError('container.start_failed', `The engine did not start the container: ${reasonOf(cause)}.`, {
        cause,
      });
    }
  }

  function tenantContainer(
    spec: ContainerSpec,
    { image, volume, network }: { image: string; volume: string; network: TenantNetwork },
  ): ContainerCreateOptions {
    const proxy = proxyUrl(deps.egressKey, spec.workspaceId, network.proxyAddress, PROXY_PORT);
    return hardenedContainer({
      image,
      command: [...HARDENED_NODE_FLAGS, heapFlag(spec.limits), '/app/main.js', 'agent'],
      env: {
        SLUICE_AGENT_URL: spec.agentUrl,
        SLUICE_BOOT_SECRET: spec.bootSecret.reveal(),
        SLUICE_DATA_DIR: '/data',
        HTTP_PROXY: proxy,
        HTTPS_PROXY: proxy,
        NODE_USE_ENV_PROXY: '1',
      },
      labels: {
        ...labels,
        'sluice.role': 'tenant',
        'sluice.workspace': spec.workspaceId,
        'sluice.container': spec.containerId,
        'sluice.runtime': spec.runtimeHash,
        'sluice.agent': spec.agentUrl,
      },
      ramBytes: spec.limits.ramBytes,
      cpu: spec.limits.cpu,
      pids: 256,
      volume,
      network: network.name,
      address: network.tenantAddress,
      resolves: false,
      engineRuntime: deps.engineRuntime,
    });
  }

  async function remove(ref: string, graceMs?: number): Promise<void> {
    const container = docker.getContainer(ref);
    const known = await container.inspect().catch(unless(404));
    if (!known) return;
    stopping.add(known.Id);
    if (graceMs !== undefined) {
      if (known.State.Paused) await container.unpause().catch(unless(404, 409, 500));
      if (known.State.Running) await container.stop({ t: Math.ceil(graceMs / 1_000) }).catch(unless(304, 404));
    }
    await container.remove({ force: true }).catch(unless(404, 409));
    stopping.delete(known.Id);
    networks.release(String(known.HostConfig.NetworkMode));
  }

  return {
    name: 'docker',
    isolates: true,
    canPause: true,
    outlives: true,
    agentHost: async () => (await ensureEgressNetwork(docker, plan)).gateway,
    async prepare({ agentUrl }) {
      const runtime = readRuntimePackage(deps.runtimeDir, 'container.not_available');
      const image = await localImage({
        name: 'sluice-runtime',
        appDir: runtime.dir,
        appHash: runtime.hash,
        nodeFile: deps.nodeFile,
        labels: { 'sluice.image': 'runtime' },
      });
      await ensureImage(docker, image);
      endEvents = await followEnds({ docker, installation, log }, { onEnd, onGap: findEnded });
      prepared = { image: image.tag, runtimeHash: runtime.hash, agentUrl, proxyId: await startProxy(agentUrl) };
    },
    start,
    stop: remove,
    pause: async (ref) => void (await docker.getContainer(ref).pause()),
    unpause: async (ref) => void (await docker.getContainer(ref).unpause()),
    async setLimits(ref, limits: ContainerLimits) {
      await docker.getContainer(ref).update({
        Memory: limits.ramBytes,
        MemorySwap: limits.ramBytes,
        NanoCpus: Math.round(limits.cpu * 1e9),
      });
    },
    async removeData(workspaceId) {
      await docker.getVolume(volumeOf(workspaceId)).remove().catch(unless(404));
    },
    inspect,
    list,
    onExit(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close() {
      closed = true;
      endEvents();
      endProxyLog();
      await networks.close();
      for (const gate of gates.values()) await gate.close();
      if ((await list()).length === 0) await removePlumbing(docker, installation);
    },
  };
}

function reasonOf(thrown: unknown): string {
  const { json } = (thrown ?? {}) as { json?: { message?: unknown } };
  return typeof json?.message === 'string' ? json.message : thrown instanceof Error ? thrown.message : String(thrown);
}

async function hashOfFolder(dir: string): Promise<string> {
  const hash = createHash('sha256');
  for (const name of (await readdir(dir)).sort()) hash.update(name).update(await readFile(`${dir}/${name}`));
  return hash.digest('hex');
}
