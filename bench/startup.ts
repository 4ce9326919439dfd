import { globSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { checkAnswers } from './measure.ts';
import { memory } from './processTree.ts';
import type { Pace } from './rounds.ts';
import { type Running, startTarget, type TargetDeps } from './targets/target.ts';
import { WORKLOADS } from './workloads/workloads.ts';

/** `ephemeral` starts the same program as `recorded`. */
const STARTED = ['plain', 'express', 'recorded'] as const;

export type Startup = {
  target: (typeof STARTED)[number];
  /** From the start of the process to the first right answer of W1. */
  startMs: number[];
  rssBytes: number[];
  pssBytes: number[];
  processes: number;
};

export type Installed = { bytes: number; packages: number; files: number };

/** W5: how long each target takes to its first right answer, and the memory it holds when nothing happens. */
export async function measureStartup(pace: Pace, deps: TargetDeps, say: (line: string) => void): Promise<Startup[]> {
  const all = STARTED.map((target): Startup => ({ target, startMs: [], rssBytes: [], pssBytes: [], processes: 1 }));
  for (let round = 0; round < pace.rounds; round++) {
    say(`W5 start and idle memory: round ${round + 1} of ${pace.rounds}`);
    const running = new Map<Startup, Running>();
    try {
      for (const one of all) {
        const began = performance.now();
        const target = await startTarget(one.target, WORKLOADS.w1, deps);
        running.set(one, target);
        await firstAnswer(target);
        one.startMs.push(performance.now() - began);
        await checkAnswers(target, WORKLOADS.w1);
      }
      await pause(pace.idleMs);
      for (const [one, { pid }] of running) {
        const held = memory(pid);
        if (!held) continue;
        one.rssBytes.push(held.rss);
        one.pssBytes.push(held.pssOfTree);
        one.processes = held.processes;
      }
    } finally {
      await Promise.all([...running.values()].map((target) => target.stop()));
    }
  }
  return all;
}

/** The answer itself is compared right after, outside of what is timed. */
async function firstAnswer(target: Running): Promise<void> {
  const response = await fetch(target.address, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(WORKLOADS.w1.bodies[0]),
  });
  await response.arrayBuffer();
  if (response.status !== 200) throw new Error(`The first answer of a target has the status ${response.status}.`);
}

/** What the runtime package takes on a disk, without Node. */
export function measureInstalled(runtimeDir: string): Installed {
  const files = globSync('**/*', { cwd: runtimeDir, withFileTypes: true }).filter((entry) => entry.isFile());
  const bytes = files.reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
  return { bytes, packages: globSync('**/package.json', { cwd: runtimeDir }).length, files: files.length };
}
