import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Docker } from './docker.ts';

const checkout = fileURLToPath(new URL('../..', import.meta.url));

/** The control plane as an operator runs it: one process on its embedded defaults. */
export type CloudProcess = {
  url: string;
  pid: number;
  /** Its log, line by line. */
  log: string[];
  stop(): Promise<void>;
};

export async function startCloudProcess(env: Record<string, string>): Promise<CloudProcess> {
  const log: string[] = [];
  const child = spawn(process.execPath, [join(checkout, 'build/out/cloud/main.js')], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      DOCKER_HOST: process.env.DOCKER_HOST,
      REDIS_URL: process.env.REDIS_URL,
      ...env,
    },
  });
  const lines = createInterface({ input: child.stdout });
  createInterface({ input: child.stderr }).on('line', (line) => log.push(line));
  const url = await new Promise<string>((resolve, reject) => {
    lines.on('line', (line) => {
      log.push(line);
      const address = /^Control plane\s+(https?:\/\/\S+)/.exec(line)?.[1];
      if (address) resolve(address);
    });
    child.on('exit', (code) =>
      reject(new Error(`The control plane ended with ${code}:\n${log.slice(-15).join('\n')}`)),
    );
  });
  return { url, pid: child.pid ?? 0, log, stop: () => end(child) };
}

/** Asks a process to stop and waits until it has. */
export function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve();
      return;
    }
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}

/** Ends the workspace's runtime without warning, as a broken host would. Says what it killed. */
export async function killRuntime(
  cloud: CloudProcess,
  driver: 'docker' | 'process',
  workspaceId: string,
): Promise<string> {
  if (driver === 'docker') {
    const id = await Docker.findContainer(workspaceId);
    await Docker.kill(id);
    return `container ${id.slice(0, 12)}`;
  }
  const pid = agentOf(cloud.pid);
  process.kill(pid, 'SIGKILL');
  return `process ${pid}`;
}

/** The agent among a process's children, by what /proc says. */
function agentOf(parent: number): number {
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const status = readFileSync(`/proc/${entry}/status`, 'utf8');
      const ppid = Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]);
      const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0');
      if (ppid === parent && command.includes('agent')) return Number(entry);
    } catch {
      // It ended while we looked.
    }
  }
  throw new Error('The control plane has no runtime process.');
}
