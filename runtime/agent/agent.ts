import { AGENT_PROTOCOL, type AgentApi, type Assignment, type RuntimeLimits } from '#shared/contract/agentApi.ts';
import type { GroupClient } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import type { Logger } from '#shared/log.ts';
import { execHash } from '#shared/workflow/hash.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { executeRun, type RunJob } from '../engine/executeRun.ts';
import { createJournal } from '../engine/journal.ts';
import { compilePlan, type Plan } from '../engine/plan.ts';
import { DEFAULT_LIMITS, type RunLimits, type RunPorts } from '../engine/ports/ports.ts';
import { createReporter } from './reporter.ts';

const WAIT_MS = 20_000;
const RETRY_MS = [200, 500, 1_000, 2_000, 5_000];
/** Versions kept compiled. */
const KEPT_TREES = 20;

export type AgentDeps = {
  client: GroupClient<AgentApi['agent']>;
  /** Everything a run may touch, for the project and environment it belongs to. */
  portsFor(assignment: Assignment): RunPorts;
  bootSecret: string;
  runtimeHash: string;
  /** Runs at once, where the control plane does not say. */
  runsAtOnce: number;
  log: Logger;
  /** Tells the transport its new token. */
  onToken?(token: string): void;
};

export type Agent = {
  /** Resolves when the agent was told to drain, or `stop` was called, and all it held is finished or handed back. */
  ended: Promise<void>;
  /** Takes no more work; runs at work are finished, or handed back after `graceMs`. */
  stop(graceMs: number): Promise<void>;
};

/** The loop of every runtime: says hello, waits for work, executes it, reports. The same on the desktop and hosted. */
export function startAgent(deps: AgentDeps): Agent {
  const trees = createTreeCache();
  const held = new Map<string, { controller: AbortController; finished: Promise<void> }>();
  const stopping = new AbortController();
  let limits: RuntimeLimits | undefined;
  let freed: (() => void) | undefined;

  async function hello(): Promise<void> {
    const answer = await deps.client.hello({
      protocol: AGENT_PROTOCOL,
      bootSecret: deps.bootSecret,
      runtimeHash: deps.runtimeHash,
      node: process.version,
    });
    limits = answer.limits;
    deps.onToken?.(answer.token);
  }

  async function loop(): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted; ) {
      try {
        if (!limits) await hello();
        const room = (limits?.runsAtOnce ?? deps.runsAtOnce) - held.size;
        if (room <= 0) {
          await new Promise<void>((resolve) => {
            freed = resolve;
          });
          continue;
        }
        const work = await deps.client.next({ free: room, have: trees.hashes(), waitMs: WAIT_MS });
        failures = 0;
        if (work.token) deps.onToken?.(work.token.token);
        for (const assignment of work.runs) take(assignment);
        if (work.drain) return;
      } catch (thrown) {
        if (stopping.signal.aborted) return;
        const error = SluiceError.from(thrown);
        if (error.status === 401) limits = undefined;
        else deps.log.warn('The control plane did not answer.', { code: error.code });
        await pause(RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)] ?? 1_000, stopping.signal);
      }
    }
  }

  function take(assignment: Assignment): void {
    if (held.has(assignment.runId)) return;
    const controller = new AbortController();
    const finished = execute(assignment, controller).finally(() => {
      held.delete(assignment.runId);
      freed?.();
    });
    held.set(assignment.runId, { controller, finished });
  }

  async function execute(assignment: Assignment, controller: AbortController): Promise<void> {
    const reporter = createReporter(assignment, {
      client: deps.client,
      onCancel: () => controller.abort(new SluiceError('run.cancelled', 'The run was cancelled.')),
      onLost: (error) => controller.abort(error),
    });
    try {
      const tree = trees.keep(assignment);
      const ports = deps.portsFor(assignment);
      const settings = tree.workflows[assignment.workflowId]?.settings;
      const journal = createJournal(
        {
          runId: assignment.runId,
          fence: assignment.fence,
          lastSeq: assignment.events.at(-1)?.seq ?? 0,
          durability: settings?.durability ?? 'step',
          logLevel: settings?.logLevel ?? 'info',
        },
        { sink: reporter, clock: ports.clock },
      );
      const job: RunJob = {
        ...assignment,
        tree,
        execHash: trees.execHash(assignment),
        runtimeHash: deps.runtimeHash,
        seed: assignment.runId,
      };
      await executeRun(job, {
        ports,
        journal,
        limits: limitsOf(settings?.timeoutMs, limits),
        signal: controller.signal,
        planOf: (_tree, workflowId) => trees.plan(assignment, workflowId),
      });
      await reporter.done();
    } catch (thrown) {
      const error = SluiceError.from(thrown);
      if (error.code === 'service.draining') await reporter.done();
      reporter.abandon();
      if (error.code === 'internal')
        deps.log.error('A run broke.', { runId: assignment.runId, cause: String(error.cause ?? error) });
    }
  }

  const looping = loop();
  const ended = looping.then(async () => {
    await Promise.all([...held.values()].map(({ finished }) => finished));
  });

  return {
    ended,
    async stop(graceMs) {
      stopping.abort();
      freed?.();
      const grace = pause(graceMs).then(() => {
        const error = new SluiceError('service.draining', 'The runtime stops; the run goes on elsewhere.');
        for (const { controller } of held.values()) controller.abort(error);
      });
      const finished = Promise.all([...held.values()].map((run) => run.finished));
      await Promise.race([finished, grace]);
      await finished;
    },
  };
}

function limitsOf(runTimeoutMs: number | undefined, limits: RuntimeLimits | undefined): RunLimits {
  const ceiling = limits?.runTimeoutMs ?? DEFAULT_LIMITS.runTimeoutMs;
  return {
    ...DEFAULT_LIMITS,
    runTimeoutMs: Math.min(runTimeoutMs ?? DEFAULT_LIMITS.runTimeoutMs, ceiling),
    loopIterations: limits?.loopIterations ?? DEFAULT_LIMITS.loopIterations,
  };
}

/** Trees by hash, with their workflows compiled once. */
function createTreeCache() {
  const kept = new Map<string, { tree: Tree; plans: Map<string, Plan>; execHash?: string }>();
  const find = ({ treeHash }: Assignment) => {
    const entry = kept.get(treeHash);
    if (entry) return entry;
    throw new SluiceError('version.not_found', 'The control plane sent a run without its version.');
  };
  return {
    hashes: () => [...kept.keys()],
    keep(assignment: Assignment): Tree {
      const before = kept.get(assignment.treeHash);
      if (before) {
        kept.delete(assignment.treeHash);
        kept.set(assignment.treeHash, before);
      } else if (assignment.tree) kept.set(assignment.treeHash, { tree: assignment.tree, plans: new Map() });
      const [oldest] = kept.keys();
      if (kept.size > KEPT_TREES && oldest !== undefined) kept.delete(oldest);
      return find(assignment).tree;
    },
    plan(assignment: Assignment, workflowId: string): Plan {
      const entry = find(assignment);
      const plan = entry.plans.get(workflowId) ?? compilePlan(entry.tree, workflowId);
      entry.plans.set(workflowId, plan);
      return plan;
    },
    execHash(assignment: Assignment): string {
      const entry = find(assignment);
      entry.execHash ??= execHash(entry.tree);
      return entry.execHash;
    },
  };
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
