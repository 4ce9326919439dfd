import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { Duplex } from 'node:stream';
import { serveAgentOverStdio } from '#runtime/agent/stdio.ts';
import type { AgentApi } from '#shared/contract/agentApi.ts';
import type { Service } from '#shared/contract/contract.ts';
import type { RuntimePackage } from './runtimePackage.ts';

/** A runner hands back what it has at work within 5 s; then this much is patience enough. */
const STOP_MS = 8_000;
const RESTART_MS = 500;
const LONGEST_RESTART_MS = 10_000;
/** A runner that lived this long was well; the next start after it is at once again. */
const HEALTHY_MS = 30_000;
const KEPT_STDERR = 2_000;

export type RunnerDeps = {
  runtime: RuntimePackage;
  /** The control plane of a project's runner. */
  agent(projectId: string): Service<AgentApi['agent']>;
  /** Where runs keep tables, key-values and files of projects. */
  dataDir: string;
  /** Told each time a runner ends by itself. Its runs go on from their journal in the next one. */
  onStopped(projectId: string, reason: string): void;
  /** A debugger for the scripts that run there. */
  inspect?: RuntimeInspect;
};

/** How a debugger reaches the scripts of a runtime. */
export type RuntimeInspect = {
  /** The address of the project's folder, with `/` at its end. */
  root: string;
  /** Told of each runtime's pipe. */
  connect(pipe: Duplex): void;
};

/** The processes that execute local runs, one for each trusted project. */
export type Runners = {
  /** Makes sure that a project's runner is there. */
  start(projectId: string): void;
  stop(projectId: string): Promise<void>;
  close(): Promise<void>;
};

export function createRunners(deps: RunnerDeps): Runners {
  const running = new Map<string, { stop(): Promise<void> }>();
  async function stop(projectId: string): Promise<void> {
    const runner = running.get(projectId);
    running.delete(projectId);
    await runner?.stop();
  }
  return {
    start: (projectId) => {
      if (!running.has(projectId)) running.set(projectId, keepRunning(projectId, deps));
    },
    stop,
    close: async () => {
      await Promise.all([...running.keys()].map(stop));
    },
  };
}

/** Starts a runner, and starts it again when it ends, later each time. */
function keepRunning(projectId: string, deps: RunnerDeps): { stop(): Promise<void> } {
  let child: ChildProcess;
  const stopping = new AbortController();
  let delayMs = RESTART_MS;
  let timer: NodeJS.Timeout | undefined;

  function start(): void {
    const startedAt = Date.now();
    const current = spawnRuntime(deps.runtime, 'runner', deps.dataDir, deps.inspect);
    child = current;
    let complaint = '';
    current.stderr?.on('data', (data: Buffer) => {
      complaint = (complaint + String(data)).slice(-KEPT_STDERR);
    });
    if (current.stdin && current.stdout) {
      const service = drainable(deps.agent(projectId), stopping.signal);
      serveAgentOverStdio({ stdin: current.stdin, stdout: current.stdout }, service);
    }
    let ended = false;
    const onEnd = (how: string) => {
      if (ended || stopping.signal.aborted) return;
      ended = true;
      const last = complaint.trim().split('\n').at(-1);
      deps.onStopped(projectId, last ? `${how}: ${last}` : how);
      if (Date.now() - startedAt > HEALTHY_MS) delayMs = RESTART_MS;
      timer = setTimeout(start, delayMs);
      delayMs = Math.min(delayMs * 2, LONGEST_RESTART_MS);
    };
    current.once('error', (error) => onEnd(`The runner could not be started (${error.message})`));
    current.once('exit', (code, signal) =>
      onEnd(`The runner ended ${signal ? `by ${signal}` : `with exit code ${code}`}`),
    );
  }
  start();
  return {
    stop: async () => {
      stopping.abort();
      clearTimeout(timer);
      await stopChild(child);
    },
  };
}

/** A control plane that tells a runner at once when there is no more work, though it is in the middle of waiting for some. */
function drainable(service: Service<AgentApi['agent']>, signal: AbortSignal): Service<AgentApi['agent']> {
  const drained = new Promise<{ runs: []; drain: true }>((resolve) => {
    signal.addEventListener('abort', () => resolve({ runs: [], drain: true }), { once: true });
  });
  return { ...service, next: (input) => Promise.race([service.next(input), drained]) };
}

/**
 * Starts the runtime on our Node. Nothing of this process's environment reaches it: it may hold secrets, and a container
 * would not have it either.
 */
export function spawnRuntime(
  runtime: RuntimePackage,
  mode: string,
  dataDir: string,
  inspect?: RuntimeInspect,
): ChildProcess {
  mkdirSync(dataDir, { recursive: true });
  const env: Record<string, string> = { TZ: 'UTC', LANG: 'C.UTF-8', SLUICE_DATA_DIR: dataDir };
  // Windows opens no socket without it.
  if (process.platform === 'win32' && process.env.SystemRoot) env.SystemRoot = process.env.SystemRoot;
  if (inspect) env.SLUICE_INSPECT = inspect.root;
  const stdio: StdioOptions = inspect ? ['pipe', 'pipe', 'pipe', 'pipe'] : ['pipe', 'pipe', 'pipe'];
  const child: ChildProcess = spawn(process.execPath, [...runtime.args, mode], { env, stdio });
  const [, , , pipe] = child.stdio;
  if (inspect && pipe instanceof Duplex) inspect.connect(pipe);
  // A child that is gone closes its pipe; its exit tells the rest.
  child.stdin?.on('error', () => undefined);
  return child;
}

/** Asks a process to end, and ends it where it does not in time. */
export async function stopChild(child: ChildProcess, patienceMs = STOP_MS): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), patienceMs);
  await gone;
  clearTimeout(force);
}
