import type { RunSummary } from '#shared/contract/cloud/common.ts';
import type { Answer, RunEvent, RunLogLine } from '#shared/run/events.ts';
import { hasEnded } from '#shared/run/projectEvents.ts';
import type { RunHead, RunStore, ShownRun } from '../journal/runStore.ts';
import { createSlotMap } from '../slotMap.ts';
import { toSummary } from './runSummary.ts';

export type LocalMessage =
  | { type: 'run.event'; projectId: string; event: RunEvent }
  | { type: 'run.changed'; run: RunSummary }
  | { type: 'run.log'; projectId: string; line: RunLogLine };

/** How often the store is looked at for what another process wrote, while somebody waits for a run. */
const LOOK_MS = 200;

/**
 * Tells what happens to runs once it is on the disk, also what another process on the same store did.
 *
 * @param find a run of this process or of the store
 */
export function createLocalFeed(store: RunStore, find: (runId: string) => ShownRun | undefined) {
  const listeners = new Set<(message: LocalMessage) => void>();
  const watchers = createSlotMap<Set<(run: ShownRun | undefined) => void>>();
  const endings = createSlotMap<Promise<RunSummary>>();
  let timer: ReturnType<typeof setInterval> | undefined;
  let version: number | undefined;
  let closed = false;

  const tell = (message: LocalMessage) => {
    for (const listener of listeners) listener(message);
  };

  function look(runId: string, known?: ShownRun): void {
    const watching = watchers.get(runId);
    if (!watching) return;
    const run = known ?? find(runId);
    for (const check of [...watching]) check(run);
  }

  /** Asks `check` about the run now and after each change, until it says that it has seen enough. */
  function watch(runId: string, check: (run: ShownRun | undefined) => boolean): () => void {
    const watching = watchers.get(runId) ?? new Set();
    const one = (run: ShownRun | undefined) => {
      if (check(run)) stop();
    };
    const stop = () => {
      watching.delete(one);
      if (watching.size === 0 && watchers.get(runId) === watching) watchers.delete(runId);
    };
    watching.add(one);
    watchers.set(runId, watching);
    timer ??= setInterval(lookAround, LOOK_MS);
    one(find(runId));
    return stop;
  }

  /** What this process writes it tells itself; the store's version moves when another one wrote. */
  function lookAround(): void {
    if (watchers.size === 0) {
      clearInterval(timer);
      timer = undefined;
      // What others write while nobody waits is seen by whoever waits next as he begins.
      version = undefined;
      return;
    }
    try {
      const now = store.dataVersion();
      if (now === version) return;
      for (const runId of watchers.keys()) look(runId);
      version = now;
    } catch {
      // The disk is full, or another process holds the store: nobody waits for this look, and the next one asks again.
    }
  }

  return {
    subscribe(listener: (message: LocalMessage) => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    /** @param run as it is now, where that is at hand */
    changed(runId: string, run?: ShownRun): void {
      if (listeners.size === 0 && !watchers.get(runId)) return;
      const now = run ?? find(runId);
      if (now && listeners.size > 0) tell({ type: 'run.changed', run: toSummary(now) });
      look(runId, now);
    },
    /** @param after as it is now, where that is at hand */
    reported(
      { runId, projectId }: Pick<RunHead, 'runId' | 'projectId'>,
      events: readonly RunEvent[],
      logs: readonly RunLogLine[],
      after?: ShownRun,
    ): void {
      if (listeners.size > 0) {
        for (const event of events) tell({ type: 'run.event', projectId, event });
        for (const line of logs) tell({ type: 'run.log', projectId, line });
      }
      if (events.some((event) => event.type.startsWith('run.'))) this.changed(runId, after);
    },
    /** Resolves when the run has ended; at once when it has. Closing the store ends the wait as well. */
    finished(runId: string): Promise<RunSummary> {
      const known = endings.get(runId);
      if (known) return known;
      const ending = new Promise<RunSummary>((resolve) => {
        watch(runId, (run) => {
          if (!run || !(closed || hasEnded(run.status))) return false;
          endings.delete(runId);
          resolve(toSummary(run));
          return true;
        });
      });
      const run = find(runId);
      if (run && !hasEnded(run.status)) endings.set(runId, ending);
      return ending;
    },
    /** What the run answered its caller; undefined when it ended without an answer, or the time is up. */
    answered(runId: string, timeoutMs: number): Promise<Answer | undefined> {
      return new Promise((resolve) => {
        let stop = () => {};
        const timer = setTimeout(() => {
          stop();
          resolve(undefined);
        }, timeoutMs);
        stop = watch(runId, (run) => {
          if (run && !run.answer && !closed && !hasEnded(run.status)) return false;
          clearTimeout(timer);
          resolve(run?.answer);
          return true;
        });
      });
    },
    /** Lets go of everybody who waits. Call it while the store can still be read. */
    close(): void {
      closed = true;
      for (const runId of watchers.keys()) look(runId);
      clearInterval(timer);
      timer = undefined;
    },
  };
}
