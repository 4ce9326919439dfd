import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import path from 'node:path';
import { type BuiltRuntime, readRuntimePackage } from '#runtime/runtimePackage.ts';
import { SluiceError } from '#shared/error.ts';
import type { Logger, Secret } from '#shared/log.ts';
import {
  type ContainerDriver,
  type ContainerExit,
  type ContainerSpec,
  type ContainerState,
  HARDENED_NODE_FLAGS,
  heapFlag,
} from '../containerDriver.ts';
import type { EgressListener } from '../docker/proxyContainer.ts';
import { createEgressPolicy, type Target, type Verdict } from '../egressPolicy.ts';
import { createEgressProxy } from '../egressProxy.ts';
import { proxyUrl, readProxyAuthorization } from '../egressToken.ts';
import { livingMarks, type ProcessMark, removeMark, startOfProcess, writeMark } from './processMark.ts';

export type ProcessDriverDeps = {
  runtimeDir: string;
  nodeFile: string;
  /** Each workspace's `/data` is a folder below it. */
  dataDir: string;
  egressKey: Secret<string>;
  allowPrivate: readonly string[];
  own: readonly string[];
  egress: EgressListener;
  log: Logger;
};

type Living = { mark: ProcessMark; child?: ChildProcess; stopping: boolean };

/**
 * Each workspace's runtime as a child process: the same package, the same proxy, and NO boundary. The processes run as
 * the user of the control plane, may read its files, and are only asked, by their environment, to use the proxy.
 */
