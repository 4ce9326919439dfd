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
  let size = 0;
  for (const item of items) {
    size += 24 + roughBytes(item.json, limits.inlineBytes - size);
    if (size > limits.inlineBytes) break;
  }
  if (size <= limits.inlineBytes) return { items };
  for (const item of items) checkNesting(item.json);
  const bytes = new TextEncoder().encode(JSON.stringify(items));
  if (bytes.length > limits.outputBytes) {
    throw new SluiceError(
      'step.output_too_large',
      `The step gave ${bytes.length} bytes; ${limits.outputBytes} are allowed.`,
      {
        advice: 'Split the work into batches with a loop, or keep only the fields that later steps need.',
        details: { bytes: bytes.length, limit: limits.outputBytes },
      },
    );
  }
  return blobs.put(bytes).then((blob) => ({ blob, bytes: bytes.length, count: items.length }));
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
  let size = 0;
  const count = (one: Json | undefined, depth: number): void => {
    if (size > limit || one === undefined) return;
    if (typeof one === 'string') size += one.length + 2;
    else if (typeof one !== 'object' || one === null) size += 8;
    else {
      if (depth > levels) throw nestedTooDeeply();
      size += 2;
      if (Array.isArray(one)) for (const entry of one) count(entry, depth + 1);
      else {
        for (const key in one) {
          size += key.length + 4;
          count(one[key], depth + 1);
        }
      }
    }
  };
  count(value, 1);
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
