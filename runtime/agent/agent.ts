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
import { failpoint } from '../failpoint.ts';
import { createSlotMap } from '../slotMap.ts';
import { createReporter } from './reporter.ts';

const WAIT_MS = 20_000;
const RETRY_MS = [200, 500, 1_000, 2_000, 5_000];
/** Versions kept compiled. */
const KEPT_TREES = 20;
/** What the contract lets an agent ask for. */
const MOST_AT_ONCE = 100;
/** How long a run that is handed back may take to say what it did last. */
const HAND_BACK_MS = 10_000;

export type AgentDeps = {
  client: GroupClient<AgentApi['agent']>;
  /** Everything a run may touch, for the project and environment it belongs to. */
  portsFor(assignment: Assignment): Omit<RunPorts, 'control'>;
  bootSecret: string;
  runtimeHash: string;
  /** Runs at once, where the control plane does not say. */
  runsAtOnce: number;
  log: Logger;
  /** Events of one report at most, where not the usual number. */
  batch?: number;
  /** Told what the plan allows, before the first run is handed out. */
  onLimits?(limits: RuntimeLimits): void;
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
  const held = createSlotMap<Held>();
  const stopping = new AbortController();
  let limits: RuntimeLimits | undefined;
  let greeting: Promise<void> | undefined;
  let freed: (() => void) | undefined;
  let stopWaiting: (() => void) | undefined;

  /** Says hello; whoever needs it meanwhile waits for the same answer. */
  function hello(): Promise<void> {
    greeting ??= greet().finally(() => {
      greeting = undefined;
    });
    return greeting;
  }

  async function greet(): Promise<void> {
    const answer = await deps.client.hello({
      protocol: AGENT_PROTOCOL,
      bootSecret: deps.bootSecret,
      runtimeHash: deps.runtimeHash,
      node: process.version,
    });
    limits = answer.limits;
    deps.onLimits?.(limits);
    deps.onToken?.(answer.token);
  }

  async function loop(): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted; ) {
      try {
        if (!limits) await hello();
        const room = Math.min(limits?.runsAtOnce ?? deps.runsAtOnce, MOST_AT_ONCE) - held.size;
        if (room <= 0) {
          await new Promise<void>((resolve) => {
            freed = resolve;
          });
          continue;
        }
        const asked = deps.client.next({ free: room, have: trees.hashes(), waitMs: WAIT_MS });
        const work = await unlessStopped(asked);
        if (!work) {
          // Nobody waits for the answer any more, and what it brings is for somebody else.
          asked.then(({ runs }) => runs.forEach(handBack)).catch(() => undefined);
          return;
        }
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

  /** What is asked for; undefined as soon as the agent stops. No race: it would leave a trace on a promise that lives on. */
  function unlessStopped<T>(asked: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      stopWaiting = () => resolve(undefined);
      asked.then(resolve, reject);
      if (stopping.signal.aborted) stopWaiting();
    });
  }

  function take(assignment: Assignment): void {
    const before = held.get(assignment.runId);
    if (before && before.fence >= assignment.fence) return;
    // Our own lease ran out, as it does while a machine sleeps: what was begun under it is not ours any more.
    before?.controller.abort(new SluiceError('run.fenced', 'The run was handed out again.'));
    const controller = new AbortController();
    const started = before
      ? before.finished.then(() => execute(assignment, controller))
      : execute(assignment, controller);
    const finished = started.finally(() => {
      if (held.get(assignment.runId) === mine) held.delete(assignment.runId);
      freed?.();
    });
    const mine: Held = { fence: assignment.fence, controller, finished };
    held.set(assignment.runId, mine);
  }

  function handBack({ runId, fence }: Assignment): void {
    deps.client.report({ runId, fence, events: [], done: true }).catch(() => undefined);
  }

  async function execute(assignment: Assignment, controller: AbortController): Promise<void> {
    const reporter = createReporter(assignment, {
      client: deps.client,
      renew: hello,
      onCancel: () => controller.abort(new SluiceError('run.cancelled', 'The run was cancelled.')),
      onLost: (error) => controller.abort(error),
      batch: deps.batch,
    });
    try {
      failpoint('assignment.taken');
      const version = trees.keep(assignment);
      const ports = { ...deps.portsFor(assignment), control: controlOf(assignment, deps.client) };
      const settings = version.tree.workflows[assignment.workflowId]?.settings;
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
        tree: version.tree,
        execHash: version.execHash(),
        runtimeHash: deps.runtimeHash,
        // One that goes on with an earlier run asks the same things.
        seed: assignment.effectRunId ?? assignment.runId,
      };
      await executeRun(job, {
        ports,
        journal,
        limits: limitsOf(settings?.timeoutMs, limits),
        signal: controller.signal,
        planOf: (_tree, workflowId) => version.plan(workflowId),
      });
      failpoint('release.before');
      await reporter.done();
      failpoint('release.after');
    } catch (thrown) {
      const error = SluiceError.from(thrown);
      if (error.code === 'service.draining') await reporter.done();
      reporter.abandon();
      if (error.code === 'internal')
        deps.log.error('A run broke.', { runId: assignment.runId, cause: String(error.cause ?? error) });
    }
  }

  const atWork = () => Promise.all(held.values().map(({ finished }) => finished));
  let giveUp = () => {};
  const givenUp = new Promise<void>((resolve) => {
    giveUp = resolve;
  });
  const ended = loop().then(() => Promise.race([allDone(), givenUp]));

  async function allDone(): Promise<void> {
    while (held.size > 0) await atWork();
  }

  return {
    ended,
    async stop(graceMs) {
      stopping.abort();
      stopWaiting?.();
      freed?.();
      const over = new AbortController();
      await Promise.race([atWork(), pause(graceMs, over.signal)]);
      const error = new SluiceError('service.draining', 'The runtime stops; the run goes on elsewhere.');
      for (const { controller } of held.values()) controller.abort(error);
      // Where nobody takes the last reports the leases run out by themselves.
      await Promise.race([atWork(), pause(HAND_BACK_MS, over.signal)]);
      over.abort();
      giveUp();
    },
  };
}

