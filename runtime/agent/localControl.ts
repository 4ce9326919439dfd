import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import canonicalize from 'canonicalize';
import { v7 as uuidv7 } from 'uuid';
import type { AgentApi, Assignment, BoundConnection } from '#shared/contract/agentApi.ts';
import type { RunSummary } from '#shared/contract/cloud/common.ts';
import type { Service } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import type { Answer, RunEvent, RunLogLine, StepError } from '#shared/run/events.ts';
import { hasEnded, projectEvents } from '#shared/run/projectEvents.ts';
import { fromTime, toTime } from '#shared/time.ts';
import type { Item, Tree } from '#shared/workflow/tree.ts';
import { folderBlobs } from '../journal/folderBlobs.ts';
import { openRunStore, type StoredRun } from '../journal/runStore.ts';

export type NewRun = {
  runId?: string;
  projectId: string;
  workflowId: string;
  workflowName: string;
  tree: Tree;
  environment: { name: string; vars: Record<string, Json> };
  triggerStepId: string;
  trigger: RunSummary['trigger'];
  items: Item[];
  partial?: Assignment['partial'];
  /** A delivery that came before starts nothing new. */
  dedupe?: { hook: string; deliveryId: string };
};

export type LocalMessage =
  | { type: 'run.event'; projectId: string; event: RunEvent }
  | { type: 'run.changed'; run: RunSummary }
  | { type: 'run.log'; projectId: string; line: RunLogLine };

export type LocalControlDeps = {
  /** The SQLite file of runs; several processes may share it. */
  file: string;
  blobsDir: string;
  runtimeHash: string;
  /** Secrets for a project's runs, asked for when a runtime takes one; they are never stored with it. */
  connectionsOf(projectId: string, names: string[], environment: string): Record<string, BoundConnection>;
  runsAtOnce?: number;
  leaseMs?: number;
  now?: () => number;
};

/** The control plane of one computer: the agent contract over SQLite. */
export type LocalControl = ReturnType<typeof createLocalControl>;

const LEASE_MS = 10_000;
const RUNS_AT_ONCE = 20;
/** Never issued outside this computer: the runtime is our own child, over its stdin and stdout. */
const LOCAL_ID = '00000000-0000-7000-8000-000000000000';

