import { SluiceError } from '#shared/error.ts';
import type { Payload } from '#shared/run/events.ts';
import { failpoint } from '../failpoint.ts';
import type { GraphResult } from './executeGraph.ts';
import { toPayload } from './payload.ts';
import type { RunDeps, RunOutcome } from './runJob.ts';

/** Writes down, durably, what a run came to. */
export async function endRun(result: GraphResult, { journal, limits, ports }: RunDeps): Promise<RunOutcome> {
  if (result.status === 'waiting') {
    await journal.durable();
    failpoint('wait.after');
    return { status: 'waiting' };
  }
  if (result.status === 'failed') {
    journal.append({ type: 'run.ended', status: 'failed', error: result.error });
    await journal.durable();
    return { status: 'failed', error: result.error };
  }
  const output: Record<string, Payload> = {};
  for (const [stepId, items] of Object.entries(result.output))
    output[stepId] = await toPayload(items, limits, ports.blobs);
  failpoint('end.before');
  journal.append({ type: 'run.ended', status: 'succeeded', output });
  await journal.durable();
  failpoint('end.after');
  return { status: 'succeeded' };
}

/** What a run came to that was broken off. @throws what was thrown, where the run is only let go */
export async function endAborted(thrown: unknown, deps: RunDeps): Promise<RunOutcome> {
  const { journal } = deps;
  const error = SluiceError.from(thrown);
  if (deps.signal.aborted && error.code !== 'run.cancelled') throw thrown;
  const status = error.code === 'run.cancelled' ? 'cancelled' : error.code === 'run.timed_out' ? 'timed_out' : 'failed';
  if (error.code === 'internal') journal.log({ level: 'error', message: String(error.cause ?? error) });
  journal.append({ type: 'run.ended', status, error: error.toWire() });
  await journal.durable();
  return { status, error: error.toWire() };
}
