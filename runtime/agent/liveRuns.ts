import type { RunEvent, StepError } from '#shared/run/events.ts';
import { hasEnded } from '#shared/run/projectEvents.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { RunStore, StoredRun } from '../journal/runStore.ts';
import { createSlotMap } from '../slotMap.ts';
import type { createGroupCommit } from './groupCommit.ts';
import { failureIn } from './localErrors.ts';
import { CANCELLED, type createLocalJournal, type LocalReport, type Taken } from './localJournal.ts';
import type { StoredRuns } from './storedRuns.ts';

/** A run of this process that is not in the store: not yet, or, where nothing of it is kept, never. */
export type LiveRun = {
  run: StoredRun;
  tree: Tree;
  /** Whether it is stored with its first report. */
  kept: boolean;
  stored: boolean;
  /** What was reported of one that is never stored, until it has ended. */
  events: RunEvent[];
  /** Its caller has the answer. */
  told: boolean;
};

export type LiveRunsDeps = {
  store: RunStore;
  journal: ReturnType<typeof createLocalJournal>;
  commit: ReturnType<typeof createGroupCommit>;
  storedRuns: Pick<StoredRuns, 'insert' | 'keepEnded'>;
};

/** So many ended runs of which nothing is kept can still be asked about. */
const REMEMBERED = 100;
const LOST: StepError = {
  code: 'run.lost',
  message: 'What executed the run ended, and nothing of the run was kept.',
  detail: 'Start it again, or set the workflow’s durability to step.',
};

/**
 * Runs whose caller has been told nothing yet, and those of which nothing is kept. They live in this process. The first
 * sort reaches the disk with its first report, so before anything outside can see what follows from it.
 */
export function createLiveRuns({ store, journal, commit, storedRuns }: LiveRunsDeps) {
  const live = createSlotMap<LiveRun>();
  /** Ended ones that are remembered, oldest first. */
  const over: string[] = [];

  function insert(one: LiveRun, run: StoredRun): void {
    storedRuns.insert(run, one.tree);
    one.stored = true;
  }

  /** Commits what may store the run. Others of its group find it stored; if the commit fails it is not. */
  async function committing(one: LiveRun, work: () => void): Promise<void> {
    let mine = false;
    try {
      await commit(() => {
        mine = !one.stored;
        work();
      });
    } catch (thrown) {
      if (mine) one.stored = false;
      throw thrown;
    }
    live.delete(one.run.runId);
  }

  /** Most runs end with their first report, and nothing follows from it: no transaction is needed. */
  async function keepEnded(
    one: LiveRun,
    { logs = [] }: LocalReport,
    taken: Taken,
  ): Promise<Taken & { after: StoredRun }> {
    const after = { ...one.run, ...taken.change };
    one.stored = true;
    try {
      await storedRuns.keepEnded({ ...after, assignment: {} }, one.tree, { events: taken.fresh, logs });
    } catch (thrown) {
      one.stored = false;
      throw thrown;
    }
    live.delete(one.run.runId);
    return { ...taken, after };
  }

  /** An answer may be as large as all that the run carried, and nobody asks for it again. */
  function letAnswerGo({ run, told }: LiveRun): void {
    if (told && hasEnded(run.status)) run.answer = undefined;
  }

  function change(one: LiveRun, change: Partial<StoredRun>, events: readonly RunEvent[]): void {
    one.run = { ...one.run, ...change };
    for (const event of events) one.events.push(event);
    if (!hasEnded(one.run.status)) return;
    // What it came to is remembered for a while, and nothing that it carried.
    one.run.assignment = {};
    one.events = [];
    letAnswerGo(one);
    over.push(one.run.runId);
    const oldest = over.length > REMEMBERED ? over.shift() : undefined;
    if (oldest !== undefined) live.delete(oldest);
  }

  /** Ends a run of which nothing is kept and that nobody executes. */
  function end(one: LiveRun, status: 'cancelled' | 'failed'): RunEvent {
    const ended = journal.endOf(one.run, status, status === 'failed' ? LOST : CANCELLED);
    change(one, journal.changeBy(one.run, [ended], true), [ended]);
    return ended;
  }

  return {
    add(run: StoredRun, tree: Tree, kept: boolean): void {
      live.set(run.runId, { run, tree, kept, stored: false, events: [], told: false });
    },
    find: (runId: string): LiveRun | undefined => live.get(runId),
    /** Whoever called a run has its answer. */
    told(runId: string): void {
      const one = live.get(runId);
      if (!one || one.kept) return;
      one.told = true;
      letAnswerGo(one);
    },
    /** It was handed out, or is to be cancelled; the store is not asked. */
    taken(runId: string, row: Partial<StoredRun>): void {
      const one = live.get(runId);
      if (one) one.run = { ...one.run, ...row };
    },
    end,
    /**
     * Takes a report in: with the run itself, where that is to be stored.
     *
     * @param beside writes what follows from it, in the same transaction
     * @throws as `journal.weigh` does
     */
    async report(
      one: LiveRun,
      report: LocalReport,
      beside: (taken: Taken) => void,
    ): Promise<Taken & { after: StoredRun }> {
      let taken: Taken | undefined;
      if (!one.kept) {
        taken = journal.weigh(one.run, report);
        const told = taken;
        if (failureIn(taken.fresh)) await commit(() => beside(told));
        if (!taken.again) change(one, taken.change, taken.fresh);
        return { ...taken, after: one.run };
      }
      const ended = one.stored ? undefined : journal.weigh(one.run, report);
      if (ended?.change.status && hasEnded(ended.change.status) && !failureIn(ended.fresh))
        return keepEnded(one, report, ended);
      await committing(one, () => {
        if (one.stored) {
          taken = journal.take(report);
          beside(taken);
          return;
        }
        taken = journal.weigh(one.run, report);
        const run = { ...one.run, ...taken.change };
        // Nobody executes a run that has ended: what a runtime would need stands in its journal.
        insert(one, hasEnded(run.status) ? { ...run, assignment: {} } : run);
        journal.write(report, taken.fresh);
        beside(taken);
      });
      return { ...(taken as Taken), after: { ...one.run, ...(taken as Taken).change } };
    },
    /** Resolves once the run is on the disk, as `row` if it is not there yet. */
    keep: (one: LiveRun, row: Partial<StoredRun>): Promise<void> =>
      committing(one, () => {
        if (!one.stored) insert(one, { ...one.run, ...row });
      }),
    /**
     * Nobody holds the run any more. One that is to be kept is stored as left behind, for the next who asks; of another
     * nothing is left to go on from.
     *
     * @returns what ended it, if that did
     */
    leave(one: LiveRun, row: Partial<StoredRun> = { leaseUntil: 0 }): RunEvent | undefined {
      if (one.kept) {
        if (!one.stored) store.transaction(() => insert(one, { ...one.run, ...row }));
        live.delete(one.run.runId);
        return undefined;
      }
      return end(one, 'failed');
    },
    /** Those that were handed out and whose lease has run out. */
    overdue: (now: number): LiveRun[] =>
      live.values().filter(({ run }) => run.leaseUntil !== undefined && run.leaseUntil < now),
    ofProject: (projectId: string): LiveRun[] =>
      live.values().filter(({ run }) => run.projectId === projectId && !hasEnded(run.status)),
  };
}
