import type { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import type { RunEvent } from '#shared/run/events.ts';
import { canonicalText } from '../engine/canonicalText.ts';
import { differs, keyOf } from './guide.ts';

export type Comparison = {
  /** Takes what the replay wrote. @returns the first thing that is other than on the tape */
  take(event: RunEvent): SluiceError | undefined;
  /** What stands on the tape and did not happen. */
  missing(): SluiceError | undefined;
  /** Step runs that ended as on the tape, so far. */
  matched(): number;
};

/**
 * Holds what a replay writes against a tape: the same step runs from the same deliveries, equal outputs byte for byte, the
 * same requests, answer and end. How often a step was tried and what a crash interrupted is not part of it.
 *
 * @param isWhole whether the tape goes to the run's own end; otherwise what happens behind it is let pass
 */
export function compareJournal(tape: readonly RunEvent[], isWhole: boolean): Comparison {
  const expected = new Map<string, RunEvent[]>();
  const results = new Set<RunEvent>();
  let matched = 0;
  for (const event of tape) {
    const key = placeOf(event);
    if (key === undefined) continue;
    const list = expected.get(key);
    if (list) list.push(event);
    else expected.set(key, [event]);
    if (isResult(event)) results.add(event);
  }

  return {
    take(event) {
      const key = placeOf(event);
      if (key === undefined) return undefined;
      const stepId = 'stepId' in event ? event.stepId : 'run';
      const list = expected.get(key);
      // Of several attempts any may be the one that counts.
      const index = list?.findIndex((one) => one.type === event.type) ?? -1;
      if (index < 0 && !isWhole) return undefined;
      if (index < 0) return differs(stepId, `it ${DID[event.type] ?? 'did'} something that is not on the tape`);
      const [found] = (list as RunEvent[]).splice(index, 1);
      if (found) results.delete(found);
      const wanted = found && essence(found);
      const got = essence(event);
      if (textOf(wanted) !== textOf(got)) {
        return differs(stepId, `what it ${DID[event.type] ?? 'did'} is not what is on the tape`, {
          expected: clipped(wanted),
          actual: clipped(got),
        });
      }
      if (isResult(event)) matched++;
      return undefined;
    },
    missing() {
      for (const event of results) {
        const stepId = 'stepId' in event ? event.stepId : 'run';
        return differs(stepId, `the tape says that it ${DID[event.type]}, and it did not`);
      }
      return undefined;
    },
    matched: () => matched,
  };
}

const DID: Partial<Record<RunEvent['type'], string>> = {
  'step.attempted': 'began with',
  'step.succeeded': 'gave',
  'step.failed': 'failed with',
  'effect.intended': 'asked for',
  'run.answered': 'answered',
  'run.ended': 'ended with',
};

/** What a replay must come to again, whatever happened to the process meanwhile. */
function isResult(event: RunEvent): boolean {
  if (event.type === 'step.failed') return event.retryAt === undefined;
  return event.type === 'step.succeeded' || event.type === 'run.answered';
}

function placeOf(event: RunEvent): string | undefined {
  switch (event.type) {
    case 'step.attempted':
      // Which of several attempts a process died in is nothing that repeats.
      return event.attempt === 1 ? `began ${keyOf(event)}` : undefined;
    case 'step.succeeded':
    case 'step.failed':
      return `ended ${keyOf(event)}`;
    case 'effect.intended':
      return `asked ${keyOf(event)} ${event.no}`;
    case 'run.answered':
      return 'answered';
    case 'run.ended':
      return 'run ended';
    default:
      return undefined;
  }
}

/** The part of an event that must be equal. */
function essence(event: RunEvent): Json {
  switch (event.type) {
    case 'step.attempted':
      return event.from as unknown as Json;
    case 'step.succeeded':
      return event.outputs as unknown as Json;
    case 'step.failed':
      return { code: event.error.code, message: event.error.message };
    case 'effect.intended':
      return { kind: event.kind, key: event.key, request: event.request };
    case 'run.answered': {
      const { status, headers = {}, body = null, blob = null } = event;
      return { status, headers, body, blob };
    }
    case 'run.ended': {
      const { status, output = {}, error } = event;
      return { status, output: output as unknown as Json, error: error?.code ?? null };
    }
    default:
      return null;
  }
}

const textOf = (value: Json | undefined): string => (value === undefined ? '' : canonicalText(value));

/** Enough of a value to see what differs. */
function clipped(value: Json | undefined): string {
  const text = textOf(value);
  return text.length > 2_000 ? `${text.slice(0, 2_000)}…` : text;
}