/** What a run asks of the control plane, under its lease. */
function controlOf({ fence }: Assignment, client: AgentDeps['client']): RunPorts['control'] {
  return { start: (request) => client.start({ ...request, fence }) };
}

type Held = { fence: number; controller: AbortController; finished: Promise<void> };

function limitsOf(runTimeoutMs: number | undefined, limits: RuntimeLimits | undefined): RunLimits {
  const ceiling = limits?.runTimeoutMs ?? DEFAULT_LIMITS.runTimeoutMs;
  return {
    ...DEFAULT_LIMITS,
    runTimeoutMs: Math.min(runTimeoutMs ?? DEFAULT_LIMITS.runTimeoutMs, ceiling),
    loopIterations: limits?.loopIterations ?? DEFAULT_LIMITS.loopIterations,
  };
}

/** One version: its tree, with the workflows compiled once. */
type KeptTree = { tree: Tree; plan(workflowId: string): Plan; execHash(): string };

function keepTree(tree: Tree): KeptTree {
  const plans = new Map<string, Plan>();
  let hash: string | undefined;
  return {
    tree,
    plan(workflowId) {
      const plan = plans.get(workflowId) ?? compilePlan(tree, workflowId);
      plans.set(workflowId, plan);
      return plan;
    },
    execHash() {
      hash ??= execHash(tree);
      return hash;
    },
  };
}

/** Versions by hash; the least used leave first. A run keeps its own as long as it is at work. */
function createTreeCache() {
  const kept = new Map<string, KeptTree>();
  let newest: string | undefined;
  return {
    hashes: () => [...kept.keys()],
    keep({ treeHash, tree }: Assignment): KeptTree {
      const version = kept.get(treeHash) ?? (tree && keepTree(tree));
      if (!version) throw new SluiceError('version.not_found', 'The control plane sent a run without its version.');
      if (treeHash === newest) return version;
      newest = treeHash;
      kept.delete(treeHash);
      kept.set(treeHash, version);
      const [oldest] = kept.keys();
      if (kept.size > KEPT_TREES && oldest !== undefined) kept.delete(oldest);
      return version;
    },
  };
}

/** Resolves after some time, or as soon as the signal is aborted. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal.addEventListener('abort', finish);
    if (signal.aborted) finish();
  });
}
