import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { ServeConfig } from '#runtime/agent/serve.ts';
import { sketchTree } from '../../tests/fixtures/engine.ts';
import { sketchOf, type Workload } from '../workloads/workloads.ts';

/** `recorded` is `sluice serve` as it comes: each step's trace kept. `ephemeral` is the same with `durability: none`. */
export const TARGETS = ['plain', 'express', 'recorded', 'ephemeral'] as const;
/** `hosted`: the whole control plane, and a workspace's container behind it. */
export type TargetName = (typeof TARGETS)[number] | 'hosted';

export type Running = {
  /** Where the workload is called. */
  address: string;
  pid: number;
  stop(): Promise<void>;
};

export type TargetDeps = {
  /** The built runtime package. */
  runtimeDir: string;
  /** A folder of this bench's own on the disk, for what the targets keep. */
  scratch: string;
};

const Listening = z.object({ listening: z.object({ url: z.string() }) });
const START_MS = 180_000;

/** Starts a target that answers a workload at `/hooks/<id>`, in a process of its own, and resolves when it listens. */
export async function startTarget(
  name: (typeof TARGETS)[number],
  workload: Workload,
  deps: TargetDeps,
): Promise<Running> {
  if (name === 'plain' || name === 'express') {
    return run(name, workload.id, [source(name)], '');
  }
  const dir = mkdtempSync(join(deps.scratch, `${workload.id}-`));
  const config: ServeConfig = {
    tree: sketchTree(sketchOf(workload, name === 'recorded' ? 'step' : 'none')),
    environment: { name: 'local', vars: {} },
    connections: {},
    dataDir: join(dir, 'data'),
    runsFile: join(dir, 'runs.db'),
    blobsDir: join(dir, 'blobs'),
    host: '127.0.0.1',
    port: 0,
  };
  return run(name, workload.id, [join(deps.runtimeDir, 'main.js'), 'serve'], JSON.stringify(config));
}

/**
 * Starts the control plane with W1 published on it; `address` is its webhook, and its process tree has Postgres in it.
 *
 * @param dataDir a folder of its own
 */
export function startHosted(driver: 'docker' | 'process', dataDir: string): Promise<Running> {
  return run('hosted', '', [source('hosted'), dataDir, driver], '');
}

const source = (name: TargetName) => fileURLToPath(new URL(`./${name}.ts`, import.meta.url));

async function run(name: TargetName, hook: string, args: string[], input: string): Promise<Running> {
  const child = spawn(process.execPath, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      DOCKER_HOST: process.env.DOCKER_HOST,
      NODE_ENV: 'production',
    },
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.stdin.end(input);
  const stop = async () => {
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), 15_000);
    await ended;
    clearTimeout(late);
  };
  try {
    const line = await firstLine(child, ended);
    const { listening } = Listening.parse(JSON.parse(line));
    return { address: hook ? `${listening.url}/hooks/${hook}` : listening.url, pid: child.pid as number, stop };
  } catch (cause) {
    await stop();
    throw new Error(`The target ${name} did not start.`, { cause });
  }
}

function firstLine(child: ChildProcess, ended: Promise<void>): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`Nothing was heard within ${START_MS} ms.`)), START_MS);
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    lines.once('line', (line) => {
      clearTimeout(timer);
      resolve(line);
    });
    void ended.then(() => {
      clearTimeout(timer);
      reject(new Error('It ended before it listened.'));
    });
  });
}
