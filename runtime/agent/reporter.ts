import type { AgentApi, Assignment } from '#shared/contract/agentApi.ts';
import type { GroupClient } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import type { RunEvent, RunLogLine } from '#shared/run/events.ts';
import type { JournalSink } from '../engine/journal.ts';

/** Events of one report at most; more wait for the next. */
const BATCH = 500;
/** How long events that nobody waits for may gather. */
const GATHER_MS = 20;
const RETRY_MS = [100, 200, 400, 800, 1_600, 3_000];

export type Reporter = JournalSink & {
  /** Sends what is left and lets go of the run. */
  done(): Promise<void>;
  /** Stops without sending more: the run belongs to somebody else now. */
  abandon(): void;
};

export type ReporterDeps = {
  client: Pick<GroupClient<AgentApi['agent']>, 'report'>;
  /** Somebody cancelled the run. */
  onCancel(): void;
  /** The run was taken away (fenced), or is to be handed back (suspend). */
  onLost(error: SluiceError): void;
};

/**
 * Brings a run's events to the control plane: grouped, in order, again after a lost answer, never past a gap. Renews the
 * lease while nothing happens.
 */
export function createReporter(
  assignment: Pick<Assignment, 'runId' | 'fence' | 'leaseMs' | 'events'>,
  deps: ReporterDeps,
): Reporter {
  const { runId, fence } = assignment;
  let unacked: RunEvent[] = [];
  let logs: RunLogLine[] = [];
  let acked = assignment.events.at(-1)?.seq ?? 0;
  let last = acked;
  let sending: Promise<void> | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let lost: SluiceError | undefined;
  let waiters: { seq: number; resolve(): void; reject(error: Error): void }[] = [];
  const heartbeat = setInterval(() => void send(), Math.max(50, Math.floor(assignment.leaseMs / 3)));

  const settleWaiters = () => {
    const ready = waiters.filter((waiter) => waiter.seq <= acked);
    waiters = waiters.filter((waiter) => waiter.seq > acked);
    for (const waiter of ready) waiter.resolve();
  };
  const lose = (error: SluiceError) => {
    if (lost) return;
    lost = error;
    stop();
    for (const waiter of waiters) waiter.reject(error);
    waiters = [];
    deps.onLost(error);
  };
  const stop = () => {
    clearInterval(heartbeat);
    clearTimeout(timer);
    timer = undefined;
  };

  /** One report after the other; whatever came meanwhile goes with the next. */
  function send(done = false): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    sending ??= sendOnce(done).finally(() => {
      sending = undefined;
      if (!lost && unacked.length > 0) void send();
    });
    return sending;
  }

  async function sendOnce(done: boolean): Promise<void> {
    const events = unacked.slice(0, BATCH);
    const lines = logs.splice(0, BATCH);
    const last = done && events.length === unacked.length;
    for (let attempt = 0; !lost; attempt++) {
      try {
        const answer = await deps.client.report({
          runId,
          fence,
          events,
          ...(lines.length > 0 ? { logs: lines } : {}),
          ...(last ? { done: true } : {}),
        });
        acked = answer.ack;
        unacked = unacked.filter((event) => event.seq > acked);
        settleWaiters();
        if (answer.cancel) deps.onCancel();
        if (answer.suspend) deps.onLost(new SluiceError('service.draining', 'The run is handed back.'));
        return;
      } catch (thrown) {
        const error = SluiceError.from(thrown);
        if (
          error.code === 'run.gap' &&
          typeof error.details?.expected === 'number' &&
          error.details.expected > acked + 1
        ) {
          // It has more than we knew: an answer was lost.
          acked = error.details.expected - 1;
          unacked = unacked.filter((event) => event.seq > acked);
          settleWaiters();
          return;
        }
        if (error.retry !== 'yes' && error.code !== 'token.invalid') {
          lose(error);
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]));
      }
    }
  }

  return {
    add(event) {
      if (lost) return;
      unacked.push(event);
      last = event.seq;
      if (!sending && !timer) timer = setTimeout(() => void send(), GATHER_MS);
    },
    log(line) {
      logs.push(line);
      if (!lost && !sending && !timer) timer = setTimeout(() => void send(), GATHER_MS);
    },
    flushed() {
      if (lost) return Promise.reject(lost);
      if (acked >= last) return Promise.resolve();
      const promise = new Promise<void>((resolve, reject) => waiters.push({ seq: last, resolve, reject }));
      if (!sending) void send();
      return promise;
    },
    async done() {
      while (!lost && (unacked.length > 0 || sending)) await send();
      stop();
      if (!lost) await send(true);
    },
    abandon() {
      lost ??= new SluiceError('run.fenced', 'The run belongs to another runtime now.');
      stop();
      logs = [];
    },
  };
}
