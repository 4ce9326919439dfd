import { setTimeout as pause } from 'node:timers/promises';
import type Docker from 'dockerode';
import { findEngine } from '../cloud/containers/docker/engine.ts';
import type { Pace } from './rounds.ts';
import { clearEngine } from './targets/clearEngine.ts';
import { minimalContainers } from './targets/minimalContainer.ts';
import type { TargetDeps } from './targets/target.ts';
import { type BenchContainer, tenantContainers } from './targets/tenantContainer.ts';

/** Round by round, for the least that a container can be and for a workspace's. */
export type Pair = { minimal: number[]; tenant: number[] };

export type Containers = {
  /** Create and start, to the first right answer. */
  upMs: Pair;
  /** Unpause, to the first right answer. */
  wakeMs: Pair;
  /** What the engine charges an idle one with, file cache that can go left out. */
  memoryBytes: Pair;
};

/** Names everything the bench makes on the engine, so that it can be taken away again. */
const INSTALLATION = 'sluicebench';

/** A workspace's container beside the smallest possible one. */
export async function measureContainers(
  pace: Pace,
  deps: TargetDeps,
  say: (line: string) => void,
): Promise<Containers | { skipped: string }> {
  const docker = await findEngine(2_000);
  if (!docker) return { skipped: 'No Docker engine answers.' };
  if (process.platform !== 'linux') return { skipped: 'Images are built from the Linux binary of Node.' };
  const labels = { 'sluice.installation': INSTALLATION };
  await clearEngine(docker, INSTALLATION);
  try {
    const minimal = await minimalContainers(docker, { installation: INSTALLATION, scratch: deps.scratch, labels });
    const tenant = await tenantContainers(docker, { ...deps, installation: INSTALLATION });
    try {
      const measured: Containers = { upMs: pair(), wakeMs: pair(), memoryBytes: pair() };
      for (let round = 0; round < pace.rounds; round++) {
        say(`Container up and wake: round ${round + 1} of ${pace.rounds}`);
        await measureOne('minimal', minimal.start, measured, docker, pace);
        await measureOne('tenant', tenant.start, measured, docker, pace);
      }
      return measured;
    } finally {
      await tenant.close();
    }
  } finally {
    await clearEngine(docker, INSTALLATION);
  }
}

const pair = (): Pair => ({ minimal: [], tenant: [] });

async function measureOne(
  which: keyof Pair,
  start: () => Promise<BenchContainer>,
  measured: Containers,
  docker: Docker,
  pace: Pace,
): Promise<void> {
  const began = performance.now();
  const container = await start();
  measured.upMs[which].push(performance.now() - began);
  await pause(pace.idleMs);
  measured.memoryBytes[which].push(await chargedBytes(docker, container.ref));
  await container.pause();
  await pause(200);
  measured.wakeMs[which].push(await container.wake());
  await container.remove();
}

async function chargedBytes(docker: Docker, ref: string): Promise<number> {
  const { memory_stats } = await docker.getContainer(ref).stats({ stream: false });
  const stats = memory_stats.stats as { inactive_file?: number; total_inactive_file?: number };
  return memory_stats.usage - (stats.inactive_file ?? stats.total_inactive_file ?? 0);
}
