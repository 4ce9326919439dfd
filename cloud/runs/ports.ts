import type { Plan } from '#shared/plan.ts';
import type { Sql } from '../platform/database.ts';

export type { Sql };

/** `sourceIds` read `step:<runId>:<path>/<stepId>:<iteration>`; each counts once, however often given. */
export type StepUse = { sourceIds: string[]; at: Date };

/** What hosted use is held to. Each function runs inside the caller's transaction, so use and cause commit together. */
export type Allowances = {
  /**
   * Sets one run aside in the day and month of `at`, in the transaction that accepts the run.
   *
   * @throws SluiceError allowance_exceeded (429), details `{ meter, limit, used, resetsAt }`; the transaction is unusable for accepting
   */
  reserveRun(sql: Sql, workspaceId: string, at: Date): Promise<void>;
  /**
   * The run leaves the queue: reserved becomes used, in the periods it was reserved in. Once per run, however often called.
   * Steps of it that ended are counted with it.
   */
  countRun(sql: Sql, workspaceId: string, run: { runId: string; queuedAt: Date }, steps?: StepUse): Promise<void>;
  /** The run was ended before it left the queue: what was set aside at `at` is given back. Called once per run. */
  releaseRun(sql: Sql, workspaceId: string, at: Date): Promise<void>;
  /** Step runs ended. */
  countSteps(sql: Sql, workspaceId: string, steps: StepUse): Promise<void>;
  planOf(sql: Sql, workspaceId: string): Promise<Plan>;
};

/** What the control plane asks of the place where a workspace's runs execute. */
export type ContainerService = {
  /** Starts or wakes the runtime and resolves once it has said hello. @throws SluiceError container.start_failed, container.not_available */
  ensureRunning(workspaceId: string): Promise<void>;
  /** Something was executed just now: puts the idle sleep off. */
  touch(workspaceId: string): Promise<void>;
  /** The runtime asked for something just now: it lives. */
  seen(workspaceId: string): void;
  /** A container ended by itself; its runs are nobody's from this moment. Returns how to stop listening. */
  onGone(listener: (workspaceId: string) => void): () => void;
  /** Whose start this secret belongs to. @throws SluiceError token.invalid */
  verifyBoot(hello: {
    bootSecret: string;
    runtimeHash: string;
    node: string;
  }): Promise<{ workspaceId: string; containerId: string; bootId: string }>;
};
