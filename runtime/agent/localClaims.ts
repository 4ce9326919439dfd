import type { Assignment, BoundConnection } from '#shared/contract/agentApi.ts';
import { SluiceError } from '#shared/error.ts';
import type { RunEvent } from '#shared/run/events.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { failpoint } from '../failpoint.ts';
import type { RunStore, StoredRun } from '../journal/runStore.ts';
import type { createLocalJournal } from './localJournal.ts';

export type LocalClaimsDeps = {
  store: RunStore;
  journal: ReturnType<typeof createLocalJournal>;
  connectionsOf(projectId: string, names: string[], environment: string): Record<string, BoundConnection>;
  now: () => number;
  leaseMs: number;
  /** Where somebody outside ends a wait of a run; undefined where it cannot wait for that. */
  resumeUrlOf(runId: string, tree: Tree): string | undefined;
  /** Writes down what came for a run while it was held. Called inside a transaction. */
  applyPending(run: StoredRun): { run: StoredRun };
  /** Told of runs that were ended in place of being handed out. */
  onEnded(run: StoredRun, event: RunEvent): void;
  /** Called before the store is looked at for work. */
  onLook(): void;
};

/** Versions kept parsed. */
const KEPT_TREES = 8;
/** How often the store is looked at, at most, for work that another process left there. */
const LOOK_MS = 1_000;
const NEVER = Number.POSITIVE_INFINITY;

/** A run that is handed to a runtime without a way through the store; `onTaken` hears of it as it leaves. */
export type Offer = { assignment: Omit<Assignment, 'tree'>; tree: Tree; onTaken?(): void };

/** A runtime of one project that waits for work. */
type Seat = { free: number; finish: () => void };

type Desk = {
  seats: Seat[];
  offers: Offer[];
  /** What this process handed out: run and fence. */
  held: Map<string, number>;
  /** When there may be something in the store that nobody told of. */
  lookAt: number;
  /** When something in it falls due, by the last look. */
  dueAt: number;
  /** Rises when the runtime of this process died. */
  epoch: number;
};

