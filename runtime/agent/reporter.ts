import type { AgentApi, Assignment } from '#shared/contract/agentApi.ts';
import type { GroupClient } from '#shared/contract/contract.ts';
import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import type { Payload, RunEvent, RunLogLine } from '#shared/run/events.ts';
import type { JournalSink } from '../engine/journal.ts';
import { answerBytes, payloadBytes, roughBytes } from '../engine/payload.ts';
import { failpoint } from '../failpoint.ts';

/** Events, log lines and bytes of one report at most; more wait for the next. One event always goes. */
const BATCH = 500;
const BATCH_BYTES = 4 * 1024 * 1024;
/** How long events that nobody waits for may gather. */
const GATHER_MS = 20;
const RETRY_MS = [100, 200, 400, 800, 1_600, 3_000];
/** So often the control plane may break on a report before the run is left to the next runtime. */
const BROKEN_TRIES = 8;
/** What may wait to be sent before the run waits too, and log lines before the oldest are dropped. */
const FULL_EVENTS = 5_000;
const FULL_BYTES = 16 * 1024 * 1024;
const FULL_LOGS = 2_000;

export type Reporter = JournalSink & {
  /** Sends what is left and lets go of the run. Nothing is taken after it. */
  done(): Promise<void>;
  /** Stops without sending more: the run belongs to somebody else now. */
  abandon(): void;
};

export type ReporterDeps = {
  client: Pick<GroupClient<AgentApi['agent']>, 'report'>;
  /** Gets another token, where the one in use does not hold any more. */
  renew(): Promise<void>;
  /** Somebody cancelled the run. */
  onCancel(): void;
  /** The run was taken away (fenced), or is to be handed back (suspend). */
  onLost(error: SluiceError): void;
  /** Events of one report at most, where not the usual number. */
  batch?: number;
};

/**
 * Brings a run's events to the control plane: grouped, in order, again after a lost answer, never past a gap. Renews the
 * lease while nothing happens.
 */
