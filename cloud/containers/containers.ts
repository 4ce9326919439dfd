import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { readRuntimePackage } from '#runtime/runtimePackage.ts';
import { cloudApi } from '#shared/contract/cloudApi.ts';
import type { Service } from '#shared/contract/contract.ts';
import { Secret } from '#shared/log.ts';
import type { FullAllowances } from '../billing/allowances.ts';
import type { Actor } from '../server/actor.ts';
import type { Capability } from '../server/capabilities.ts';
import { mount } from '../server/mount.ts';
import type { Platform } from '../server/platform.ts';
import { ownAddresses } from './addressRules.ts';
import { chooseDriver } from './chooseDriver.ts';
import type { ContainerDriver } from './containerDriver.ts';
import { createContainerService, type FullContainerService } from './containerService.ts';
import { findContainer } from './containerStore.ts';
import { type Gate, openGate } from './gate.ts';
import { createTrafficCounter } from './trafficCounter.ts';

export type Containers = Capability & { service: FullContainerService; driver: ContainerDriver; runtimeHash: string };

const TICK_MS = 10_000;

/**
 * The places where workspaces' runs execute. What takes long (an image, networks) is made ready while the server already
 * answers; until then `ensureRunning` waits.
 *
 * @throws SluiceError container.not_available where the runtime package is not built, or a Docker that was asked for is not there
 */
export async function createContainers(platform: Platform, allowances: FullAllowances): Promise<Containers> {
  const { config, db, clock, logger, master, metrics } = platform;
  const out = builtFolder();
  const runtime = readRuntimePackage(path.join(out, 'runtime'), 'container.not_available');
  const traffic = createTrafficCounter({ db, clock, log: logger, allowances });
  const refused = metrics.counter('sluice_egress_refused_total', 'Connections that containers may not make.', [
    'reason',
  ]);
  const driver = await chooseDriver(config.containerDriver, {
    installation: installationOf(config.dataDir),
    runtimeDir: runtime.dir,
    proxyDir: path.join(out, 'proxy'),
    nodeFile: process.execPath,
    dataDir: path.join(config.dataDir, 'containers'),
    egressKey: new Secret(master.derive('egress proxy')),
    allowPrivate: config.egressAllowPrivate,
    own: ownAddresses(),
    subnets: config.containerSubnets,
    engineRuntime: config.containerRuntime,
    egress: {
      onTraffic: traffic.add,
      onRefused: ({ workspaceId, host, port, reason }) => {
        refused.inc({ reason });
        logger.warn('A container asked for a place it may not reach.', { workspaceId, host, port, reason });
      },
    },
    log: logger,
  });

  const gate = await gateFor(driver, platform.agentUrl);
  const agentUrl = gate?.url ?? platform.agentUrl;
  const inner = createContainerService({
    db,
    clock,
    log: logger,
    metrics,
    driver,
    allowances,
    runtimeHash: runtime.hash,
    agentUrl,
  });
  let ready: Promise<void> | undefined;
  const prepare = () => {
    ready ??= driver
      .prepare({ agentUrl })
      .then(() => inner.recover())
      .catch((thrown: unknown) => {
        ready = undefined; // the next who needs it tries again
        throw thrown;
      });
    return ready;
  };
  const service: FullContainerService = {
    ...inner,
    ensureRunning: async (workspaceId) => {
      await prepare();
      await inner.ensureRunning(workspaceId);
    },
  };
  let timer: NodeJS.Timeout | undefined;

  const calls: Service<typeof cloudApi.containers, Actor> = {
    get: (_input, { workspaceId }) =>
      db.withWorkspaceSql({ workspaceId }, async (sql) => {
        const plan = await allowances.planOf(sql, workspaceId);
        const row = await findContainer(sql, workspaceId);
        return {
          status: row?.status ?? 'stopped',
          driver: driver.name,
          runtimeHash: row?.runtimeHash,
          ramBytes: plan.containerRamBytes,
          cpu: plan.containerCpu,
          lastActiveAt: row?.lastActiveAt?.toISOString(),
          error: row?.error,
        };
      }),
  };

  return {
    service,
    driver,
    runtimeHash: runtime.hash,
    routers: [mount('containers', cloudApi.containers, calls, platform)],
    async start() {
      prepare().catch((thrown: unknown) => {
        logger.error('Containers cannot be started.', { driver: driver.name, error: String(thrown) });
      });
      timer = setInterval(() => void inner.tick(), TICK_MS);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      await ready?.catch(() => {});
      await inner.stopAll();
      await driver.close();
      await traffic.close();
      await gate?.close();
    },
  };
}

/** What everything of one control plane is called on an engine: two data folders never meet there. */
export function installationOf(dataDir: string): string {
  return `sluice-${createHash('sha256').update(dataDir).digest('hex').slice(0, 8)}`;
}

/** Containers cannot reach loopback: where the agent listener is there, a gate on the driver's address leads to it. */
async function gateFor(driver: ContainerDriver, agentUrl: string): Promise<Gate | undefined> {
  const { hostname } = new URL(agentUrl);
  const host = await driver.agentHost();
  const isLoopback = hostname === '127.0.0.1' || hostname === '[::1]' || hostname === 'localhost';
  return isLoopback && host !== hostname ? openGate(host, agentUrl) : undefined;
}

/** `build/out`: above us when bundled, beside the sources otherwise. */
function builtFolder(): string {
  for (let folder = import.meta.dirname; ; folder = path.dirname(folder)) {
    const out = path.join(folder, 'build', 'out');
    if (existsSync(path.join(out, 'runtime'))) return out;
    if (existsSync(path.join(folder, 'runtime', 'runtime.lock.json'))) return folder;
    if (folder === path.dirname(folder)) return path.join(import.meta.dirname, '..', '..', 'build', 'out');
  }
}
