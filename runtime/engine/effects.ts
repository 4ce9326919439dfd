import canonicalize from 'canonicalize';
import { errorClass, isErrorCode, SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import type { EffectKind, RunEvent, StepError } from '#shared/run/events.ts';
import type { Effect } from '../connectors/stepType.ts';
import type { Hashing, Journal } from './ports/ports.ts';

/** What a journal says of one effect: begun, or answered. */
type Known = { requestHash?: string; result?: Json; error?: StepError; settled: boolean };

/** Where an effect belongs in its run. */
export type EffectPlace = { runId: string; path: readonly string[]; stepId: string; iteration: number };

/** It may have happened and its step says that twice would be wrong: a person decides. */
export class NeedsAttention extends Error {
  readonly error: StepError;

  constructor(error: StepError) {
    super(error.message);
    this.error = error;
  }
}

/** What earlier attempts, here or in a process that died, learnt from outside. */
export type EffectMemory = ReturnType<typeof createEffectMemory>;

export function createEffectMemory(events: readonly RunEvent[]) {
  const known = new Map<string, Known>();
  const remember = (event: RunEvent): void => {
    if (event.type === 'effect.intended') known.set(placeOf(event, event.no), { settled: false });
    if (event.type === 'effect.recorded') {
      const entry: Known = { requestHash: event.requestHash, settled: true };
      if (event.error === undefined) entry.result = event.result ?? null;
      else entry.error = event.error;
      known.set(placeOf(event, event.no), entry);
    }
  };
  for (const event of events) remember(event);
  return { find: (place: EffectPlace, no: string) => known.get(placeOf(place, no)), remember };
}

function placeOf(place: { path?: readonly string[]; stepId: string; iteration: number }, no: string): string {
  return `${place.path?.join('/') ?? ''}|${place.stepId}|${place.iteration}|${no}`;
}

/**
 * The idempotency key of an effect: the same for every attempt of a step run, another for every other effect
 * (reliability-security.md 2.1: hash of run, step path, iteration and effect number).
 */
export function effectKey(place: EffectPlace, no: string, hashing: Hashing): string {
  return hashing.sha256(`${place.runId}|${placeOf(place, no)}`);
}

export type EffectRequest<T extends Json> = {
  no: string;
  kind: EffectKind;
  effect: Effect;
  onAmbiguous: 'retry' | 'ask' | 'fail';
  /** Without secrets: what is kept in the journal and compared on replay. */
  request: Json;
  perform(key: string): Promise<T> | T;
};

/**
 * Does something outside the run once: an answer in the journal is given back and nothing is sent. A keyed or unsafe
 * effect is announced, durably, before it starts; what came of it is recorded.
 *
 * @throws NeedsAttention when an unsafe effect may already have happened; what `perform` throws otherwise
 */
export async function doEffect<T extends Json>(
  request: EffectRequest<T>,
  place: EffectPlace & { attempt: number },
  { journal, memory, hashing }: { journal: Journal; memory: EffectMemory; hashing: Hashing },
): Promise<T> {
  const { attempt, ...where } = place;
  const requestHash = hashing.sha256(canonicalize(request.request) ?? 'null');
  const before = memory.find(where, request.no);
  if (before?.settled && before.result !== undefined) {
    if (before.requestHash !== requestHash) {
      throw new SluiceError(
        'run.not_deterministic',
        `Not deterministic at step ${place.stepId}: it asks something else than the first time.`,
        {
          advice: 'Use $now, random() and uuid() of the run in place of values that differ each time.',
          details: { stepId: place.stepId, no: request.no },
        },
      );
    }
    return before.result as T;
  }
  if (before && mayHaveHappened(before)) checkAmbiguous(request, place.stepId);
  const common = {
    stepId: place.stepId,
    iteration: place.iteration,
    attempt,
    ...(place.path.length ? { path: [...place.path] } : {}),
  };
  const key = effectKey(where, request.no, hashing);
  if (request.effect === 'keyed' || request.effect === 'unsafe') {
    if (!before || before.settled) {
      memory.remember(
        journal.append({
          ...common,
          type: 'effect.intended',
          no: request.no,
          kind: request.kind,
          key,
          request: request.request,
        }),
      );
    }
    await journal.durable();
  } else if (request.kind === 'http') {
    await journal.durable();
  }
  const record = { ...common, type: 'effect.recorded' as const, no: request.no, kind: request.kind, requestHash };
  try {
    const result = await request.perform(key);
    memory.remember(journal.append({ ...record, result }));
    return result;
  } catch (thrown) {
    const error = SluiceError.from(thrown);
    memory.remember(journal.append({ ...record, error: { ...error.toWire(), stepId: place.stepId } }));
    throw thrown;
  }
}

/** Announced and never answered, since the process died in between; or answered by an error that leaves it open. */
function mayHaveHappened({ settled, error }: Known): boolean {
  if (!settled) return true;
  return error !== undefined && isErrorCode(error.code) && errorClass(error.code).retry === 'ifSafe';
}

function checkAmbiguous<T extends Json>({ effect, onAmbiguous, no }: EffectRequest<T>, stepId: string): void {
  if (effect !== 'unsafe' || onAmbiguous === 'retry') return;
  const error: StepError = {
    code: 'connector.unclear',
    message: `Step ${stepId} was interrupted while it sent something; it may have happened.`,
    detail: 'Look at the receiver, then decide whether to send it again.',
    stepId,
    details: { effect: no },
  };
  if (onAmbiguous === 'ask') throw new NeedsAttention(error);
  throw new SluiceError('connector.unclear', error.message, { advice: error.detail });
}