export function createReporter(
  assignment: Pick<Assignment, 'runId' | 'fence' | 'leaseMs' | 'events'>,
  deps: ReporterDeps,
): Reporter {
  const { runId, fence, leaseMs } = assignment;
  const most = deps.batch ?? BATCH;
  let unacked: { event: RunEvent; bytes: number }[] = [];
  let unackedBytes = 0;
  let logs: RunLogLine[] = [];
  let acked = assignment.events.at(-1)?.seq ?? 0;
  let last = acked;
  /** When the report was sent that was answered last: since then the lease holds. */
  let heldSince = Date.now();
  let sending: Promise<void> | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** The caller of the run waits for its answer. */
  let asked: ReturnType<typeof setImmediate> | undefined;
  let lost: SluiceError | undefined;
  let finished = false;
  let released = false;
  let waiters: { seq: number; resolve(): void; reject(error: Error): void }[] = [];
  const heartbeat = setInterval(() => void send(), Math.max(50, Math.floor(leaseMs / 3)));

  function acknowledge(seq: number): void {
    acked = seq;
    unacked = unacked.filter(({ event }) => event.seq > seq);
    unackedBytes = unacked.reduce((sum, { bytes }) => sum + bytes, 0);
    const ready = waiters.filter((waiter) => waiter.seq <= acked);
    waiters = waiters.filter((waiter) => waiter.seq > acked);
    for (const waiter of ready) waiter.resolve();
  }

  function lose(error: SluiceError): void {
    if (lost) return;
    abandon(error);
    deps.onLost(error);
  }

  function abandon(error: SluiceError): void {
    lost ??= error;
    stop();
    for (const waiter of waiters) waiter.reject(lost);
    waiters = [];
    unacked = [];
    logs = [];
  }

  function stop(): void {
    clearInterval(heartbeat);
    clearTimeout(timer);
    timer = undefined;
    clearImmediate(asked);
    asked = undefined;
  }

  /** One report after the other; whatever came meanwhile goes with the next. */
  function send(done = false): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    clearImmediate(asked);
    asked = undefined;
    sending ??= sendOnce(done).finally(() => {
      sending = undefined;
      if (!lost && !finished && unacked.length > 0) void send();
    });
    return sending;
  }

  function soon(): void {
    if (!lost && !sending && !timer && !asked) timer = setTimeout(() => void send(), GATHER_MS);
  }

  function batch(): RunEvent[] {
    const events: RunEvent[] = [];
    let bytes = 0;
    for (const one of unacked) {
      bytes += one.bytes;
      if (events.length === most || (events.length > 0 && bytes > BATCH_BYTES)) break;
      events.push(one.event);
    }
    return events;
  }

  async function sendOnce(done: boolean): Promise<void> {
    const events = batch();
    const lines = logs.splice(0, BATCH);
    const isAll = events.length === unacked.length && logs.length === 0;
    // A run that has ended needs no second report to be let go.
    const letsGo = isAll && (done || events.at(-1)?.type === 'run.ended');
    const report = {
      runId,
      fence,
      events,
      ...(lines.length > 0 ? { logs: lines } : {}),
      ...(letsGo ? { done: true } : {}),
    };
    for (let tries = 0, broken = 0; !lost; tries++) {
      const sentAt = Date.now();
      try {
        failpoint('report.before');
        const answer = await deps.client.report(report);
        failpoint('report.after');
        heldSince = sentAt;
        released ||= letsGo;
        acknowledge(answer.ack);
        if (answer.cancel) deps.onCancel();
        if (answer.suspend) deps.onLost(new SluiceError('service.draining', 'The run is handed back.'));
        return;
      } catch (thrown) {
        const error = SluiceError.from(thrown);
        const expected = error.code === 'run.gap' ? error.details?.expected : undefined;
        if (typeof expected === 'number' && expected > acked + 1 && expected <= last + 1) {
          // It has more than we knew: an answer was lost.
          acknowledge(expected - 1);
          return;
        }
        if (error.status === 401) await deps.renew().catch(() => undefined);
        else if (error.status === 500 ? ++broken >= BROKEN_TRIES : error.retry !== 'yes') {
          lose(error);
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS[Math.min(tries, RETRY_MS.length - 1)]));
      }
    }
  }

  return {
    add(event) {
      if (lost || finished) return;
      const bytes = sizeOf(event);
      unacked.push({ event, bytes });
      unackedBytes += bytes;
      last = event.seq;
      // At the end of this turn: what follows at once, the run's end above all, goes along.
      if (event.type === 'run.answered' && !sending) asked ??= setImmediate(() => void send());
      soon();
    },
    log(line) {
      if (lost || finished) return;
      logs.push(line);
      if (logs.length > FULL_LOGS) logs.splice(0, logs.length - FULL_LOGS);
      soon();
    },
    isFull: () => unacked.length > FULL_EVENTS || unackedBytes > FULL_BYTES,
    flushed() {
      if (lost) return Promise.reject(lost);
      // Longer than a lease without an answer, as after a sleep of the machine: the run may be somebody else's by now.
      if (acked >= last && Date.now() - heldSince < leaseMs) return Promise.resolve();
      const seq = last;
      if (acked >= last) return send().then(() => (lost ? Promise.reject(lost) : undefined));
      const promise = new Promise<void>((resolve, reject) => waiters.push({ seq, resolve, reject }));
      if (!sending) void send();
      return promise;
    },
    async done() {
      finished = true;
      while (!lost && (unacked.length > 0 || logs.length > 0 || sending)) await send();
      stop();
      if (!lost && !released) await send(true);
    },
    abandon: () => abandon(new SluiceError('run.fenced', 'The run belongs to another runtime now.')),
  };
}

/** About how many bytes an event takes on its way: what it carries, and something for the rest of it. */
function sizeOf(event: RunEvent): number {
  switch (event.type) {
    case 'run.started':
      return 400 + payloadBytes(event.input);
    case 'step.succeeded':
      return 200 + bytesOfPorts(event.outputs);
    case 'effect.intended':
      return 200 + bytesOf(event.request) + bytesOf(event.met);
    case 'effect.recorded':
      return 200 + bytesOf(event.result) + bytesOf(event.met);
    case 'run.answered':
      return 200 + answerBytes(event);
    case 'run.ended':
      return 200 + bytesOfPorts(event.output);
    default:
      return 200;
  }
}

function bytesOf(value: Json | undefined): number {
  return value === undefined ? 0 : roughBytes(value, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
}

function bytesOfPorts(ports: Record<string, Payload> = {}): number {
  let bytes = 0;
  for (const port in ports) bytes += payloadBytes(ports[port] as Payload);
  return bytes;
}
