import type { Logger } from '#shared/log.ts';
import { nextFires } from '#shared/schedule/next.ts';
import { fromTime, toTime } from '#shared/time.ts';
import type { Item, Tree } from '#shared/workflow/tree.ts';
import type { LocalControl } from './localControl.ts';
import { triggersOf } from './serve.ts';

type Entry = {
  workflowId: string;
  workflowName: string;
  stepId: string;
  cron: string;
  timezone: string;
  overlap: string;
  catchUpMinutes: number;
};

/** Timers longer than this are set again on the way. */
const LONGEST_TIMER_MS = 60_000;

/** The schedules of a served project: each planned time starts one run, also across restarts. */
export function startSchedules({
  tree,
  control,
  begin,
  log,
}: {
  tree: Tree;
  control: LocalControl;
  begin(
    from: { workflowId: string; stepId: string },
    trigger: 'schedule',
    items: Item[],
    dedupe: { hook: string; deliveryId: string },
  ): Promise<{ runId: string; repeated: boolean }>;
  log: Logger;
}) {
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
  const open = new Map<Entry, Set<string>>();
  let stopped = false;

  const hookOf = (entry: Entry) => `schedule:${entry.workflowId}:${entry.stepId}`;

  async function fire(entry: Entry, plannedAt: number): Promise<void> {
    const running = open.get(entry) ?? new Set();
    open.set(entry, running);
    if (running.size > 0 && entry.overlap === 'skip') {
      log.warn('A scheduled time was skipped: the run before is still going.', {
        stepId: entry.stepId,
        plannedAt: toTime(plannedAt),
      });
      return;
    }
    if (entry.overlap === 'queue_one' && running.size > 1) return;
    if (entry.overlap === 'cancel') for (const runId of running) control.cancel(runId);
    const item: Item = { json: { plannedAt: toTime(plannedAt), startedAt: toTime(Date.now()) } };
    const { runId, repeated } = await begin(entry, 'schedule', [item], {
      hook: hookOf(entry),
      deliveryId: toTime(plannedAt),
    });
    if (repeated) return;
    running.add(runId);
    void control.finished(runId).then(() => running.delete(runId));
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
      fire(entry, due).catch((thrown: unknown) =>
        log.error('A schedule could not start its run.', { stepId: entry.stepId, cause: String(thrown) }),
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
