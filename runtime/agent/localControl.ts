import { mkdirSync } from 'node:fs';
import type { AgentApi, Assignment, BoundConnection } from '#shared/contract/agentApi.ts';
import type { RunSummary } from '#shared/contract/cloud/common.ts';
import type { Service } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import type { Answer, Payload, RunEvent, RunLogLine, RunStatus } from '#shared/run/events.ts';
import { hasEnded } from '#shared/run/projectEvents.ts';
import { toTime } from '#shared/time.ts';
import type { Item, Tree } from '#shared/workflow/tree.ts';
import { folderBlobs } from '../journal/folderBlobs.ts';
import { openRunStore, type ShownRun, type StoredRun } from '../journal/runStore.ts';
import { createGroupCommit } from './groupCommit.ts';
import { createLiveRuns, type LiveRun } from './liveRuns.ts';
import { createLocalAccept } from './localAccept.ts';
import { createLocalAdmission } from './localAdmission.ts';
import { createLocalClaims } from './localClaims.ts';
import { failureIn } from './localErrors.ts';
import { createLocalFeed } from './localFeed.ts';
import { createLocalJournal, type LocalReport, type Taken } from './localJournal.ts';
import { createLocalResume } from './localResume.ts';
import { type RetryRequest, retryOf } from './localRetry.ts';
import { createLocalStarts } from './localStarts.ts';
import { createResumeAddress } from './resumeAddress.ts';
import { toSummary } from './runSummary.ts';
import { createStoredRuns } from './storedRuns.ts';

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
  /** The run that this one does again, what of it still holds, and whose idempotency keys its effects have. */
  retryOf?: string;
  recorded?: RunEvent[];
  effectRunId?: string;
  /** Not before this moment, milliseconds since 1970. */
  atMs?: number;
  /** A delivery that came before starts nothing new. */
  dedupe?: { hook: string; deliveryId: string };
  /**
   * What `start` having resolved means. `stored` (without this): the run is on the disk. `held`: whoever caused it has been
   * told nothing yet and is told nothing before `answered` resolves, so the run may reach the disk with its first report.
   * `unkept`: its workflow has durability `none`, so nothing of it is written. Both need a runtime in this process; without
   * one, and for deliveries, the run is stored.
   */
  accept?: 'stored' | 'held' | 'unkept';
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
  /** Where `/resume/<run>/<token>` is served, without a slash at its end. Absent: nobody outside can end a wait. */
  resumeBase?: string;
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
  const commit = createGroupCommit((work) => store.transaction(work));
  const journal = createLocalJournal(store, { now, leaseMs });
  const storedRuns = createStoredRuns(store, now);
  const live = createLiveRuns({ store, journal, commit, storedRuns });
  const feed = createLocalFeed(store, find);
  const address = createResumeAddress({ keyFile: `${deps.file}.key`, base: deps.resumeBase });
  const resumes = createLocalResume({
    store,
    journal,
    now,
    onResumed(run, event) {
      feed.reported(run, [event], []);
      claims.arrived(run.projectId);
    },
  });
  const claims = createLocalClaims({
    resumeUrlOf: address.of,
    applyPending: resumes.applyPending,
    store,
    journal,
    connectionsOf: deps.connectionsOf,
    now,
    leaseMs,
    onEnded: (run, event) => feed.reported(run, [event], []),
    onLook: () => live.overdue(now()).forEach(leave),
  });
  const admission = createLocalAdmission({ store, journal, now });
  const accept = createLocalAccept({ store, storedRuns, commit, admission, live, claims, feed, now, leaseMs });
  const startBeside = createLocalStarts({ store, storedRuns, findLive: live.find, start: accept.start });
  let closed = false;

  function find(runId: string): ShownRun | undefined {
    return live.find(runId)?.run ?? store.findRun(runId);
  }

  /** A run that is not stored has nobody who executes it. */
  function leave(one: LiveRun): void {
    const { projectId, runId } = one.run;
    claims.forget(projectId, runId);
    const ended = live.leave(one);
    if (ended) feed.reported(one.run, [ended], [], one.run);
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
        const epoch = claims.epoch(projectId);
        for (;;) {
          if (closed) return { runs: [], drain: true };
          // Who asked has died meanwhile.
          if (claims.epoch(projectId) !== epoch) return { runs: [] };
          const runs = claims.take(projectId, free, have);
          if (runs.length > 0 || until <= now()) return { runs };
          await claims.waitUntil(projectId, free, until);
        }
      },
      async report(report) {
        const { runId, logs = [], done = false } = report;
        const one = live.find(runId);
        let told: StoredRun | undefined;
        const beside = (fresh: readonly RunEvent[], failed: StoredRun | undefined) => {
          const failure = failureIn(fresh);
          // Of those that are committed together the last try counts.
          told = failure && failed && accept.storeErrorRun(failed, one?.tree, failure);
        };
        const { run, fresh, ack, after, cancelled } = one
          ? { cancelled: undefined, ...(await live.report(one, report, (taken) => beside(taken.fresh, one.run))) }
          : await takeStored(report, beside);
        if (told) accept.stored(told);
        feed.reported(run, cancelled ? [...fresh, cancelled] : fresh, logs, cancelled ? undefined : after);
        if (done) {
          claims.forget(projectId, runId);
          // What has not ended may be taken up again, now or when it is due; but not where nothing of it is kept.
          if (!hasEnded(run.status) && !fresh.some(({ type }) => type === 'run.ended')) {
            if (one && !one.kept) leave(one);
            else claims.arrived(projectId);
          } else if (run.holdsOthers) claims.arrived(projectId);
        }
        return { ack, ...(run.cancel ? { cancel: true } : {}) };
      },
      start: startBeside,
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

  /** One that is to be kept is stored, for the store to say what becomes of it; another is cancelled here. */
  function cancelLive(one: LiveRun): void {
    const { projectId, runId, status } = one.run;
    if (hasEnded(status)) throw finished();
    const waits = claims.withdraw(projectId, runId);
    if (one.kept) live.leave(one, waits ? WAITING : {});
    else if (!waits) live.taken(runId, { cancel: true });
    else feed.reported(one.run, [live.end(one, 'cancelled')], [], one.run);
  }

  async function takeStored(
    report: LocalReport,
    beside: (fresh: readonly RunEvent[], failed: StoredRun | undefined) => void,
  ) {
    let taken: Taken | undefined;
    let cancelled: RunEvent | undefined;
    await commit(() => {
      taken = journal.take(report);
      if (failureIn(taken.fresh)) beside(taken.fresh, store.findWhole(report.runId));
      const run = report.done && taken.run.cancel ? store.findHead(report.runId) : undefined;
      // Cancelled while it was on its way to wait: nobody would take it up to end it.
      if (run && !hasEnded(run.status)) cancelled = journal.endCancelled(run);
      // Handed back while it waits: somebody may have answered meanwhile.
      const waits = report.done && !run && !taken.again && taken.change.status === 'waiting';
      const whole = waits ? store.findWhole(report.runId) : undefined;
      if (whole) taken.fresh.push(...resumes.applyPending(whole).events);
    });
    if (!taken) throw new SluiceError('internal', 'The report was not stored.');
    return { ...taken, after: undefined, cancelled };
  }

  const control = {
    agent,
    start: accept.start,
    /** Resolves once a run that was started as `held` is on the disk, so that its caller can be told of it. */
    async kept(runId: string): Promise<void> {
      const one = live.find(runId);
      if (!one?.kept) return;
      const { projectId } = one.run;
      const waits = claims.withdraw(projectId, runId);
      await live.keep(one, waits ? WAITING : {});
      if (waits) claims.arrived(projectId);
    },
    /**
     * Ends a run that nobody holds; tells the runtime that holds it to.
     *
     * @throws SluiceError run.not_found, run.finished
     */
    cancel(runId: string): void {
      const one = live.find(runId);
      if (one) cancelLive(one);
      if (one && !one.kept) return;
      const { run, ended } = store.transaction(() => {
        const run = store.findHead(runId);
        if (!run) throw new SluiceError('run.not_found', 'There is no such run on this computer.');
        if (hasEnded(run.status)) throw finished();
        store.updateRun(runId, { cancel: true });
        const held = run.leaseUntil !== undefined && run.leaseUntil >= now();
        return { run, ended: held ? undefined : journal.endCancelled(run) };
      });
      if (ended) feed.reported(run, [ended], []);
      if (ended && run.holdsOthers) claims.arrived(run.projectId);
    },
    /** Ends a wait of a run. @throws SluiceError run.not_found, run.not_waiting, request.invalid */
    resume: resumes.resume,
    /**
     * Ends a wait for a reply, by the run's own address: `$run.resumeUrl` ends in `/resume/<runId>/<token>`.
     *
     * @throws SluiceError run.not_found (also where the token is wrong), run.not_waiting
     */
    resumeByToken(runId: string, token: string, input: Json): void {
      if (!address.isOf(runId, token)) throw new SluiceError('run.not_found', 'There is no such address.');
      resumes.reply(runId, input);
    },
    /** Does a run again as a new one. @throws as `retryOf` does; SluiceError run.not_found */
    async retry(request: RetryRequest): Promise<{ runId: string }> {
      const run = store.findRun(request.runId);
      if (!run) {
        throw new SluiceError('run.not_found', 'There is no such run on this computer.', {
          advice: 'Of a workflow with durability none no run is kept.',
        });
      }
      const itemsOf = async (payload: Payload) => ('items' in payload ? payload.items : await this.items(payload.blob));
      const earlier = { run, events: store.events(run.runId), tree: storedRuns.treeOf(run), itemsOf };
      const { runId } = await this.start(await retryOf(earlier, request));
      return { runId };
    },
    /** A run with its journal and the version that it ran, to go on from. */
    earlier(runId: string) {
      const run = store.findRun(runId);
      return run && { run, events: store.events(runId), tree: storedRuns.treeOf(run) };
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
      const one = live.find(runId);
      if (one) return { run: toSummary(one.run), events: [...one.events], logs: [] };
      const run = store.findRun(runId);
      return run && { run: toSummary(run), events: store.events(runId), logs: store.logs(runId) };
    },
    status: (runId: string): RunStatus | undefined => (live.find(runId)?.run ?? store.findHead(runId))?.status,
    /** The items of a blob that an event names. */
    async items(blob: string): Promise<Item[]> {
      return JSON.parse(new TextDecoder().decode(await blobs.get(blob))) as Item[];
    },
    blobs,
    finished: feed.finished,
    /** What the run answered its caller, for whom alone that is; undefined when it ended without an answer, or the time is up. */
    async answered(runId: string, timeoutMs: number): Promise<Answer | undefined> {
      const answer = await feed.answered(runId, timeoutMs);
      if (answer) live.told(runId);
      return answer;
    },
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
    released(projectId: string): void {
      for (const one of live.ofProject(projectId)) {
        // What was not taken yet waits for the next one.
        if (one.run.leaseUntil !== undefined) leave(one);
      }
      claims.release(projectId);
    },
    /** Forgets ended runs that were accepted before a time, and all but the newest of a project. */
    prune: (beforeMs: number, keepNewest: number) => store.transaction(() => store.prune(beforeMs, keepNewest)),
    close(): void {
      closed = true;
      claims.wakeAll();
      feed.close();
      store.close();
    },
  };
  return control;
}

/** How a run stands in the store that no runtime was handed. */
const WAITING = { fence: 0, leaseUntil: undefined };

const finished = () => new SluiceError('run.finished', 'The run has ended already.');

/** With its fields in their order, which steps give them in: a run that is taken up again gives them in the same. */
