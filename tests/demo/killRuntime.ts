import { readdirSync, readFileSync } from 'node:fs';
import type { CloudProcess } from '../fixtures/cloudProcess.ts';
import { Docker } from './docker.ts';

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