export function createLocalControl(deps: LocalControlDeps) {
  const now = deps.now ?? Date.now;
  const leaseMs = deps.leaseMs ?? LEASE_MS;
  const store = openRunStore(deps.file);
  mkdirSync(deps.blobsDir, { recursive: true });
  const blobs = folderBlobs(deps.blobsDir);
  const listeners = new Set<(message: LocalMessage) => void>();
  const wakers = new Map<string, Set<() => void>>();
  const answers = new Map<string, ((answer: Answer | undefined) => void)[]>();
  const group = createGroup((work) => store.transaction(work));
  let closed = false;

  const tell = (message: LocalMessage) => {
    for (const listener of listeners) listener(message);
  };
  const wake = (projectId: string) => {
    for (const waker of wakers.get(projectId) ?? []) waker();
  };
  const tellChanged = (runId: string) => {
    const run = store.findRun(runId);
    if (run) tell({ type: 'run.changed', run: toSummary(run) });
  };

  function assign(run: StoredRun, have: readonly string[]): Assignment {
    const treeJson = store.tree(run.treeHash);
    if (treeJson === undefined)
      throw new SluiceError('version.not_found', `The project as it was for run ${run.runId} is gone.`);
    const tree = JSON.parse(treeJson) as Tree;
    const kept = run.assignment as unknown as Pick<Assignment, 'environment' | 'input' | 'partial'>;
    return {
      runId: run.runId,
      fence: run.fence,
      leaseMs,
      projectId: run.projectId,
      workflowId: run.workflowId,
      treeHash: run.treeHash,
      ...(have.includes(run.treeHash) ? {} : { tree }),
      environment: kept.environment,
      connections: deps.connectionsOf(run.projectId, Object.keys(tree.connections), run.environment),
      triggerStepId: run.triggerStepId,
      input: kept.input,
      events: store.events(run.runId),
      ...(kept.partial ? { partial: kept.partial } : {}),
    };
  }

  function claim(projectId: string, free: number, have: readonly string[]): Assignment[] {
    return store.transaction(() =>
      store.claimable(projectId, now(), free).map((run) => {
        const fence = run.fence + 1;
        store.updateRun(run.runId, { fence, leaseUntil: now() + leaseMs });
        return assign({ ...run, fence }, have);
      }),
    );
  }

  /** Ends runs that nobody may execute: cancelled while they wait. */
  function cancelParked(run: StoredRun): void {
    const event: RunEvent = {
      type: 'run.ended',
      status: 'cancelled',
      runId: run.runId,
      seq: run.lastSeq + 1,
      at: toTime(now()),
      fence: run.fence,
      error: { code: 'run.cancelled', message: 'The run was cancelled.' },
    };
    append(run, [event], true);
    after(run, [event], []);
  }

  function append(run: StoredRun, events: readonly RunEvent[], done: boolean): void {
    const change = projectEvents({ runId: run.runId, status: run.status }, [...events]);
    const waiting = events.findLast((event) => event.type === 'run.waiting');
    const stepsEnded = change.endedSteps.length;
    const last = events.at(-1);
    const update: Partial<StoredRun> = {
      status: change.status,
      lastSeq: last?.seq ?? run.lastSeq,
      stepCount: run.stepCount + stepsEnded,
      leaseUntil: done ? undefined : now() + leaseMs,
    };
    if (change.started) update.startedAt = fromTime(change.started.at);
    if (change.ended) {
      update.finishedAt = fromTime(change.ended.at);
      update.error = (change.ended.error ?? null) as Json;
    }
    if (change.status === 'waiting' && waiting) {
      update.wait = {
        reason: waiting.reason,
        stepId: waiting.stepId,
        ...(waiting.until ? { until: waiting.until } : {}),
      };
      update.dueAt = waiting.until ? fromTime(waiting.until) : undefined;
    }
    if (change.status !== 'waiting') update.wait = null;
    if (change.answer && !run.answer) update.answer = change.answer;
    store.appendEvents(events);
    store.updateRun(run.runId, update);
  }

  /** What everybody is told once it is on the disk. */
  function after(run: StoredRun, events: readonly RunEvent[], logs: readonly RunLogLine[]): void {
    for (const event of events) {
      tell({ type: 'run.event', projectId: run.projectId, event });
      if (event.type === 'run.answered') {
        const { status, headers, body, blob } = event;
        settleAnswer(run.runId, { status, headers, body, blob });
      }
      if (event.type === 'run.ended') settleAnswer(run.runId, undefined);
    }
    for (const line of logs) tell({ type: 'run.log', projectId: run.projectId, line });
    if (events.some((event) => event.type.startsWith('run.'))) tellChanged(run.runId);
  }

  function settleAnswer(runId: string, answer: Answer | undefined): void {
    for (const settle of answers.get(runId) ?? []) settle(answer);
    answers.delete(runId);
  }

  function agent(projectId: string): Service<AgentApi['agent']> {
    return {
      hello: () => ({
        workspaceId: LOCAL_ID,
        containerId: LOCAL_ID,
        token: 'local',
        expiresAt: toTime(now() + 86_400_000),
        limits: {
          runsAtOnce: deps.runsAtOnce ?? RUNS_AT_ONCE,
          runTimeoutMs: 3_600_000,
          loopIterations: 100_000,
          storageBytes: 10 * 1024 ** 3,
        },
      }),
      async next({ free, have, waitMs }) {
        const until = now() + waitMs;
        for (;;) {
          if (closed) return { runs: [], drain: true };
          const runs = claim(projectId, free, have);
          if (runs.length > 0) return { runs };
          const left = Math.min(until, store.nextDue(projectId) ?? until) - now();
          if (until - now() <= 0) return { runs: [] };
          await waitForWork(projectId, Math.max(left, 5));
        }
      },
      async report({ runId, fence, events, logs = [], done = false }) {
        let stored: StoredRun | undefined;
        let fresh: RunEvent[] = [];
        await group(() => {
          const run = store.findRun(runId);
          if (!run || run.fence !== fence || hasEnded(run.status)) {
            throw new SluiceError('run.fenced', `Run ${runId} belongs to another runtime, or has ended.`);
          }
          fresh = events.filter((event) => event.seq > run.lastSeq);
          const first = fresh[0];
          if (first && first.seq !== run.lastSeq + 1) {
            throw new SluiceError('run.gap', `Run ${runId} lacks event ${run.lastSeq + 1}.`, {
              details: { expected: run.lastSeq + 1 },
            });
          }
          append(run, fresh, done);
          store.appendLogs(logs);
          stored = { ...run, lastSeq: fresh.at(-1)?.seq ?? run.lastSeq };
        });
        if (!stored) throw new SluiceError('internal', 'The report was not stored.');
        after(stored, fresh, logs);
        if (done) wake(projectId);
        return { ack: stored.lastSeq, ...(stored.cancel ? { cancel: true } : {}) };
      },
      async putBlob({ hash, base64 }) {
        const bytes = Buffer.from(base64, 'base64');
        const stored = await blobs.put(bytes);
        if (stored !== hash)
          throw new SluiceError('blob.corrupt', 'The bytes of a blob do not have the hash they came with.');
        return { bytes: bytes.length };
      },
      getBlob: async ({ hash }) => ({ base64: Buffer.from(await blobs.get(hash)).toString('base64') }),
    };
  }

  function waitForWork(projectId: string, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const waiting = wakers.get(projectId) ?? new Set();
      wakers.set(projectId, waiting);
      const finish = () => {
        clearTimeout(timer);
        waiting.delete(finish);
        resolve();
      };
      const timer = setTimeout(finish, ms);
      waiting.add(finish);
    });
  }

  const trees = new WeakMap<Tree, string>();
  function keepTree(tree: Tree): { hash: string; json?: string } {
    const known = trees.get(tree);
    if (known) return { hash: known };
    const json = canonicalize(tree) ?? '';
    const hash = createHash('sha256').update(json).digest('hex');
    trees.set(tree, hash);
    return { hash, json };
  }

  return {
    agent,
    /** Accepts a run; it is on the disk when this resolves. */
    async start(run: NewRun): Promise<{ runId: string; repeated: boolean }> {
      const { hash, json } = keepTree(run.tree);
      const runId = run.runId ?? uuidv7();
      let before: string | undefined;
      await group(() => {
        if (run.dedupe) before = store.delivered(run.dedupe.hook, run.dedupe.deliveryId);
        if (before !== undefined) return;
        if (json !== undefined) store.putTree(hash, json);
        store.insertRun({
          runId,
          projectId: run.projectId,
          workflowId: run.workflowId,
          workflowName: run.workflowName,
          environment: run.environment.name,
          trigger: run.trigger,
          triggerStepId: run.triggerStepId,
          status: 'queued',
          fence: 0,
          leaseUntil: undefined,
          dueAt: undefined,
          cancel: false,
          queuedAt: now(),
          startedAt: undefined,
          finishedAt: undefined,
          stepCount: 0,
          lastSeq: 0,
          treeHash: hash,
          assignment: {
            environment: run.environment,
            input: run.items,
            ...(run.partial ? { partial: run.partial } : {}),
          } as unknown as Json,
          wait: null,
          error: null,
          answer: undefined,
        });
        if (run.dedupe) store.recordDelivery(run.dedupe.hook, run.dedupe.deliveryId, runId);
      });
      if (before !== undefined) return { runId: before, repeated: true };
      tellChanged(runId);
      wake(run.projectId);
      return { runId, repeated: false };
    },
    /** @throws SluiceError run.not_found, run.finished */
    cancel(runId: string): void {
      const run = store.findRun(runId);
      if (!run) throw new SluiceError('run.not_found', 'There is no such run on this computer.');
      if (hasEnded(run.status)) throw new SluiceError('run.finished', 'The run has ended already.');
      const parked = run.leaseUntil === undefined || run.leaseUntil < now();
      store.transaction(() => store.updateRun(runId, { cancel: true }));
      if (parked) store.transaction(() => cancelParked({ ...run, cancel: true }));
    },
    list({
      projectId,
      workflowId,
      limit,
      cursor,
    }: {
      projectId: string;
      workflowId?: string;
      limit: number;
      cursor?: string;
    }) {
      const found = store.listRuns({ projectId, workflowId, before: cursor, limit: limit + 1 });
      const data = found.slice(0, limit).map(toSummary);
      return found.length > limit ? { data, nextCursor: data.at(-1)?.id } : { data };
    },
    get(runId: string): { run: RunSummary; events: RunEvent[]; logs: RunLogLine[] } | undefined {
      const run = store.findRun(runId);
      return run && { run: toSummary(run), events: store.events(runId), logs: store.logs(runId) };
    },
    /** The items of a blob that an event names. */
    async items(blob: string): Promise<Item[]> {
      return JSON.parse(new TextDecoder().decode(await blobs.get(blob))) as Item[];
    },
    blobs,
    /** Resolves when the run has ended; at once when it has. */
    finished(runId: string): Promise<RunSummary> {
      return new Promise((resolve) => {
        const check = () => {
          const run = store.findRun(runId);
          if (!run || !hasEnded(run.status)) return false;
          listeners.delete(listen);
          resolve(toSummary(run));
          return true;
        };
        const listen = (message: LocalMessage) => {
          if (message.type === 'run.changed' && message.run.id === runId) check();
        };
        listeners.add(listen);
        check();
      });
    },
    /** What the run answered its caller; undefined when it ended without an answer, or the time is up. */
    answered(runId: string, timeoutMs: number): Promise<Answer | undefined> {
      const run = store.findRun(runId);
      if (run?.answer) return Promise.resolve(run.answer);
      if (!run || hasEnded(run.status)) return Promise.resolve(undefined);
      return new Promise((resolve) => {
        const timer = setTimeout(() => resolve(undefined), timeoutMs);
        const settle = (answer: Answer | undefined) => {
          clearTimeout(timer);
          resolve(answer);
        };
        answers.set(runId, [...(answers.get(runId) ?? []), settle]);
      });
    },
    lastDelivery: (hook: string) => store.lastDelivery(hook),
    subscribe(listener: (message: LocalMessage) => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    /** The project's runtime died: what it held may be taken again at once. */
    released(projectId: string): void {
      store.transaction(() => store.releaseLeases(projectId));
      wake(projectId);
    },
    prune: (beforeMs: number, keepNewest: number) => store.prune(beforeMs, keepNewest),
    close(): void {
      closed = true;
      for (const projectId of wakers.keys()) wake(projectId);
      store.close();
    },
  };
}

