import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import type { RunEvent, RunLogLine, StepError } from '#shared/run/events.ts';
import { hasEnded, projectEvents } from '#shared/run/projectEvents.ts';
import { fromTime, toTime } from '#shared/time.ts';
import type { RunStore, StoredRun } from '../journal/runStore.ts';

export type LocalReport = {
  runId: string;
  fence: number;
  events: readonly RunEvent[];
  logs?: readonly RunLogLine[];
  done?: boolean;
};

/** What a report came to: the run as it was before, and the events that were new. */
export type Stored = { run: StoredRun; fresh: RunEvent[]; ack: number };

/** The journals of local runs, and what they say about each run. Every function is to be called inside a transaction. */
export function createLocalJournal(store: RunStore, { now, leaseMs }: { now: () => number; leaseMs: number }) {
  /** Appends events and brings the run's row up to date with them. Without `done` the lease is renewed. */
  function append(run: StoredRun, events: readonly RunEvent[], done: boolean): void {
    const change = projectEvents({ runId: run.runId, status: run.status }, [...events]);
    const waiting = events.findLast((event) => event.type === 'run.waiting');
    const update: Partial<StoredRun> = {
      status: change.status,
      lastSeq: events.at(-1)?.seq ?? run.lastSeq,
      stepCount: run.stepCount + change.endedSteps.length,
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

  /** Ends a run that no runtime holds. */
  function endUnheld(run: StoredRun, status: 'cancelled' | 'failed', error: StepError): RunEvent {
    const ended: RunEvent = {
      type: 'run.ended',
      status,
      runId: run.runId,
      seq: run.lastSeq + 1,
      at: toTime(now()),
      fence: run.fence,
      error,
    };
    append(run, [ended], true);
    return ended;
  }

  return {
    endUnheld,
    endCancelled: (run: StoredRun) =>
      endUnheld(run, 'cancelled', { code: 'run.cancelled', message: 'The run was cancelled.' }),
    /**
     * Takes a report in. Events that are known are passed over, so it may come twice.
     *
     * @throws SluiceError run.fenced, run.gap with `details.expected`, request.invalid
     */
    take({ runId, fence, events, logs = [], done = false }: LocalReport): Stored {
      const run = store.findRun(runId);
      if (!run || run.fence !== fence) throw fenced(runId);
      const fresh = freshEvents(run, events);
      if (hasEnded(run.status) || run.leaseUntil === undefined) {
        // Its answer was lost: everything in it has been taken in before.
        if (fresh.length > 0 || (events.length === 0 && !done)) throw fenced(runId);
        return { run, fresh, ack: run.lastSeq };
      }
      append(run, fresh, done);
      store.appendLogs(logs);
      return { run, fresh, ack: fresh.at(-1)?.seq ?? run.lastSeq };
    },
  };
}

function fenced(runId: string): SluiceError {
  return new SluiceError('run.fenced', `Run ${runId} belongs to another runtime, or has ended.`);
}

/** Those that are not stored yet. */
function freshEvents(run: StoredRun, events: readonly RunEvent[]): RunEvent[] {
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
