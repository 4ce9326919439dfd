import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildAll } from '../build/build.ts';
import { out } from '../build/paths.ts';
import { type Cloud, measureCloud } from './cloud/measureCloud.ts';
import { measureContainers } from './container.ts';
import { measureHosted } from './hosted.ts';
import { measureParts } from './parts/measureParts.ts';
import { type Report, reportOf } from './report.ts';
import { measureLoads, type Pace } from './rounds.ts';
import { measureInstalled, measureStartup } from './startup.ts';

export const FULL: Pace = { rounds: 3, warmSeconds: 2, seconds: 3, idleMs: 10_000, containers: true };
/** Says whether everything works; its figures mean little. */
export const QUICK: Pace = { rounds: 1, warmSeconds: 0.1, seconds: 0.3, idleMs: 100, containers: false };

/**
 * Builds the runtime package and measures it beside the same work written by hand.
 *
 * @throws AssertionError for any wrong answer
 */
export async function runBench(pace: Pace, say: (line: string) => void): Promise<Report> {
  await buildAll(pace.containers ? ['runtime', 'prisma', 'cloud', 'proxy', 'renderer'] : ['runtime']);
  return onDisk(async (scratch) => {
    // A copy, so that a build meanwhile takes nothing away.
    const runtimeDir = join(scratch, 'runtime');
    cpSync(join(out, 'runtime'), runtimeDir, { recursive: true });
    const deps = { runtimeDir, scratch };
    const measured = await measureLoads(pace, deps, say);
    const parts = await measureParts(pace, deps, say);
    const startup = await measureStartup(pace, deps, say);
    const installed = measureInstalled(runtimeDir);
    const containers = pace.containers
      ? await measureContainers(pace, deps, say)
      : { skipped: 'This run leaves them out.' };
    const hosted = pace.containers ? await measureHosted(pace, deps, say) : { skipped: 'This run leaves it out.' };
    const cloud = pace.containers ? await measureCloud(deps, say) : { skipped: 'This run leaves it out.' };
    return reportOf({ measured, parts, startup, installed, containers, hosted, cloud }, pace);
  });
}

/** The part of the bench about the control plane and sync, alone. */
export async function runCloudBench(say: (line: string) => void): Promise<Cloud | { skipped: string }> {
  await buildAll(['runtime', 'prisma', 'cloud', 'renderer']);
  return onDisk((scratch) => measureCloud({ scratch }, say));
}

/** Gives a folder on the disk of the checkout: what is recorded is flushed to it, and some machines keep temporary files in memory. */
async function onDisk<T>(work: (scratch: string) => Promise<T>): Promise<T> {
  mkdirSync(out, { recursive: true });
  const scratch = mkdtempSync(join(out, 'bench-'));
  // A Postgres that runs as another user passes through it.
  chmodSync(scratch, 0o755);
  try {
    return await work(scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
