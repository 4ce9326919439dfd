import type { RunEvent, RunLogLine } from '#shared/run/events.ts';
import { toTime } from '#shared/time.ts';
import type { Settings } from '#shared/workflow/tree.ts';
import type { Clock, Journal, NewEvent } from './ports/ports.ts';

/** What takes events and logs away: an agent's reporter, or a list in memory. */
export type JournalSink = {
  add(event: RunEvent): void;
  log(line: RunLogLine): void;
  /** Resolves when everything added so far is kept for good. */
  flushed(): Promise<void>;
  /** It holds about as much as it can. */
  isFull?(): boolean;
};

/**
 * Numbers and dates a run's events. With durability `run` only what a resume cannot work out again is kept; with `none`
 * only the run's beginning, answer and end. After the run's end nothing more is taken.
 */
export function createJournal(
  run: {
    runId: string;
    fence: number;
    lastSeq: number;
    durability: Settings['durability'];
    logLevel: Settings['logLevel'];
  },
  { sink, clock }: { sink: JournalSink; clock: Clock },
): Journal {
  let seq = run.lastSeq;
  let closed = false;
  const kept = keeps(run.durability);
  let lastMs = Number.NaN;
  let lastTime = '';

  /** Many events of a run share their millisecond. */
  function timeOf(ms: number): string {
    if (ms !== lastMs) {
      lastMs = ms;
      lastTime = toTime(ms);
    }
    return lastTime;
  }
  const levels = ['debug', 'info', 'warn', 'error'];
  const lowest = levels.indexOf(run.logLevel);

  return {
    keeps: (type) => !closed && kept(type),
    append(event: NewEvent, atMs = clock.now()) {
      const keep = !closed && kept(event.type);
      // Whoever writes one down made it for this.
      const full = event as unknown as RunEvent;
      full.runId = run.runId;
      full.seq = keep ? ++seq : seq + 1;
      full.at = timeOf(atMs);
      full.fence = run.fence;
      if (keep) sink.add(full);
      if (event.type === 'run.ended') closed = true;
      return full;
    },
    durable: () => sink.flushed(),
    isFull: () => sink.isFull?.() ?? false,
    log(line) {
      if (closed || levels.indexOf(line.level) < lowest) return;
      sink.log({ ...line, message: line.message.slice(0, 10_000), runId: run.runId, at: toTime(clock.now()) });
    },
  };
}

function keeps(durability: Settings['durability']): (type: RunEvent['type']) => boolean {
  if (durability === 'step') return () => true;
  if (durability === 'run') return (type) => type.startsWith('run.') || type.startsWith('effect.');
  return (type) => type === 'run.started' || type === 'run.answered' || type === 'run.ended';
}

/** A sink that only remembers, for tests and saved cases. */
export function memorySink(): JournalSink & { events: RunEvent[]; logs: RunLogLine[] } {
  const events: RunEvent[] = [];
  const logs: RunLogLine[] = [];
  return {
    events,
    logs,
    add: (event) => events.push(event),
    log: (line) => logs.push(line),
    flushed: () => Promise.resolve(),
  };
}
