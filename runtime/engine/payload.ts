import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import type { Payload } from '#shared/run/events.ts';
import type { Item } from '#shared/workflow/tree.ts';
import type { Blobs, RunLimits } from './ports/ports.ts';

/** Items as an event keeps them: inline while small, else a blob of their JSON. Synchronous while small. */
export function toPayload(items: Item[], limits: RunLimits, blobs: Blobs): Payload | Promise<Payload> {
  if (!isLarger(items, limits.inlineBytes)) return { items };
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

/** Whether the JSON of some items is longer than a number of bytes; stops counting as soon as it is. */
function isLarger(items: Item[], limit: number): boolean {
  let left = limit;
  const count = (value: Json | undefined): void => {
    if (left < 0 || value === undefined) return;
    if (typeof value === 'string') left -= value.length + 2;
    else if (typeof value !== 'object' || value === null) left -= 8;
    else if (Array.isArray(value)) {
      left -= 2;
      for (const entry of value) count(entry);
    } else {
      for (const key in value) {
        left -= key.length + 4;
        count(value[key]);
      }
    }
  };
  for (const item of items) {
    left -= 24;
    count(item.json);
    if (left < 0) return true;
  }
  return left < 0;
}