export function createProcessDriver(deps: ProcessDriverDeps): ContainerDriver {
  const { log } = deps;
  const marks = path.join(deps.dataDir, 'processes');
  const listeners = new Set<(exit: ContainerExit) => void>();
  const living = new Map<string, Living>();
  let runtime: BuiltRuntime | undefined;
  let decide: (target: Target) => Promise<Verdict> = async () => ({ allowed: false, reason: 'asked for too early' });

  const proxy = createEgressProxy({
    decide: (target) => decide(target),
    authenticate: (header) => readProxyAuthorization(deps.egressKey, header),
    connect: (address, port) => net.connect({ host: address, port }),
    ...deps.egress,
    newId: randomUUID,
  });

  async function start(spec: ContainerSpec): Promise<{ ref: string }> {
    if (!runtime) throw new SluiceError('container.not_available', 'The container driver is not ready yet.');
    if (spec.runtimeHash !== runtime.hash) {
      throw new SluiceError(
        'container.not_available',
        `There is no runtime package ${spec.runtimeHash.slice(0, 12)} here.`,
      );
    }
    for (const mark of await livingMarks(marks)) if (mark.workspaceId === spec.workspaceId) await stop(refOf(mark), 0);
    const home = path.join(deps.dataDir, 'workspaces', spec.workspaceId);
    await mkdir(home, { recursive: true, mode: 0o700 });
    const url = proxyUrl(deps.egressKey, spec.workspaceId, '127.0.0.1', (proxy.address() as AddressInfo).port);
    const command = [...HARDENED_NODE_FLAGS, heapFlag(spec.limits), path.join(runtime.dir, 'main.js'), 'agent'];
    const child = spawn(deps.nodeFile, command, {
      cwd: home,
      detached: true, // a process group of its own, so that its scripts end with it
      stdio: ['ignore', 'pipe', 'pipe'],
      windowsHide: true,
      env: {
        SLUICE_AGENT_URL: spec.agentUrl,
        SLUICE_BOOT_SECRET: spec.bootSecret.reveal(),
        SLUICE_DATA_DIR: home,
        HTTP_PROXY: url,
        HTTPS_PROXY: url,
        NODE_USE_ENV_PROXY: '1',
        NODE_ENV: 'production',
        HOME: home,
        TZ: 'UTC',
        LANG: 'C.UTF-8',
        ...keep('NODE_EXTRA_CA_CERTS', 'SystemRoot', 'TMPDIR', 'TEMP'),
      },
    });
    const failed = once(child, 'error').then(([cause]) => {
      throw new SluiceError('container.start_failed', 'The runtime process did not start.', { cause });
    });
    await Promise.race([once(child, 'spawn'), failed]);
    const { workspaceId, containerId, runtimeHash, agentUrl } = spec;
    const pid = child.pid as number;
    const startedAt = (await startOfProcess(pid)) ?? '';
    const mark = { pid, startedAt, workspaceId, containerId, runtimeHash, agentUrl };
    const ref = refOf(mark);
    living.set(ref, { mark, child, stopping: false });
    const says = log.with({ workspaceId, containerId });
    hearLines(child, (line) => says.debug('The runtime says something.', { line }));
    if (child.exitCode !== null || child.signalCode !== null) await ended(ref, child);
    else child.once('exit', () => void ended(ref, child));
    await writeMark(marks, mark);
    if (!living.has(ref)) await removeMark(marks, workspaceId);
    return { ref };
  }

  async function ended(ref: string, { exitCode, signalCode }: ChildProcess): Promise<void> {
    const known = living.get(ref);
    if (!known) return;
    living.delete(ref);
    killGroup(known.mark.pid, 'SIGKILL'); // what it left behind
    await removeMark(marks, known.mark.workspaceId);
    if (known.stopping) return;
    const { workspaceId, containerId } = known.mark;
    log.warn('A runtime process ended by itself.', { workspaceId, containerId, exitCode, signal: signalCode });
    const exit = { ...stateOf(known.mark), ...(exitCode === null ? {} : { exitCode }) };
    for (const listener of listeners) listener(exit);
  }

  async function stop(ref: string, graceMs: number): Promise<void> {
    const known = living.get(ref) ?? (await adopt(ref));
    if (!known) return;
    known.stopping = true;
    const { pid, startedAt, workspaceId } = known.mark;
    const isThere = async () => (await startOfProcess(pid)) === startedAt;
    if (graceMs > 0) {
      killGroup(pid, 'SIGTERM');
      for (const until = Date.now() + graceMs; Date.now() < until && (await isThere()); ) await pause(25);
    }
    if (known.child ? known.child.exitCode === null && known.child.signalCode === null : await isThere()) {
      killGroup(pid, 'SIGKILL');
    }
    if (known.child && known.child.exitCode === null && known.child.signalCode === null)
      await once(known.child, 'exit');
    else while (await isThere()) await pause(25);
    living.delete(ref);
    await removeMark(marks, workspaceId);
  }

  /** A process that an earlier control plane started: known by its mark, not as our child. */
  async function adopt(ref: string): Promise<Living | undefined> {
    const mark = (await livingMarks(marks)).find((mark) => refOf(mark) === ref);
    return mark && { mark, stopping: false };
  }

  async function list(): Promise<ContainerState[]> {
    const found = await livingMarks(marks);
    return found.map((mark) => ({ ...stateOf(mark), status: 'running' as const }));
  }

  const cannotPause = async (): Promise<never> => {
    throw new SluiceError('container.not_available', 'A process cannot be paused: stop it and start it again.');
  };

  return {
    name: 'process',
    isolates: false,
    canPause: false,
    outlives: false, // their proxy ends with us
    agentHost: async () => '127.0.0.1',
    async prepare({ agentUrl }) {
      runtime = readRuntimePackage(deps.runtimeDir, 'container.not_available');
      decide = createEgressPolicy({
        allowPrivate: deps.allowPrivate,
        agent: new URL(agentUrl).host,
        own: new Set(deps.own),
        lookup: (host) => lookup(host, { all: true, order: 'verbatim' }),
      });
      await new Promise<void>((resolve, reject) => {
        proxy.once('error', reject);
        proxy.listen(0, '127.0.0.1', () => resolve());
      });
      log.warn(
        'Workspaces run as processes of this machine: no isolation boundary. Start a Docker engine before other people use this.',
      );
    },
    start,
    stop,
    pause: cannotPause,
    unpause: cannotPause,
    // Memory is set at the start; the next start has the new limits.
    setLimits: async () => {},
    inspect: async (ref) => (await list()).find((state) => state.ref === ref),
    list,
    onExit(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    removeData: (workspaceId) =>
      rm(path.join(deps.dataDir, 'workspaces', workspaceId), { recursive: true, force: true }),
    async close() {
      proxy.close();
      proxy.closeAllConnections();
    },
  };
}

function refOf({ pid, containerId }: ProcessMark): string {
  return `${containerId}:${pid}`;
}

function stateOf(mark: ProcessMark): Omit<ContainerState, 'status'> {
  const { workspaceId, containerId, runtimeHash, agentUrl } = mark;
  return { ref: refOf(mark), workspaceId, containerId, runtimeHash, agentUrl };
}

/** Signals the group that the process leads. Gone is as good. */
function killGroup(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, signal);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown;
  }
}

function hearLines(child: ChildProcess, onLine: (line: string) => void): void {
  for (const stream of [child.stdout, child.stderr]) {
    let rest = '';
    stream?.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = (lines.pop() ?? '').slice(0, 4_096);
      for (const line of lines) if (line) onLine(line.slice(0, 4_096));
    });
  }
}

function keep(...names: string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
