import { SluiceError } from '../error.ts';
import type { Answer, EventOf, RunEvent, RunStatus } from './events.ts';

/** What the run's row says before a report. */
export type RunState = { runId: string; status: RunStatus };

/** What a report's new events change. Absent means unchanged. */
export type RunChange = {
  status: RunStatus;
  /** The run left the queue with these events. */
  started?: EventOf<'run.started'>;
  ended?: EventOf<'run.ended'>;
  /** What the trigger's caller gets; the first of these events. */
  answer?: Answer;
  /** Usage source ids of the step runs that ended, in order, each once. */
  endedSteps: string[];
  waited: boolean;
};

const ENDS: readonly RunStatus[] = ['succeeded', 'failed', 'cancelled', 'timed_out'];
const MOVES: Record<RunStatus, readonly RunStatus[]> = {
  // One report may bring several moves at once: it started, and it waits.
  queued: ['running', 'waiting', ...ENDS],
  running: ['waiting', ...ENDS],
  waiting: ['running', ...ENDS],
  succeeded: [],
  failed: [],
  cancelled: [],
  timed_out: [],
};

export function hasEnded(status: RunStatus): boolean {
  return ENDS.includes(status);
}

/** The statuses from which a run may come to this one: the condition of the update. */
export function sourcesOf(status: RunStatus): RunStatus[] {
  return (Object.keys(MOVES) as RunStatus[]).filter((from) => from === status || MOVES[from].includes(status));
}

/**
 * What new journal events mean for the run's row and its usage. The journal stays the truth; this is its shadow.
 *
 * @throws SluiceError run.finished where an event follows the run's end
 */
export function projectEvents(state: RunState, events: readonly RunEvent[]): RunChange {
  const change: RunChange = { status: state.status, endedSteps: [], waited: false };
  const counted = new Set<string>();
  for (const event of events) {
    if (hasEnded(change.status)) {
      throw new SluiceError('run.finished', `The run ended before event ${event.seq}.`, {
        advice: 'Discard the run: nothing can be added to a journal after run.ended.',
      });
    }
    switch (event.type) {
      case 'run.started':
        change.started = event;
        change.status = 'running';
        break;
      case 'run.waiting':
        change.waited = true;
        change.status = 'waiting';
        break;
      case 'run.resumed':
        change.status = 'running';
        break;
      case 'run.answered': {
        const { status, headers, body, blob } = event;
        change.answer ??= { status, headers, body, blob };
        break;
      }
      case 'run.ended':
        change.ended = event;
        change.status = event.status;
        break;
      case 'step.succeeded':
      case 'step.failed': {
        if (event.type === 'step.failed' && event.retryAt !== undefined) break;
        // It was done, and counted, in an earlier run.
        if (event.source !== undefined) break;
        const id = stepSourceId(event);
        if (!counted.has(id)) change.endedSteps.push(id);
        counted.add(id);
        break;
      }
      default:
        break;
    }
  }
  return change;
}

/** Of a usage row: one per step run, whatever its attempts. */
function stepSourceId(event: { runId: string; path?: string[]; stepId: string; iteration: number }): string {
  return `step:${event.runId}:${[...(event.path ?? []), event.stepId].join('/')}:${event.iteration}`;
}

/** Of a usage row: one per run. */
export function runSourceId(runId: string): string {
  return `run:${runId}`;
}
