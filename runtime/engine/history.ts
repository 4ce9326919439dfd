import { isJsonObject, type Json } from '#shared/json.ts';
import { type EventOf, Payload, type RunEvent } from '#shared/run/events.ts';
import type { Batch } from '../connectors/stepType.ts';
import type { Outputs } from './attempt.ts';
import type { RecordedEvent } from './graph.ts';
import { fromPayload } from './payload.ts';
import type { Blobs } from './ports/ports.ts';

/** What a run's journal says of the run itself, and of each workflow that a step of it called. */
export function createHistory(events: readonly RunEvent[], blobs: Blobs) {
  const byPath = new Map<string, RunEvent[]>();
  const forget = (path: readonly string[]): void => {
    const key = path.join('/');
    const isInside = (known: string) => known === key || known.startsWith(`${key}/`) || known.startsWith(`${key}:`);
    for (const known of byPath.keys()) if (isInside(known)) byPath.delete(known);
  };
  for (const event of events) {
    const path = event.path ?? [];
    const key = path.join('/');
    const list = byPath.get(key);
    if (list) list.push(event);
    else byPath.set(key, [event]);
    // A step that failed begins anew, and so does the workflow that it called.
    if (event.type === 'step.failed') forget([...path, `${event.stepId}:${event.iteration}`]);
  }

  return {
    /** The events that move the graph of one execution, with their items read back. */
    async read(path: readonly string[]): Promise<RecordedEvent[]> {
      const history: RecordedEvent[] = [];
      for (const event of byPath.get(path.join('/')) ?? []) {
        if (event.type === 'step.succeeded') {
          const outputs: Outputs = {};
          for (const [port, payload] of Object.entries(event.outputs))
            outputs[port] = await fromPayload(payload, blobs);
          history.push({ ...event, outputs });
        } else if (event.type === 'effect.recorded') {
          const batch = event.kind === 'batch' ? await readBack(event.result, blobs) : undefined;
          if (batch) history.push({ ...event, batch });
        } else if (isGraphEvent(event)) history.push(event);
      }
      return history;
    },
    /** A workflow that was called and failed: called again, it begins anew. */
    forget,
  };
}

/** A batch as a source's record keeps it. */
export async function readBack(result: Json | undefined, blobs: Blobs): Promise<Batch | undefined> {
  if (!isJsonObject(result)) return undefined;
  const { cursor, ...payload } = result;
  const { success, data } = Payload.safeParse(payload);
  return success ? { items: await fromPayload(data, blobs), cursor } : undefined;
}

type PlainGraphEvent = EventOf<'step.attempted' | 'step.failed' | 'step.skipped' | 'run.waiting' | 'run.resumed'>;

function isGraphEvent(event: RunEvent): event is PlainGraphEvent {
  return ['step.attempted', 'step.failed', 'step.skipped', 'run.waiting', 'run.resumed'].includes(event.type);
}
