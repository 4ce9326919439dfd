import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import type { EventOf } from '#shared/run/events.ts';
import type { Case, Item, Step } from '#shared/workflow/tree.ts';
import { findStepType } from '../connectors/registry.ts';
import { startOf } from './replayTape.ts';
import type { Tape } from './tape.ts';

type Effect = EventOf<'effect.recorded'>;

export type TapeCase = {
  saved: Case;
  /** Steps that read what a case does not have, such as rows that were in a table before. */
  unanswered: string[];
};

/**
 * A saved case of a run: what it began with, its variables, its random numbers and the answers it got. It expects the run to
 * succeed, so the case of a failure fails until what was wrong is mended; of a run that succeeded also the answer's status.
 *
 * @throws SluiceError tape.invalid
 */
export function caseOfTape(tape: Tape, name: string): TapeCase {
  const started = startOf(tape);
  const effects: Record<string, JsonObject[]> = {};
  const unanswered = new Set<string>();
  for (const event of tape.events) {
    if (event.type !== 'effect.recorded') continue;
    const answer = answerOf(event, tape);
    if (answer === undefined) {
      if (isRead(event, tape)) unanswered.add(event.stepId);
      continue;
    }
    const list = effects[event.stepId] ?? [];
    list.push(answer);
    effects[event.stepId] = list;
  }
  const answered =
    tape.end?.status === 'succeeded' ? tape.events.find((event) => event.type === 'run.answered') : undefined;
  const saved: Case = {
    name,
    workflow: tape.workflowId,
    trigger: started.triggerStepId,
    now: started.at,
    seed: started.seed,
    ...(started.vars ? { vars: started.vars } : {}),
    items: itemsOf(started.input, tape),
    ...(Object.keys(effects).length > 0 ? { effects } : {}),
    expect: {
      status: 'succeeded',
      ...(answered?.type === 'run.answered' ? { answer: { status: answered.status } } : {}),
    },
  };
  return { saved, unanswered: [...unanswered] };
}

/** What a case says in place of an effect; undefined where it needs nothing said, or has no way to say it. */
function answerOf({ kind, result, error }: Effect, tape: Tape): JsonObject | undefined {
  if (kind !== 'http' && kind !== 'sql' && kind !== 'mail' && kind !== 'file') return undefined;
  if (error) {
    const { status, body } = error.details ?? {};
    if (kind === 'http' && typeof status === 'number') return { status, ...(body === undefined ? {} : { body }) };
    return { error: { code: error.code, message: error.message } };
  }
  if (kind === 'http' && isJsonObject(result)) {
    const { status = 200, headers = {}, body = null } = result;
    return { status, headers: onlyType(headers), body };
  }
  if (kind === 'sql') return { results: Array.isArray(result) ? result : [] };
  if (kind === 'mail') return isJsonObject(result) ? result : {};
  return fileOf(result, tape);
}

/** Of headers a case keeps what says how to read the body. */
function onlyType(headers: Json): JsonObject {
  if (!isJsonObject(headers)) return {};
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() === 'content-type'));
}

function fileOf(result: Json | undefined, tape: Tape): JsonObject | undefined {
  const hash = isJsonObject(result) && typeof result.blob === 'string' ? result.blob : undefined;
  const bytes = hash === undefined ? undefined : tape.blobs.get(hash);
  return bytes && { base64: Buffer.from(bytes).toString('base64') };
}

/** Tables, key-values and files of a case are empty when it begins. */
function isRead({ kind, result, stepId }: Effect, { tree }: Tape): boolean {
  if (kind === 'batch') return Object.values(tree.workflows).some(({ steps }) => readsOutside(steps[stepId]));
  if (kind !== 'table' && kind !== 'kv') return false;
  return Array.isArray(result) && result.length > 0;
}

function itemsOf(payload: EventOf<'run.started'>['input'], tape: Tape): Item[] {
  if ('items' in payload) return payload.items;
  const bytes = tape.blobs.get(payload.blob);
  return bytes ? (JSON.parse(Buffer.from(bytes).toString('utf8')) as Item[]) : [];
}

/** Whether a source's batches come from outside. */
function readsOutside(step: Step | undefined): boolean {
  return step !== undefined && findStepType(step.uses, step.version).effect !== 'pure';
}
