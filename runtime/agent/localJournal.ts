import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import type { RunEvent, RunLogLine, StepError } from '#shared/run/events.ts';
import { hasEnded, projectEvents } from '#shared/run/projectEvents.ts';
import { fromTime, toTime } from '#shared/time.ts';
import type { RunHead, RunStore, StoredRun } from '../journal/runStore.ts';

export type LocalReport = {
  runId: string;
  fence: number;
  events: readonly RunEvent[];
  logs?: readonly RunLogLine[];
  done?: boolean;
};

/** What a report came to: the run as it was before, what changes of it, and the events that were new. */
export type Taken = {
  run: RunHead;
  change: Partial<StoredRun>;
  fresh: RunEvent[];
  ack: number;
  /** It was taken in before, and its answer was lost. */
  again?: boolean;
};

/**
 * The journals of local runs, and what they say about each run. `take` and the two that end a run are to be called inside
 * a transaction.
 */
export function createLocalJournal(store: RunStore, { now, leaseMs }: { now: () => number; leaseMs: number }) {
  /** What some events change in a run's row. Without `done` the lease is renewed. */
  function changeBy(run: RunHead, events: readonly RunEvent[], done: boolean): Partial<StoredRun> {
    const { status, started, ended, answer, endedSteps } = projectEvents(run, events);
    const change: Partial<StoredRun> = {
      status,
      lastSeq: events.at(-1)?.seq ?? run.lastSeq,
      stepCount: run.stepCount + endedSteps.length,
      leaseUntil: done ? undefined : now() + leaseMs,
    };
    if (started) change.startedAt = fromTime(started.at);
    if (ended) {
      change.finishedAt = fromTime(ended.at);
      change.error = (ended.error ?? null) as Json;
    }
    if (status !== 'waiting') change.wait = null;
    else {
      const waiting = events.findLast((event) => event.type === 'run.waiting');
      if (waiting) {
        const { reason, stepId, iteration, path, until, error, details } = waiting;
        change.wait = {
          ...{ reason, stepId, iteration },
          ...(path ? { path } : {}),
          ...(until ? { until } : {}),
          ...(error ? { error } : {}),
          ...(details ? { details } : {}),
        } as Json;
        change.dueAt = until ? fromTime(until) : undefined;
      }
    }
    if (answer && !run.answer) change.answer = answer;
    return change;
  }

  /**
   * What a report comes to, with nothing written. Events that are known are passed over, so it may come twice.
   *
   * @throws SluiceError run.fenced, run.gap with `details.expected`, request.invalid
   */
  function weigh(run: RunHead | undefined, { runId, fence, events, done = false }: LocalReport): Taken {
    if (!run || run.fence !== fence) throw fenced(runId);
    const fresh = freshEvents(run, events);
    if (hasEnded(run.status) || run.leaseUntil === undefined) {
      // Its answer was lost: everything in it has been taken in before.
      if (fresh.length > 0 || (events.length === 0 && !done)) throw fenced(runId);
      return { run, change: {}, fresh, ack: run.lastSeq, again: true };
    }
    return { run, change: changeBy(run, fresh, done), fresh, ack: fresh.at(-1)?.seq ?? run.lastSeq };
  }

  /** Ends a run that no runtime holds. */
  function endUnheld(run: RunHead, status: 'cancelled' | 'failed', error: StepError): RunEvent {
    const ended = endOf(run, status, error);
    store.appendEvents([ended]);
    store.updateRun(run.runId, changeBy(run, [ended], true));
    return ended;
  }

  function endOf(run: RunHead, status: 'cancelled' | 'failed', error: StepError): RunEvent {
    const { runId, lastSeq, fence } = run;
    return { type: 'run.ended', status, runId, seq: lastSeq + 1, at: toTime(now()), fence, error };
  }

  function write({ logs }: LocalReport, fresh: readonly RunEvent[]): void {
    store.appendEvents(fresh);
    if (logs) store.appendLogs(logs);
  }

  return {
    weigh,
    changeBy,
    endOf,
    endUnheld,
    endCancelled: (run: RunHead) => endUnheld(run, 'cancelled', CANCELLED),
    /** Takes a report on a stored run in. @throws as `weigh` does */
    take(report: LocalReport): Taken {
      const taken = weigh(store.findHead(report.runId), report);
      if (taken.again) return taken;
      write(report, taken.fresh);
      store.updateRun(report.runId, taken.change);
      return taken;
    },
    write,
  };
}

export const CANCELLED: StepError = { code: 'run.cancelled', message: 'The run was cancelled.' };

function fenced(runId: string): SluiceError {
  return new SluiceError('run.fenced', `Run ${runId} belongs to another runtime, or has ended.`);
}

/** Those that are not stored yet. */
function freshEvents(run: RunHead, events: readonly RunEvent[]): RunEvent[] {
  const fresh = events.filter((event) => event.seq > run.lastSeq);
  fresh.forEach((event, index) => {
    const expected = run.lastSeq + 1 + index;
    if (event.seq !== expected) {
      throw new SluiceError('run.gap', `Run ${run.runId} lacks event ${expected}.`, { details: { expected } });
    }
    if (event.runId === run.runId && event.fence === run.fence) return;
    throw new SluiceError('request.invalid', `Event ${event.seq} is not of run ${run.runId} under this lease.`);
  });
  return fresh;
}
