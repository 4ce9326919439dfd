import { errorClass, isErrorCode, SluiceError } from '#shared/error.ts';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import { Decision, type EffectKind, type EventOf, type RunEvent, type StepError } from '#shared/run/events.ts';
import type { Effect } from '../connectors/stepType.ts';
import { failpoint } from '../failpoint.ts';
import { canonicalText } from './canonicalText.ts';
import type { RecordedNumbers } from './causes.ts';
import { roughBytes } from './payload.ts';
import type { Guide } from './ports/guide.ts';
import type { Hashing, Journal } from './ports/ports.ts';
import { createRecordedOrder } from './recordedOrder.ts';

/** What a journal says of one effect: begun with a request, or answered. */
type Known = {
  /** As it was announced. */
  intent?: EventOf<'effect.intended'>;
  requestHash?: string;
  result?: Json;
  error?: StepError;
  settled: boolean;
  /** What a person said of it since. */
  decided?: { decision: Decision; by: string };
};

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

/**
 * @param inOrder answers are given again in the order in which they came
 * @param numbers is told of every event that says which number a step run has
 */
export function createEffectMemory(
  events: readonly RunEvent[],
  { inOrder, numbers }: { inOrder: boolean; numbers: RecordedNumbers },
) {
  const known = new Map<string, Known>();
  /** Effects that a person is asked about, by step run. */
  const asked = new Map<string, string>();
  const remember = (event: RunEvent): void => {
    numbers.remember(event);
    switch (event.type) {
      case 'effect.intended':
        known.set(placeOf(event, event.no), { intent: event, settled: false });
        break;
      case 'effect.recorded': {
        // Batches are the graph's to keep.
        if (event.kind === 'batch') break;
        const place = placeOf(event, event.no);
        const entry: Known = { intent: known.get(place)?.intent, requestHash: event.requestHash, settled: true };
        if (event.error === undefined) entry.result = event.result ?? null;
        else entry.error = event.error;
        known.set(place, entry);
        break;
      }
      case 'run.waiting':
        if (event.reason === 'needs_attention') asked.set(placeOf(event, ''), String(event.details?.effect ?? ''));
        break;
      case 'run.resumed': {
        const no = asked.get(placeOf(event, ''));
        const entry = no === undefined ? undefined : known.get(placeOf(event, no));
        const { success, data } = Decision.safeParse(event.input);
        if (entry && success) entry.decided = { decision: data, by: event.by };
        break;
      }
      default:
        break;
    }
  };
  for (const event of events) remember(event);
  const turnOf = inOrder ? createRecordedOrder(events, (event) => placeOf(event, event.no)) : undefined;
  return {
    /** Resolves when an answer that was recorded may be given; undefined where it may at once. */
    turn: (place: EffectPlace, no: string) => turnOf?.(placeOf(place, no)),
    find: (place: EffectPlace, no: string) => known.get(placeOf(place, no)),
    remember,
    /** What the next event has to say of how the run came to it. */
    say: numbers.meetings.say,
    /** What may have happened of a step run, as a person is shown who decides; undefined where nothing may have. */
    unclear(place: Omit<EffectPlace, 'runId'>): JsonObject | undefined {
      const own = placeOf(place, '');
      for (const [key, entry] of known) {
        if (!key.startsWith(own) || !mayHaveHappened(entry) || !entry.intent) continue;
        const { no, kind, request, at, key: effect } = entry.intent;
        return { effect: no, kind, request, sentAt: at, key: effect };
      }
      return undefined;
    },
  };
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
  place: EffectPlace & { attempt: number; cause?: string | undefined },
  {
    journal,
    memory,
    hashing,
    signal,
    guide,
  }: { journal: Journal; memory: EffectMemory; hashing: Hashing; signal: AbortSignal; guide?: Guide },
): Promise<T> {
  const { attempt, cause, ...where } = place;
  checkSize(request.request, 'request', place.stepId);
  const requestHash = hashing.sha256(canonicalText(request.request));
  const before = memory.find(where, request.no);
  if (before?.settled && before.result !== undefined) {
    if (before.requestHash !== requestHash) throw notDeterministic(place.stepId, request.no);
    if (!isAnswer(request.kind, before.result)) throw notAnswered(place.stepId, request.no);
    const turn = memory.turn(where, request.no);
    if (turn) await turn;
    return before.result as T;
  }
  if (before && mayHaveHappened(before)) {
    if (!before.decided) checkAmbiguous(request, place.stepId);
    // Under the key of something else the receiver would take it for that, and drop it.
    const asked = before.requestHash ?? hashing.sha256(canonicalText(before.intent?.request));
    if ((request.effect === 'keyed' || before.decided) && asked !== requestHash)
      throw notDeterministic(place.stepId, request.no);
  }
  const common = {
    stepId: place.stepId,
    iteration: place.iteration,
    attempt,
    ...(place.path.length ? { path: [...place.path] } : {}),
    ...(cause === undefined ? {} : { cause }),
  };
  const record = { ...common, type: 'effect.recorded' as const, no: request.no, kind: request.kind, requestHash };
  if (before?.decided && before.decided.decision.decision !== 'retry') {
    const { decision, by } = before.decided;
    if (decision.decision === 'fail') throw givenUp(place.stepId, request.no, by);
    const result = answerSaid(request.kind, decision.result);
    memory.remember(journal.append({ ...record, result, by, ...memory.say() }));
    return result as T;
  }
  const key = effectKey(where, request.no, hashing);
  if (request.effect === 'keyed' || request.effect === 'unsafe') {
    // What is sent again by decision is announced again: cut off once more, it is asked about once more.
    failpoint('effect.before_intent');
    if (!before || before.settled || before.decided) {
      memory.remember(
        journal.append({
          ...common,
          type: 'effect.intended',
          no: request.no,
          kind: request.kind,
          key,
          request: request.request,
          ...memory.say(),
        }),
      );
    }
    await journal.durable();
    failpoint('effect.after_intent');
  } else if (request.kind === 'http') {
    await journal.durable();
  }
  try {
    const result = guide ? ((await guide.effect(where, request.no, requestHash)) as T) : await request.perform(key);
    checkSize(result, 'answer', place.stepId);
    failpoint('effect.before_record');
    memory.remember(journal.append({ ...record, result, ...memory.say() }));
    failpoint('effect.after_record');
    return result;
  } catch (thrown) {
    // Cut off because the run was let go, it may have happened: it stays open for whoever goes on with the run.
    if (signal.aborted) throw thrown;
    const error = SluiceError.from(thrown);
    const failed = { ...error.toWire(), stepId: place.stepId };
    memory.remember(journal.append({ ...record, error: failed, ...memory.say() }));
    throw thrown;
  }
}

