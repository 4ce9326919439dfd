import type { Secret } from '#shared/log.ts';

/** What a plan gives a workspace's container. */
export type ContainerLimits = { ramBytes: number; cpu: number; storageBytes: number };

/** One start of one workspace's runtime. */
export type ContainerSpec = {
  workspaceId: string;
  containerId: string;
  /** Proves to the agent listener which start this is; good for this start only. */
  bootSecret: Secret<string>;
  agentUrl: string;
  limits: ContainerLimits;
  runtimeHash: string;
};

/** `exited` also says how, where the driver knows. */
export type ContainerState = {
  ref: string;
  workspaceId: string;
  containerId: string;
  runtimeHash: string;
  /** Where it was told to find the agent listener. */
  agentUrl: string;
  status: 'running' | 'paused' | 'exited';
  exitCode?: number;
  /** The kernel ended it for want of memory. */
  outOfMemory?: boolean;
};
export type ContainerExit = Omit<ContainerState, 'status'>;

/**
 * A place where runtimes execute, one per workspace: an engine, or processes of this machine. A `ref` is the driver's
 * own name for one start. The workspace's `/data` outlives every start.
 */
export type ContainerDriver = {
  name: 'docker' | 'process';
  /** Whether one tenant's code is kept from another's and from the machine by more than a process's borders. */
  isolates: boolean;
  /** Whether `pause` keeps the memory; a driver that cannot is stopped to sleep. */
  canPause: boolean;
  /** Whether what runs can go on when another process of ours takes over. */
  outlives: boolean;
  /** The address of this machine on which the agent listener must listen for containers to reach it. */
  agentHost(): Promise<string>;
  /** Makes image, networks and proxy ready. Once, before the first start. */
  prepare(options: { agentUrl: string }): Promise<void>;
  /** @throws SluiceError container.start_failed, container.not_available */
  start(spec: ContainerSpec): Promise<{ ref: string }>;
  /** Asks it to end, ends it after `graceMs`, and removes it; its data stay. A ref that is gone is no error. */
  stop(ref: string, graceMs: number): Promise<void>;
  pause(ref: string): Promise<void>;
  unpause(ref: string): Promise<void>;
  /** Gives a running container other limits, without a restart where the driver can. */
  setLimits(ref: string, limits: ContainerLimits): Promise<void>;
  inspect(ref: string): Promise<ContainerState | undefined>;
  /** Every container of this installation, also those an earlier process of ours left behind. */
  list(): Promise<ContainerState[]>;
  /** Tells of each end that `stop` did not ask for. Returns how to stop listening. */
  onExit(listener: (exit: ContainerExit) => void): () => void;
  /** Deletes the workspace's `/data` for good. Nothing of it may run any more; none is no error. */
  removeData(workspaceId: string): Promise<void>;
  /** Lets go of the engine. Containers that run keep running; without any, networks and proxy go too. Data stay. */
  close(): Promise<void>;
};

/** `NODE_OPTIONS` cannot hold these: they stand in front of the script. */
export const HARDENED_NODE_FLAGS = ['--disallow-code-generation-from-strings', '--disable-proto=delete'];

/** About 70 % of the memory is heap, so that V8 ends a run with an error before the kernel ends the container. */
export function heapFlag(limits: ContainerLimits): string {
  return `--max-old-space-size=${Math.floor((limits.ramBytes * 0.7) / (1024 * 1024))}`;
}
