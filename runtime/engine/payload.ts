import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import type { Payload } from '#shared/run/events.ts';
import type { Item } from '#shared/workflow/tree.ts';
import type { Blobs, RunLimits } from './ports/ports.ts';

/** How deep the JSON of an item may nest. What carries it to a control plane has 200 levels, its own among them. */
export const MOST_NESTED = 150;

/**
 * Items as an event keeps them: inline while small, else a blob of their JSON. Synchronous while small.
 *
 * @throws SluiceError step.output_too_large, limit.exceeded where the items nest too deeply
 */
export function toPayload(items: Item[], limits: RunLimits, blobs: Blobs): Payload | Promise<Payload> {
  const size = sizeOf(items, limits.inlineBytes);
  if (size <= limits.inlineBytes) {
    return { items, [SIZE]: size } as Payload;
  }
  for (const item of items) checkNesting(item.json);
  const bytes = new TextEncoder().encode(JSON.stringify(items));
  if (bytes.length > limits.outputBytes) throw tooLarge(bytes.length, limits);
  return blobs.put(bytes).then((blob) => ({ blob, bytes: bytes.length, count: items.length }));
}

/** The size of an inline payload, so that nobody need measure it again. JSON leaves it out. */
const SIZE = Symbol('size');

/** Writes down beside an answer's body what it came to, which nobody need measure again. JSON leaves it out. */
export function withSize<T extends { body: Json }>(answer: T, size: number): T {
  return { ...answer, [SIZE]: size };
}

/** About how many bytes an answer's body takes in its event. */
export function answerBytes(answer: { body?: Json; [SIZE]?: number }): number {
  const { body, [SIZE]: size } = answer;
  const all = Number.POSITIVE_INFINITY;
  return size ?? (body === undefined ? 0 : roughBytes(body, all, all));
}

/** About how many bytes a payload takes in its event. */
export function payloadBytes(payload: Payload): number {
  if (!('items' in payload)) return 100;
  return (payload as { [SIZE]?: number })[SIZE] ?? sizeOf(payload.items, Number.POSITIVE_INFINITY);
}

/**
 * Holds items that are not kept to the limits of those that are.
 *
 * @throws as `toPayload` does
 */
export function checkPayload(items: Item[], limits: RunLimits): void {
  const size = sizeOf(items, limits.outputBytes);
  if (size > limits.outputBytes) throw tooLarge(size, limits);
}

/** What long lists came to: the same one is often given on as it is, and stands in the run's end again. */
const counted = new WeakMap<readonly Item[], number>();
const LONG = 100;

function sizeOf(items: readonly Item[], limit: number): number {
  const isLong = items.length > LONG;
  const known = isLong ? counted.get(items) : undefined;
  if (known !== undefined) return known;
  let size = 0;
  for (const item of items) {
    size += 24 + roughBytes(item.json, limit - size);
    if (size > limit) return size;
  }
  if (isLong) counted.set(items, size);
  return size;
}

function tooLarge(bytes: number, limits: RunLimits): SluiceError {
  return new SluiceError('step.output_too_large', `The step gave ${bytes} bytes; ${limits.outputBytes} are allowed.`, {
    advice: 'Split the work into batches with a loop, or keep only the fields that later steps need.',
    details: { bytes, limit: limits.outputBytes },
  });
}

/** The items of a payload. */
export async function fromPayload(payload: Payload, blobs: Blobs): Promise<Item[]> {
  if ('items' in payload) return payload.items;
  return JSON.parse(new TextDecoder().decode(await blobs.get(payload.blob))) as Item[];
}

/**
 * About how many bytes a value takes as JSON; counting stops once it is more than `limit`.
 *
 * @throws SluiceError limit.exceeded where what was counted nests more than `levels` deep
 */
export function roughBytes(value: Json, limit: number, levels = MOST_NESTED): number {
  return count(value, 1, limit, levels);
}

function count(value: Json | undefined, depth: number, limit: number, levels: number): number {
  if (typeof value === 'string') return value.length + 2;
  if (value === undefined) return 0;
  if (typeof value !== 'object' || value === null) return 8;
  if (depth > levels) throw nestedTooDeeply();
  let size = 2;
  if (Array.isArray(value)) {
    for (const entry of value) {
      size += count(entry, depth + 1, limit - size, levels);
      if (size > limit) break;
    }
    return size;
  }
  for (const key in value) {
    const inner = value[key];
    size += key.length + 4;
    // Most fields are texts and numbers: asking about each in a call of its own took half the time.
    if (typeof inner === 'string') size += inner.length + 2;
    else if (typeof inner !== 'object' || inner === null) size += inner === undefined ? 0 : 8;
    else size += count(inner, depth + 1, limit - size, levels);
    if (size > limit) break;
  }
  return size;
}

/** Refuses what nests so deeply that it could not be carried, or walked, later. @throws SluiceError limit.exceeded */
function checkNesting(value: Json): void {
  roughBytes(value, Number.POSITIVE_INFINITY);
}

function nestedTooDeeply(): SluiceError {
  return new SluiceError('limit.exceeded', `The data nests more than ${MOST_NESTED} levels deep.`, {
    advice: 'Keep fewer levels: lists in place of objects inside objects.',
    details: { limit: MOST_NESTED, what: 'levels of data' },
  });
}