/** Journals are carried in messages of their own limits. */
const MOST_BYTES = 16 * 1024 * 1024;

function checkSize(value: Json, what: 'request' | 'answer', stepId: string): void {
  if (roughBytes(value, MOST_BYTES) <= MOST_BYTES) return;
  throw new SluiceError('step.output_too_large', `The ${what} of step ${stepId} has more than ${MOST_BYTES} bytes.`, {
    advice: 'Ask for less at once, for example a page at a time.',
    details: { limit: MOST_BYTES, stepId },
  });
}

/** What a person said came of an effect, in the shape in which its kind answers. */
function answerSaid(kind: EffectKind, result: Json | undefined): Json {
  if (kind !== 'http') return result ?? {};
  if (isJsonObject(result) && typeof result.status === 'number') return { headers: {}, body: null, ...result };
  return { status: 200, headers: {}, body: result ?? null };
}

function givenUp(stepId: string, no: string, by: string): SluiceError {
  return new SluiceError('connector.rejected', `Step ${stepId} may have sent something, and it was given up.`, {
    advice: 'Retry the run from its failed step once it is clear what the receiver has.',
    details: { stepId, effect: no, by },
  });
}

/** Whether a journal can have kept this of an effect of the kind: one that was damaged may hold anything. */
function isAnswer(kind: EffectKind, result: Json): boolean {
  if (kind === 'http') return isJsonObject(result) && typeof result.status === 'number';
  return !['table', 'sql', 'mail', 'file'].includes(kind) || (typeof result === 'object' && result !== null);
}

function notAnswered(stepId: string, no: string): SluiceError {
  return new SluiceError('data.invalid', `What the journal holds for step ${stepId} is no answer to what it sent.`, {
    advice: 'The journal was damaged or changed. Start the run again.',
    details: { stepId, effect: no },
  });
}

function notDeterministic(stepId: string, no: string): SluiceError {
  return new SluiceError(
    'run.not_deterministic',
    `Not deterministic at step ${stepId}: it asks something else than the first time.`,
    {
      advice:
        'Use $now and the random numbers and ids of the run in place of values that differ each time. Where it matters which branch comes first, set the durability of the workflow to step.',
      details: { stepId, no },
    },
  );
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
