import type { Payload } from '#shared/run/events.ts';
import type { Execution, Outputs } from './attempt.ts';
import { checkPayload, toPayload } from './payload.ts';

/**
 * What a step gave as its event carries it. Where no event is kept it must still be within the limits.
 *
 * @throws SluiceError step.output_too_large, limit.exceeded
 */
export function recordOutputs(
  outputs: Outputs,
  { journal, limits, ports }: Execution,
): Record<string, Payload> | undefined | Promise<Record<string, Payload>> {
  if (!journal.keeps('step.succeeded')) {
    for (const port in outputs) checkPayload(outputs[port] ?? [], limits);
    return undefined;
  }
  const payloads: Record<string, Payload> = {};
  const late: Promise<void>[] = [];
  for (const [port, items] of Object.entries(outputs)) {
    const payload = toPayload(items, limits, ports.blobs);
    if (payload instanceof Promise) {
      late.push(
        payload.then((value) => {
          payloads[port] = value;
        }),
      );
    } else payloads[port] = payload;
  }
  return late.length > 0 ? Promise.all(late).then(() => payloads) : payloads;
}