/** Who executes which run: leases with a fence that rises each time a run changes hands. */
export function createLocalClaims(deps: LocalClaimsDeps) {
  const { store, journal, now, leaseMs } = deps;
  const trees = new Map<string, Tree>();
  const desks = new Map<string, Desk>();

  function deskOf(projectId: string): Desk {
    const known = desks.get(projectId);
    if (known) return known;
    const made: Desk = { seats: [], offers: [], held: new Map(), lookAt: 0, dueAt: NEVER, epoch: 0 };
    desks.set(projectId, made);
    return made;
  }

  function treeOf(run: StoredRun): Tree {
    const known = trees.get(run.treeHash);
    if (known) return known;
    const json = store.tree(run.treeHash);
    if (json === undefined) {
      throw new SluiceError('version.not_found', `The project as it was for run ${run.runId} is gone.`);
    }
    const tree = JSON.parse(json) as Tree;
    trees.set(run.treeHash, tree);
    const [oldest] = trees.keys();
    if (trees.size > KEPT_TREES && oldest !== undefined) trees.delete(oldest);
    return tree;
  }

  /** What a runtime gets of a run. A new one has no events. @throws what the connections cannot be had for */
  function assignmentOf(run: StoredRun, tree: Tree, events: RunEvent[]): Omit<Assignment, 'tree'> {
    const { environment, input, partial, retryOf, recorded, effectRunId } = run.assignment as unknown as Pick<
      Assignment,
      'environment' | 'input' | 'partial' | 'retryOf' | 'recorded' | 'effectRunId'
    >;
    const resumeUrl = deps.resumeUrlOf(run.runId, tree);
    return {
      runId: run.runId,
      fence: run.fence,
      leaseMs,
      projectId: run.projectId,
      workflowId: run.workflowId,
      treeHash: run.treeHash,
      environment,
      connections: deps.connectionsOf(run.projectId, Object.keys(tree.connections), run.environment),
      triggerStepId: run.triggerStepId,
      input,
      events,
      ...(partial ? { partial } : {}),
      ...(retryOf ? { retryOf } : {}),
      ...(recorded ? { recorded } : {}),
      ...(effectRunId ? { effectRunId } : {}),
      ...(resumeUrl ? { resumeUrl } : {}),
    };
  }

  const handOut = ({ assignment, tree }: Offer, have: readonly string[]): Assignment =>
    have.includes(assignment.treeHash) ? assignment : { ...assignment, tree };

  function wake(projectId: string): void {
    for (const seat of [...deskOf(projectId).seats]) seat.finish();
  }

  /** Claims stored runs, in one transaction. */
  function claim(projectId: string, desk: Desk, free: number, have: readonly string[]): Assignment[] {
    const ended: [StoredRun, RunEvent][] = [];
    deps.onLook();
    failpoint('claim.before');
    const claimed = store.transaction(() => {
      const taken: Assignment[] = [];
      let lookAgain = false;
      const found = store.claimable(projectId, now(), free);
      for (const one of found) {
        if (one.cancel) {
          ended.push([one, journal.endCancelled(one)]);
          continue;
        }
        // Those of its group that were taken just now may have filled it.
        if (one.groupKey !== undefined && store.countOfGroup(one.groupKey, now()) >= (one.groupLimit ?? 1)) continue;
        const settled = deps.applyPending(one).run;
        const run = { ...settled, fence: settled.fence + 1 };
        try {
          const tree = treeOf(run);
          taken.push(handOut({ assignment: assignmentOf(run, tree, store.events(run.runId)), tree }, have));
          store.updateRun(run.runId, { fence: run.fence, leaseUntil: now() + leaseMs });
          failpoint('claim.before_commit');
        } catch (thrown) {
          if (!(thrown instanceof SluiceError)) throw thrown;
          lookAgain = true;
          // Without its version it can never run. Anything else, a locked vault for one, may pass.
          if (thrown.code === 'version.not_found') {
            ended.push([one, journal.endUnheld(one, 'failed', thrown.toWire())]);
          }
        }
      }
      desk.dueAt = store.nextDue(projectId, now()) ?? NEVER;
      // As many as asked for: there may be more.
      desk.lookAt = lookAgain || found.length === free ? 0 : Math.min(now() + Math.min(LOOK_MS, leaseMs), desk.dueAt);
      return taken;
    });
    for (const one of ended) deps.onEnded(...one);
    if (claimed.length > 0) failpoint('claim.after');
    return claimed;
  }

  return {
    assignmentOf,
    /** How many more runs those who wait for a project's work would take now. */
    room(projectId: string): number {
      const { seats, offers } = deskOf(projectId);
      let free = -offers.length;
      for (const seat of seats) free += seat.free;
      return free;
    },
    /** Whether a runtime of this process is there for a project, waiting or at work. */
    isManned(projectId: string): boolean {
      const { seats, held } = deskOf(projectId);
      return seats.length > 0 || held.size > 0;
    },
    /** Leaves a run for the next runtime of this process that asks. */
    offer(projectId: string, offer: Offer): void {
      deskOf(projectId).offers.push(offer);
      wake(projectId);
    },
    /** Takes back what was offered and not taken. @returns whether it was still there */
    withdraw(projectId: string, runId: string): boolean {
      const { offers } = deskOf(projectId);
      const index = offers.findIndex(({ assignment }) => assignment.runId === runId);
      if (index >= 0) offers.splice(index, 1);
      return index >= 0;
    },
    epoch: (projectId: string): number => deskOf(projectId).epoch,
    /** Takes up to `free` runs of a project: those that were offered, then those in the store. */
    take(projectId: string, free: number, have: readonly string[]): Assignment[] {
      const desk = deskOf(projectId);
      const taken = desk.offers.splice(0, free).map((offer) => {
        offer.onTaken?.();
        return handOut(offer, have);
      });
      if (taken.length < free && desk.lookAt <= now()) {
        taken.push(...claim(projectId, desk, free - taken.length, have));
      }
      for (const { runId, fence } of taken) desk.held.set(runId, fence);
      return taken;
    },
    /** Waits until there may be something to take, at most until a time. */
    async waitUntil(projectId: string, free: number, until: number): Promise<void> {
      const { seats, dueAt } = deskOf(projectId);
      // A lease that was given since the last look may run out.
      const due = Math.min(until, dueAt, now() + leaseMs);
      await new Promise<void>((resolve) => {
        const seat: Seat = {
          free,
          finish() {
            clearTimeout(timer);
            const place = seats.indexOf(seat);
            if (place >= 0) seats.splice(place, 1);
            resolve();
          },
        };
        const timer = setTimeout(seat.finish, Math.max(due - now(), 5));
        seats.push(seat);
      });
    },
    /** The store has work that it did not have before. */
    arrived(projectId: string): void {
      deskOf(projectId).lookAt = 0;
      wake(projectId);
    },
    wakeAll(): void {
      for (const projectId of desks.keys()) wake(projectId);
    },
    /** A run was let go of. */
    forget(projectId: string, runId: string): void {
      deskOf(projectId).held.delete(runId);
    },
    /** What was handed out here for a project may be taken again at once; another process keeps what it holds. */
    release(projectId: string): void {
      const desk = deskOf(projectId);
      store.transaction(() => {
        for (const [runId, fence] of desk.held) store.expireLease(runId, fence);
      });
      desk.held.clear();
      desk.epoch++;
      desk.lookAt = 0;
      wake(projectId);
    },
  };
}
