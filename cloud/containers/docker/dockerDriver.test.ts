import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Logger, Secret } from '#shared/log.ts';
import { bundleProxy } from '../../../build/image/bundleProxy.ts';
import { createProbeControl, writeProbeRuntime } from '../../../tests/fixtures/probeRuntime.ts';
import type { ContainerDriver, ContainerExit } from '../containerDriver.ts';
import type { EgressRefusal, EgressTraffic } from '../egressProxy.ts';
import { type Gate, openGate } from '../gate.ts';
import { createDockerDriver, type DockerDriverDeps } from './dockerDriver.ts';
import { findEngine, unless } from './engine.ts';

const MB = 1024 * 1024;
const engine = await findEngine(2_000);
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, with: () => silent };
const installation = `sluicetest${randomBytes(4).toString('hex')}`;
const limits = { ramBytes: 256 * MB, cpu: 0.5, storageBytes: 100 * MB };

describe.skipIf(!engine)('the Docker driver (needs a Docker engine)', { timeout: 300_000 }, () => {
  const docker = engine as NonNullable<typeof engine>;
  let root: string;
  let runtimeHash: string;
  let agentUrl: string;
  let driver: ContainerDriver;
  let deps: DockerDriverDeps;
  const control = createProbeControl();
  const listed = http.createServer((_request, response) => response.end('listed'));
  const unlisted = http.createServer((_request, response) => response.end('unlisted'));
  const everywhere = http.createServer((_request, response) => response.end('everywhere'));
  const refusals: EgressRefusal[] = [];
  const traffic: EgressTraffic[] = [];
  const exits: ContainerExit[] = [];
  let host: string;
  const urls = new Map<ContainerDriver, string>();
  const gates: Gate[] = [];

  beforeAll(async () => {
    if (!engine) return;
    root = await mkdtemp(path.join(tmpdir(), 'sluice-docker-'));
    const runtime = await writeProbeRuntime(path.join(root, 'runtime'));
    runtimeHash = runtime.hash;
    await bundleProxy(path.join(root, 'proxy'));
    deps = {
      docker,
      installation,
      runtimeDir: runtime.dir,
      proxyDir: path.join(root, 'proxy'),
      nodeFile: process.execPath,
      egressKey: new Secret(randomBytes(32).toString('hex')),
      allowPrivate: [],
      own: [],
      subnets: '10.214.0.0/16',
      egress: { onRefused: (r) => refusals.push(r), onTraffic: (t) => traffic.push(t) },
      log: silent,
    };
    driver = createDockerDriver(deps);
    host = await driver.agentHost();
    agentUrl = `http://${host}:${await control.listen(host)}`;
    deps.allowPrivate = [`${host}:${await listen(listed, host)}`];
    await listen(unlisted, host);
    await listen(everywhere, '0.0.0.0');
    driver.onExit((exit) => exits.push(exit));
    await driver.prepare({ agentUrl });
  }, 300_000);

  afterAll(async () => {
    if (!engine) return;
    for (const { ref } of await driver.list()) await driver.stop(ref, 0);
    await driver.close();
    await removeInstallation();
    for (const server of [listed, unlisted, everywhere]) server.close();
    for (const gate of gates) await gate.close();
    await control.close();
    await rm(root, { recursive: true, force: true });
  }, 300_000);

  async function start(workspaceId: string = randomUUID(), by: ContainerDriver = driver) {
    const secret = randomBytes(16).toString('hex');
    const containerId = randomUUID();
    const { ref } = await by.start({
      workspaceId,
      containerId,
      bootSecret: new Secret(secret),
      agentUrl: urls.get(by) ?? agentUrl,
      limits,
      runtimeHash,
    });
    return {
      ref,
      workspaceId,
      containerId,
      ask: (work: { do: string; [field: string]: unknown }) => control.ask(secret, work),
      secret,
    };
  }

  test('every setting of the hardening set is read back from the engine', async () => {
    const { ref, workspaceId, containerId } = await start();
    const info = await docker.getContainer(ref).inspect();
    const { HostConfig: of, Config } = info;
    expect(Config.User).toBe('10001:10001');
    expect(of.CapDrop).toEqual(['ALL']);
    expect(of.CapAdd ?? []).toEqual([]);
    expect(of.SecurityOpt).toEqual(['no-new-privileges:true']); // no seccomp=unconfined: the engine's profile holds
    expect(of.Privileged).toBe(false);
    expect(of.ReadonlyRootfs).toBe(true);
    expect(of.Tmpfs).toEqual({ '/tmp': 'rw,noexec,nosuid,nodev,size=64m,mode=1777' });
    expect(of.PidsLimit).toBe(256);
    expect(of.Memory).toBe(limits.ramBytes);
    expect(of.MemorySwap).toBe(limits.ramBytes);
    expect(of.NanoCpus).toBe(0.5e9);
    expect(of.OomScoreAdj).toBe(500);
    expect(of.OomKillDisable ?? false).toBe(false);
    expect([of.PidMode, of.UTSMode, of.IpcMode]).toEqual(['', '', 'private']);
    expect(of.Binds ?? []).toEqual([]);
    expect(of.Devices ?? []).toEqual([]);
    expect(of.PortBindings ?? {}).toEqual({});
    expect(of.LogConfig).toEqual({ Type: 'json-file', Config: { 'max-size': '5m', 'max-file': '2' } });
    expect(info.Mounts.map(({ Type, Name, Destination }) => ({ Type, Name, Destination }))).toEqual([
      { Type: 'volume', Name: `${installation}-data-${workspaceId}`, Destination: '/data' },
    ]);
    expect(Config.Cmd).toContain(`--max-old-space-size=${Math.floor(256 * 0.7)}`);
    expect(Config.Cmd).toContain('--disallow-code-generation-from-strings');
    expect(Config.Labels).toMatchObject({ 'sluice.workspace': workspaceId, 'sluice.container': containerId });
    const networks = Object.keys(info.NetworkSettings.Networks);
    expect(networks).toEqual([expect.stringMatching(new RegExp(`^${installation}-net-[0-9a-f-]{36}$`))]);
    const network = await docker.getNetwork(networks[0] ?? '').inspect();
    expect(network.Internal).toBe(true);
    expect(
      Object.values(network.Containers ?? {})
        .map(({ Name }) => Name)
        .sort(),
    ).toEqual([`${installation}-egress`, `${installation}-ws-${workspaceId}`]);
    const proxy = await docker.getContainer(`${installation}-egress`).inspect();
    expect(proxy.HostConfig).toMatchObject({
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      Privileged: false,
      PidsLimit: 64,
    });
    expect(proxy.Mounts).toEqual([]);
  });

  test('the kernel confirms from inside what the engine was told', async () => {
    const { ask } = await start();
    const status = String(await ask({ do: 'read', file: '/proc/self/status' }));
    expect(status).toMatch(/CapEff:\s+0{16}/);
    expect(status).toMatch(/CapBnd:\s+0{16}/);
    expect(status).toMatch(/NoNewPrivs:\s+1/);
    expect(status).toMatch(/Seccomp:\s+2/);
    expect(status).toMatch(/Uid:\s+10001\s+10001/);
    expect(await ask({ do: 'write', file: '/app/main.js', text: '' })).toBe('EROFS');
    expect(await ask({ do: 'write', file: '/etc/passwd', text: '' })).toBe('EROFS');
    expect(await ask({ do: 'write', file: '/tmp/x', text: 'x' })).toBe('written');
    expect(await ask({ do: 'write', file: '/data/x', text: 'x' })).toBe('written');
    expect(await ask({ do: 'read', file: '/var/run/docker.sock' })).toBe('ENOENT');
    expect(await ask({ do: 'evaluate' })).toBe('EvalError');
    expect(String(await ask({ do: 'read', file: '/proc/self/mountinfo' }))).toMatch(/\/tmp [^\n]*noexec/);
  });

  test('only the proxy can be reached, and through it only what is public or listed', async () => {
    const { ask, ref, workspaceId } = await start();
    const neighbour = await start();
    const neighbourAddress = await addressOf(neighbour.ref);
    const proxyAddress = await addressOf(`${installation}-egress`, await networkOf(ref));

    // Positive control: the probe can tell an open door, and a host that is there but refuses, from one it cannot reach.
    expect(
      await ask({
        do: 'connect',
        doors: [
          [proxyAddress, 3128],
          [proxyAddress, 3129],
        ],
      }),
    ).toEqual(['connected', 'ECONNREFUSED']);
    const doors = [
      [host, portOf(unlisted)],
      [host, portOf(listed)],
      [host, portOf(everywhere)],
      ['172.17.0.1', portOf(everywhere)],
      ...Object.values(networkInterfaces())
        .flatMap((list) => list ?? [])
        .filter(({ family, internal }) => family === 'IPv4' && !internal)
        .map(({ address }) => [address, portOf(everywhere)] as const),
      [proxyAddress.replace(/\.\d+$/, (last) => `.${Number(last.slice(1)) - 1}`), portOf(everywhere)],
      [neighbourAddress, 3128],
      ['169.254.169.254', 80],
    ] as const;
    const found = (await ask({ do: 'connect', doors })) as string[];
    for (const [at, [address, port]] of doors.entries()) {
      expect(['timeout', 'ENETUNREACH', 'EHOSTUNREACH'], `${address}:${port}`).toContain(found[at]);
    }
    expect(await ask({ do: 'lookup', host: 'example.org' })).not.toMatch(/^\d/);

    expect(await ask({ do: 'fetch', url: `http://${host}:${portOf(listed)}/` })).toBe('200 listed');
    const before = refusals.length;
    for (const url of [`http://${host}:${portOf(unlisted)}/`, `http://169.254.169.254/`, `http://127.0.0.1:3128/`]) {
      expect(String(await ask({ do: 'fetch', url })), url).toMatch(/^failed|^403/);
    }
    await expect.poll(() => refusals.length).toBe(before + 3);
    expect(refusals[before]).toMatchObject({ workspaceId, host, port: portOf(unlisted) });
    const sent = () => traffic.filter((t) => t.workspaceId === workspaceId).reduce((sum, t) => sum + t.bytesOut, 0);
    await expect.poll(sent, { timeout: 60_000 }).toBeGreaterThan(0);
  });

  test('what the operator lists on the loopback of the machine is reached there', async () => {
    const receiver = http.createServer((_request, response) => response.end('receiver'));
    const port = await listen(receiver, '127.0.0.1');
    const other = createDockerDriver({
      ...deps,
      installation: `${installation}b`,
      allowPrivate: [`127.0.0.1:${port}`],
    });
    await other.prepare({ agentUrl: await gateTo(other) });
    try {
      const { ask, ref } = await start(randomUUID(), other);
      expect(await ask({ do: 'fetch', url: `http://127.0.0.1:${port}/` })).toBe('200 receiver');
      expect(String(await ask({ do: 'fetch', url: `http://127.0.0.1:${portOf(everywhere)}/` }))).toMatch(
        /^failed|^403/,
      );
      await other.stop(ref, 0);
    } finally {
      await other.close();
      await removeInstallation(`${installation}b`);
      receiver.close();
    }
  });

  test('what is written to /data is there after the container was replaced', async () => {
    const first = await start();
    await first.ask({ do: 'write', file: '/data/kept', text: 'kept' });
    await driver.stop(first.ref, 0);
    expect(await driver.inspect(first.ref)).toBeUndefined();
    const second = await start(first.workspaceId);
    expect(await second.ask({ do: 'read', file: '/data/kept' })).toBe('kept');
    expect(second.ref).not.toBe(first.ref);
  });

  test('each start has a network that is its own, and nothing is left of it afterwards', async () => {
    const first = await start();
    const second = await start();
    const network = await networkOf(first.ref);
    expect(await networkOf(second.ref)).not.toBe(network);
    await driver.stop(first.ref, 0);
    await expect
      .poll(() => docker.getNetwork(network).inspect().catch(unless(404)), { timeout: 60_000 })
      .toBeUndefined();
    const again = await start(first.workspaceId);
    expect(await networkOf(again.ref)).not.toBe(network);
    // A start does without those that were made ahead, too.
    for (const { Name, Containers } of await tenantNetworks()) {
      if (Object.keys(Containers ?? {}).length < 2) await driverlessRemove(Name);
    }
    const last = await start();
    expect(await last.ask({ do: 'fetch', url: `http://${host}:${portOf(listed)}/` })).toBe('200 listed');
  });

  test('a container that ends by itself is told once, with its code; one that is stopped is not', async () => {
    const one = await start();
    const other = await start();
    control.tell(one.secret, { do: 'exit', code: 7 });
    await expect
      .poll(() => exits.filter(({ ref }) => ref === one.ref), { timeout: 60_000 })
      .toMatchObject([
        { ref: one.ref, containerId: one.containerId, workspaceId: one.workspaceId, exitCode: 7, outOfMemory: false },
      ]);
    await driver.stop(other.ref, 0);
    expect(exits.some(({ ref }) => ref === other.ref)).toBe(false);
  });

  test('memory beyond the limit ends the container and says so', async () => {
    const { ref, secret } = await start();
    control.tell(secret, { do: 'hog' });
    await expect
      .poll(() => exits.find((exit) => exit.ref === ref), { timeout: 60_000 })
      .toMatchObject({ outOfMemory: true });
  });

  test('a paused container answers again after it was woken', async () => {
    const { ref, ask } = await start();
    await ask({ do: 'env' });
    await driver.pause(ref);
    expect(await driver.inspect(ref)).toMatchObject({ status: 'paused' });
    await driver.unpause(ref);
    expect(String(await ask({ do: 'env' }))).toContain('SLUICE_BOOT_SECRET');
  });

  test('another plan gives a running container other limits', async () => {
    const { ref } = await start();
    await driver.setLimits(ref, { ramBytes: 512 * MB, cpu: 1, storageBytes: 1 });
    const { HostConfig } = await docker.getContainer(ref).inspect();
    expect([HostConfig.Memory, HostConfig.MemorySwap, HostConfig.NanoCpus]).toEqual([512 * MB, 512 * MB, 1e9]);
  });

  test('a driver made anew finds the containers of the one before it, and they still reach the control plane', async () => {
    const { ref, ask, workspaceId } = await start();
    const later = createDockerDriver(deps);
    await later.prepare({ agentUrl });
    expect(await later.list()).toContainEqual(
      expect.objectContaining({ ref, workspaceId, status: 'running', runtimeHash }),
    );
    expect(String(await ask({ do: 'env' }))).toContain('HTTPS_PROXY');
    await later.close();
  });

  test('a proxy that was ended is replaced, and containers reach the control plane through the new one', async () => {
    const { ask } = await start();
    await ask({ do: 'env' });
    await docker.getContainer(`${installation}-egress`).kill();
    expect(String(await ask({ do: 'env' }))).toContain('HTTPS_PROXY');
  });

  async function gateTo(by: ContainerDriver): Promise<string> {
    const gate = await openGate(await by.agentHost(), agentUrl);
    gates.push(gate);
    urls.set(by, gate.url);
    return gate.url;
  }

  function portOf(server: http.Server): number {
    return (server.address() as AddressInfo).port;
  }

  async function addressOf(ref: string, network?: string): Promise<string> {
    const { NetworkSettings } = await docker.getContainer(ref).inspect();
    const [first] = network ? [NetworkSettings.Networks[network]] : Object.values(NetworkSettings.Networks);
    return first?.IPAddress ?? '';
  }

  async function networkOf(ref: string): Promise<string> {
    const { NetworkSettings } = await docker.getContainer(ref).inspect();
    return Object.keys(NetworkSettings.Networks)[0] ?? '';
  }

  async function tenantNetworks() {
    const filters = JSON.stringify({ label: [`sluice.installation=${installation}`, 'sluice.role=tenant'] });
    const found = await docker.listNetworks({ filters });
    return Promise.all(found.map(({ Id }) => docker.getNetwork(Id).inspect()));
  }

  async function driverlessRemove(name: string): Promise<void> {
    const network = docker.getNetwork(name);
    await network.disconnect({ Container: `${installation}-egress`, Force: true }).catch(() => undefined);
    await network.remove().catch(unless(404));
  }

  async function removeInstallation(name = installation): Promise<void> {
    const label = [`sluice.installation=${name}`];
    const filters = JSON.stringify({ label });
    for (const { Id } of await docker.listContainers({ all: true, filters }))
      await docker.getContainer(Id).remove({ force: true });
    for (const { Id } of await docker.listNetworks({ filters })) await docker.getNetwork(Id).remove();
    const { Volumes } = await docker.listVolumes({ filters });
    for (const { Name } of Volumes) await docker.getVolume(Name).remove();
    const reference = [`sluice-runtime:${runtimeHash.slice(0, 16)}-*`];
    for (const { Id } of await docker.listImages({ filters: JSON.stringify({ reference }) })) {
      await docker.getImage(Id).remove({ force: true }).catch(unless(404, 409));
    }
  }
});

function listen(server: http.Server, host: string): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, host, () => resolve((server.address() as AddressInfo).port));
  });
}
