import { SluiceError } from '#shared/error.ts';
import type { EventOf } from '#shared/run/events.ts';
import { toTime } from '#shared/time.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { failpoint } from '../failpoint.ts';
import type { RunStore, StoredRun } from '../journal/runStore.ts';
import type { createGroupCommit } from './groupCommit.ts';
import type { createLiveRuns } from './liveRuns.ts';
import type { createLocalAdmission, LocalAdmitted } from './localAdmission.ts';
import type { createLocalClaims, Offer } from './localClaims.ts';
import type { NewRun } from './localControl.ts';
import { errorRun } from './localErrors.ts';
import type { createLocalFeed } from './localFeed.ts';
import { newRunId } from './runIds.ts';
import type { StoredRuns } from './storedRuns.ts';

/** `repeated`: an earlier run stands for this one, and its id is given. */
export type Started = { runId: string; repeated: boolean };

export type LocalAcceptDeps = {
  store: RunStore;
  storedRuns: StoredRuns;
  commit: ReturnType<typeof createGroupCommit>;
  admission: ReturnType<typeof createLocalAdmission>;
  live: ReturnType<typeof createLiveRuns>;
  claims: ReturnType<typeof createLocalClaims>;
  feed: ReturnType<typeof createLocalFeed>;
  now: () => number;
  leaseMs: number;
};

/** Takes runs in: to the disk, or straight to a runtime of this process where its caller says that may be. */
export function createLocalAccept(deps: LocalAcceptDeps) {
  const { store, storedRuns, commit, admission, live, claims, feed, now, leaseMs } = deps;

  /** What a runtime of this process would be handed; undefined where that cannot be had now, a locked vault for one. */
  function offerOf(run: StoredRun, tree: Tree): Offer | undefined {
    try {
      const assignment = claims.assignmentOf({ ...run, fence: 1 }, tree, []);
      const onTaken = () => live.taken(run.runId, { fence: 1, leaseUntil: now() + leaseMs });
      return { assignment, tree, onTaken };
    } catch (thrown) {
      if (thrown instanceof SluiceError) return undefined;
      throw thrown;
    }
  }

  /** Stores a run of a workflow whose settings demand something of it; when it executes is settled as runs are handed out. */
  async function startAdmitted({ dedupe, ...run }: NewRun, queued: StoredRun): Promise<Started> {
    let before: string | undefined;
    let admitted: LocalAdmitted | undefined;
    let refused: unknown;
    await commit(() => {
      if (dedupe) before = store.delivered(dedupe.hook, dedupe.deliveryId);
      if (before !== undefined) return;
      try {
        admitted = admission.admit(run, queued);
      } catch (thrown) {
        // Of the runs that are committed together only this one falls; nothing of it was written.
        refused = thrown;
        return;
      }
      if (admitted.repeatOf === undefined) storedRuns.insert(admitted.row, run.tree);
      if (dedupe) store.recordDelivery(dedupe.hook, dedupe.deliveryId, admitted.repeatOf ?? queued.runId);
    });
    if (refused !== undefined) throw refused;
    const repeated = before ?? admitted?.repeatOf;
    if (repeated !== undefined) return { runId: repeated, repeated: true };
    for (const [ended, event] of admitted?.ended ?? []) feed.reported(ended, [event], []);
    stored(admitted?.row ?? queued);
    return { runId: queued.runId, repeated: false };
  }

  /** A key that cannot be worked out holds up nobody who is told of a failure. */
  function heldAsAsked(told: NewRun, queued: StoredRun): StoredRun {
    try {
      return admission.isAsked(told) ? admission.admit(told, queued).row : queued;
    } catch (thrown) {
      if (thrown instanceof SluiceError) return queued;
      throw thrown;
    }
  }

  function stored(row: StoredRun): void {
    feed.changed(row.runId, row);
    claims.arrived(row.projectId);
  }

  return {
    /**
     * Accepts a run; unless it says otherwise (`accept`) it is on the disk when this resolves.
     *
     * @throws SluiceError run.rate_exceeded, run.singleton, queue.full, expression.failed, where the settings of its
     *   workflow do not let it in
     */
    async start(run: NewRun): Promise<Started> {
      const { projectId, tree, dedupe, accept = 'stored' } = run;
      const runId = run.runId ?? newRunId();
      const queued = storedRuns.rowOf(run, runId);
      if (admission.isAsked(run)) return await startAdmitted(run, queued);
      const isLater = run.atMs !== undefined && run.atMs > now();
      const isLive = accept !== 'stored' && !dedupe && !isLater && claims.isManned(projectId);
      const offer = isLive || (!isLater && claims.room(projectId) > 0) ? offerOf(queued, tree) : undefined;
      if (isLive && offer) {
        live.add(queued, tree, accept === 'held');
        claims.offer(projectId, offer);
        return { runId, repeated: false };
      }
      // Where somebody waits for work it is stored as his already.
      const row = offer ? { ...queued, fence: 1, leaseUntil: now() + leaseMs } : queued;
      let before: string | undefined;
      failpoint('start.before');
      await commit(() => {
        if (dedupe) before = store.delivered(dedupe.hook, dedupe.deliveryId);
        if (before !== undefined) return;
        storedRuns.insert(row, tree);
        if (dedupe) store.recordDelivery(dedupe.hook, dedupe.deliveryId, runId);
      });
      failpoint('start.after');
      if (before !== undefined) return { runId: before, repeated: true };
      feed.changed(runId, row);
      if (offer) claims.offer(projectId, { ...offer, onTaken: undefined });
      else claims.arrived(projectId);
      return { runId, repeated: false };
    },
    /**
     * Stores the run that tells a run's error workflow of its failure. Call it inside the transaction that takes the failure
     * in, and `stored` with what it gives once that is committed.
     */
    storeErrorRun(run: StoredRun, known: Tree | undefined, ended: EventOf<'run.ended'>): StoredRun | undefined {
      if (run.trigger === 'error') return undefined;
      const tree = known ?? storedRuns.treeOf(run);
      const { environment } = run.assignment as unknown as Pick<NewRun, 'environment'>;
      const startedAt = run.startedAt === undefined ? undefined : toTime(run.startedAt);
      const told = errorRun({ ...run, environment, startedAt }, ended, tree);
      if (!told) return undefined;
      const queued = storedRuns.rowOf(told, newRunId());
      const row = heldAsAsked(told, queued);
      storedRuns.insert(row, tree);
      return row;
    },
    stored,
  };
}