/** Work that comes in the same turn of the event loop shares one transaction, so one flush to the disk. */
function createGroup(transaction: (work: () => void) => void) {
  let queue: { work: () => void; resolve: () => void; reject: (error: unknown) => void }[] = [];

  function commit(): void {
    const members = queue;
    queue = [];
    const failed = new Map<(typeof members)[number], unknown>();
    try {
      transaction(() => {
        for (const member of members) {
          try {
            member.work();
          } catch (thrown) {
            // A refusal is found out before anything is written, so the others of the group are untouched.
            if (!(thrown instanceof SluiceError)) throw thrown;
            failed.set(member, thrown);
          }
        }
      });
    } catch (thrown) {
      for (const member of members) member.reject(thrown);
      return;
    }
    for (const member of members) {
      if (failed.has(member)) member.reject(failed.get(member));
      else member.resolve();
    }
  }

  return (work: () => void): Promise<void> =>
    new Promise((resolve, reject) => {
      if (queue.length === 0) setImmediate(commit);
      queue.push({ work, resolve, reject });
    });
}

function toSummary(run: StoredRun): RunSummary {
  const wait = run.wait as RunSummary['wait'] | null | undefined;
  const error = run.error as StepError | null | undefined;
  return {
    id: run.runId,
    projectId: run.projectId,
    workflowId: run.workflowId,
    workflowName: run.workflowName,
    environment: run.environment,
    trigger: run.trigger,
    triggerStepId: run.triggerStepId,
    status: run.status,
    ...(wait ? { wait } : {}),
    ...(error ? { error } : {}),
    attempt: 1,
    queuedAt: toTime(run.queuedAt),
    ...(run.startedAt === undefined ? {} : { startedAt: toTime(run.startedAt) }),
    ...(run.finishedAt === undefined ? {} : { finishedAt: toTime(run.finishedAt) }),
    ...(run.startedAt !== undefined && run.finishedAt !== undefined
      ? { durationMs: run.finishedAt - run.startedAt }
      : {}),
    stepCount: run.stepCount,
  };
}
