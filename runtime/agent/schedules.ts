import { SluiceError } from '#shared/error.ts';
import type { Logger } from '#shared/log.ts';
import { nextFires } from '#shared/schedule/next.ts';
import { fromTime, toTime } from '#shared/time.ts';
import type { Item, Tree } from '#shared/workflow/tree.ts';
import type { LocalControl } from './localControl.ts';
import { triggersOf } from './servedTriggers.ts';

type Entry = {
  workflowId: string;
  workflowName: string;
  stepId: string;
  cron: string;
  timezone: string;
  overlap: string;
  catchUpMinutes: number;
};

/** The workflow's own settings say so: another try would be refused as well. */
const isRefusal = (thrown: unknown): thrown is SluiceError =>
  thrown instanceof SluiceError && (thrown.code === 'run.singleton' || thrown.code === 'run.rate_exceeded');

/** Timers longer than this are set again on the way. */
const LONGEST_TIMER_MS = 60_000;
/** Pauses between tries to write a run down. */
const RETRY_MS = [500, 2_000, 10_000];

export type SchedulesDeps = {
  tree: Tree;
  control: Pick<LocalControl, 'openRuns' | 'lastDelivery' | 'noteDelivery' | 'finished' | 'cancel'>;
  begin(
    from: { workflowId: string; stepId: string },
    trigger: 'schedule',
    items: Item[],
    dedupe: { hook: string; deliveryId: string },
  ): Promise<{ runId: string; repeated: boolean }>;
  log: Logger;
};

/**
 * The schedules of a served project: each planned time starts one run, also across restarts and with several processes on
 * one store.
 */
export function startSchedules({ tree, control, begin, log }: SchedulesDeps) {
  const list = triggersOf(tree, 'trigger.schedule').map(
    ({ workflowId, workflowName, stepId, step, settings }): Entry => ({
      workflowId,
      workflowName,
      stepId,
      cron: String(step.config.cron),
      timezone: settings.timezone ?? 'UTC',
      overlap: String(step.config.overlap ?? 'skip'),
      catchUpMinutes: Number(step.config.catchUpMinutes ?? 0),
    }),
  );
  const timers = new Map<Entry, ReturnType<typeof setTimeout>>();
  /** Times of one schedule are looked at one after the other, each with what the one before began. */
  const lines = new Map<Entry, Promise<void>>();
  const queued = new Set<Entry>();
  let stopped = false;

  const hookOf = (entry: Entry) => `schedule:${entry.workflowId}:${entry.stepId}`;
  const openRuns = (entry: Entry) => control.openRuns(tree.project.id, entry.workflowId, entry.stepId);

  async function fire(entry: Entry, plannedAt: number): Promise<void> {
    const time = toTime(plannedAt);
    // Another process on the same store was first.
    if ((control.lastDelivery(hookOf(entry)) ?? '') >= time) return;
    const [older] = openRuns(entry);
    if (older === undefined || entry.overlap === 'allow') await start(entry, time);
    else if (entry.overlap === 'cancel') await startInPlace(entry, time);
    else if (entry.overlap === 'queue_one' && !queued.has(entry)) queue(entry, time);
    else {
      control.noteDelivery(hookOf(entry), time, older);
      log.warn('A scheduled time was skipped: the run before is still going.', {
        stepId: entry.stepId,
        plannedAt: time,
      });
    }
  }

  async function start(entry: Entry, time: string): Promise<boolean> {
    const item: Item = { json: { plannedAt: time, startedAt: toTime(Date.now()) } };
    const { repeated } = await begin(entry, 'schedule', [item], { hook: hookOf(entry), deliveryId: time });
    return !repeated;
  }

  async function startInPlace(entry: Entry, time: string): Promise<void> {
    const older = openRuns(entry);
    if (await start(entry, time)) for (const runId of older) cancel(runId);
  }

  /** One time waits for the runs before it; the next ones are not held up. */
  function queue(entry: Entry, time: string): void {
    queued.add(entry);
    Promise.all(openRuns(entry).map(control.finished))
      .then(() => (stopped ? undefined : start(entry, time)))
      .catch((thrown: unknown) => complain(entry, thrown))
      .finally(() => queued.delete(entry));
  }

  function complain(entry: Entry, thrown: unknown): void {
    log.error('A schedule could not start its run.', { stepId: entry.stepId, cause: String(thrown) });
  }

  function cancel(runId: string): void {
    try {
      control.cancel(runId);
    } catch (thrown) {
      // It ended by itself meanwhile.
      if (SluiceError.from(thrown).code !== 'run.finished') throw thrown;
    }
  }

  async function fireSurely(entry: Entry, plannedAt: number): Promise<void> {
    for (const pause of [...RETRY_MS, undefined]) {
      try {
        await fire(entry, plannedAt);
        return;
      } catch (thrown) {
        if (stopped) return;
        if (isRefusal(thrown)) {
          log.warn('A scheduled time was skipped: its workflow takes no more now.', {
            ...{ stepId: entry.stepId, plannedAt: toTime(plannedAt), cause: thrown.message },
          });
          return;
        }
        complain(entry, thrown);
        if (pause !== undefined) await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  /** Each time follows from the one planned before, so none is lost to a slow turn. */
  function plan(entry: Entry, after: number): void {
    const [due] = nextFires(entry.cron, entry.timezone, after, 1);
    if (due === undefined || stopped) return;
    const wait = () => {
      const left = due - Date.now();
      if (left > 0) {
        timers.set(entry, setTimeout(wait, Math.min(left, LONGEST_TIMER_MS)));
        return;
      }
      lines.set(
        entry,
        (lines.get(entry) ?? Promise.resolve()).then(() => fireSurely(entry, due)),
      );
      plan(entry, due);
    };
    wait();
  }

  for (const entry of list) {
    const now = Date.now();
    const last = control.lastDelivery(hookOf(entry));
    const from = last === undefined ? now : Math.max(fromTime(last), now - entry.catchUpMinutes * 60_000);
    plan(entry, from);
  }

  return {
    list,
    stop(): void {
      stopped = true;
      for (const timer of timers.values()) clearTimeout(timer);
    },
  };
}
