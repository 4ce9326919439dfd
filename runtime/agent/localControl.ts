import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import canonicalize from 'canonicalize';
import { v7 as uuidv7 } from 'uuid';
import type { AgentApi, Assignment, BoundConnection } from '#shared/contract/agentApi.ts';
import type { RunSummary } from '#shared/contract/cloud/common.ts';
import type { Service } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import type { RunEvent, RunLogLine } from '#shared/run/events.ts';
import { hasEnded } from '#shared/run/projectEvents.ts';
import { toTime } from '#shared/time.ts';
import type { Item, Tree } from '#shared/workflow/tree.ts';
import { folderBlobs } from '../journal/folderBlobs.ts';
import { openRunStore, type StoredRun } from '../journal/runStore.ts';
import { createGroupCommit } from './groupCommit.ts';
import { createLocalClaims } from './localClaims.ts';
import { createLocalFeed } from './localFeed.ts';
import { createLocalJournal, type Stored } from './localJournal.ts';
import { toSummary } from './runSummary.ts';

export type { LocalMessage } from './localFeed.ts';

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
  const feed = createLocalFeed(store);
  const journal = createLocalJournal(store, { now, leaseMs });
  const claims = createLocalClaims({
    store,
    journal,
    connectionsOf: deps.connectionsOf,
    now,
    leaseMs,
    onEnded: (run, event) => feed.reported(run, [event], []),
  });
  const commit = createGroupCommit((work) => store.transaction(work));
  const hashes = new WeakMap<Tree, string>();
  let closed = false;

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
          const runs = claims.claim(projectId, free, have);
          if (runs.length > 0 || until <= now()) return { runs };
          await claims.waitUntil(projectId, until);
        }
      },
      async report({ logs = [], done = false, ...report }) {
        const { runId } = report;
        let stored: Stored | undefined;
        let cancelled: RunEvent | undefined;
        await commit(() => {
          stored = journal.take({ ...report, logs, done });
          const run = done && stored.run.cancel ? store.findRun(runId) : undefined;
          // Cancelled while it was on its way to wait: nobody would take it up to end it.
          if (run && !hasEnded(run.status)) cancelled = journal.endCancelled(run);
        });
        if (!stored) throw new SluiceError('internal', 'The report was not stored.');
        const { run, fresh, ack } = stored;
        feed.reported(run, cancelled ? [...fresh, cancelled] : fresh, logs);
        if (done) {
          claims.forget(projectId, runId);
          claims.wake(projectId);
        }
        return { ack, ...(run.cancel ? { cancel: true } : {}) };
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

  function hashOf(tree: Tree): string {
    const known = hashes.get(tree) ?? createHash('sha256').update(textOf(tree)).digest('hex');
    hashes.set(tree, known);
    return known;
  }

  return {
    agent,
    /** Accepts a run; it is on the disk when this resolves. */
    async start(run: NewRun): Promise<{ runId: string; repeated: boolean }> {
      const hash = hashOf(run.tree);
      const runId = run.runId ?? uuidv7();
      let before: string | undefined;
      await commit(() => {
        if (run.dedupe) before = store.delivered(run.dedupe.hook, run.dedupe.deliveryId);
        if (before !== undefined) return;
        if (!store.hasTree(hash)) store.putTree(hash, textOf(run.tree));
        store.insertRun(queuedRun(run, runId, hash, now()));
        if (run.dedupe) store.recordDelivery(run.dedupe.hook, run.dedupe.deliveryId, runId);
      });
      if (before !== undefined) return { runId: before, repeated: true };
      feed.changed(runId);
      claims.wake(run.projectId);
      return { runId, repeated: false };
    },
    /**
     * Ends a run that nobody holds; tells the runtime that holds it to.
     *
     * @throws SluiceError run.not_found, run.finished
     */
    cancel(runId: string): void {
      const { run, ended } = store.transaction(() => {
        const run = store.findRun(runId);
        if (!run) throw new SluiceError('run.not_found', 'There is no such run on this computer.');
        if (hasEnded(run.status)) throw new SluiceError('run.finished', 'The run has ended already.');
        store.updateRun(runId, { cancel: true });
        const held = run.leaseUntil !== undefined && run.leaseUntil >= now();
        return { run, ended: held ? undefined : journal.endCancelled(run) };
      });
      if (ended) feed.reported(run, [ended], []);
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
    finished: feed.finished,
    answered: feed.answered,
    lastDelivery: (hook: string) => store.lastDelivery(hook),
    /** A delivery that starts nothing: the run that stood in its way stands for it. */
    noteDelivery(hook: string, deliveryId: string, runId: string): void {
      store.transaction(() => {
        if (store.delivered(hook, deliveryId) === undefined) store.recordDelivery(hook, deliveryId, runId);
      });
    },
    /** Runs of a trigger that have not ended, oldest first. */
    openRuns: (projectId: string, workflowId: string, triggerStepId: string) =>
      store.openRuns(projectId, workflowId, triggerStepId),
    subscribe: feed.subscribe,
    /** The project's runtime died: what it held may be taken again at once. */
    released: (projectId: string): void => claims.release(projectId),
    /** Forgets ended runs that were accepted before a time, and all but the newest of a project. */
    prune: (beforeMs: number, keepNewest: number) => store.transaction(() => store.prune(beforeMs, keepNewest)),
    close(): void {
      closed = true;
      claims.wakeAll();
      feed.close();
      store.close();
    },
  };
}

const textOf = (tree: Tree): string => canonicalize(tree) ?? '';

function queuedRun(run: NewRun, runId: string, treeHash: string, queuedAt: number): StoredRun {
  return {
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
    queuedAt,
    startedAt: undefined,
    finishedAt: undefined,
    stepCount: 0,
    lastSeq: 0,
    treeHash,
    assignment: {
      environment: run.environment,
      input: run.items,
      ...(run.partial ? { partial: run.partial } : {}),
    } as unknown as Json,
    wait: null,
    error: null,
    answer: undefined,
  };
}
