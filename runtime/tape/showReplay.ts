import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { StepId } from '#shared/ids.ts';
import { Answer, Delivery, type Payload, RunStatus, StepError } from '#shared/run/events.ts';
import { Item } from '#shared/workflow/tree.ts';
import type { Sandbox } from '../engine/ports/sandbox.ts';
import { replayTape } from './replayTape.ts';
import { readTape, type Tape } from './tape.ts';

export const ReplayInput = z.strictObject({
  /** The tape's file. */
  file: z.string().min(1),
  to: z.strictObject({ stepId: StepId, iteration: z.int().min(0).optional() }).optional(),
});
export type ReplayInput = z.infer<typeof ReplayInput>;

const Outputs = z.record(z.string(), z.array(Item));

/** One step run of a replay, in the order in which they ended. */
export const ReplayedStep = z.strictObject({
  stepId: StepId,
  iteration: z.int().min(0),
  /** The calling steps, of a step in a workflow that another one ran. */
  path: z.array(z.string()).optional(),
  attempts: z.int().min(1),
  /** Which step runs its items came from, by input port. */
  from: z.array(Delivery),
  outputs: Outputs.optional(),
  error: StepError.optional(),
});
export type ReplayedStep = z.infer<typeof ReplayedStep>;

/** What a replay came to, with the data of every step run. */
export const ReplayShown = z.strictObject({
  runId: z.string(),
  result: z.enum(['equal', 'stopped', 'cut']),
  status: RunStatus,
  /** Whether the runtime that recorded it is another one than this. */
  otherRuntime: z.boolean(),
  input: z.array(Item),
  steps: z.array(ReplayedStep),
  answer: Answer.optional(),
  output: Outputs.optional(),
  error: StepError.optional(),
});
export type ReplayShown = z.infer<typeof ReplayShown>;

/**
 * Replays the tape in a file and gives what every step run took and gave.
 *
 * @throws SluiceError file.not_found, tape.invalid, and as `replayTape`
 */
export async function showReplay(
  { file, to }: ReplayInput,
  deps: { sandbox: Sandbox; runtimeHash: string },
): Promise<ReplayShown> {
  const tape = readTape(await readFile(file).catch(unreadable(file)));
  const replay = await replayTape(tape, { sandbox: deps.sandbox, ...(to ? { to } : {}) });
  const shown: ReplayShown = {
    runId: replay.runId,
    result: replay.result,
    status: replay.status,
    otherRuntime: tape.runtimeHash !== deps.runtimeHash,
    input: [],
    steps: [],
  };
  const began = new Map<string, { attempts: number; from: Delivery[] }>();
  for (const event of replay.events) {
    switch (event.type) {
      case 'run.started':
        shown.input = itemsOf(event.input, tape);
        break;
      case 'step.attempted':
        began.set(keyOf(event), { attempts: event.attempt, from: event.from });
        break;
      case 'step.succeeded':
        shown.steps.push({ ...stepOf(event, began), outputs: allItems(event.outputs, tape) });
        break;
      case 'step.failed':
        if (event.retryAt === undefined) shown.steps.push({ ...stepOf(event, began), error: event.error });
        break;
      case 'run.answered': {
        const { status, headers, body, blob } = event;
        shown.answer ??= { status, ...(headers ? { headers } : {}), ...(body === undefined ? {} : { body }) };
        if (blob) shown.answer.blob = blob;
        break;
      }
      case 'run.ended':
        if (event.output) shown.output = allItems(event.output, tape);
        if (event.error) shown.error = event.error;
        break;
    }
  }
  return shown;
}

type Place = { stepId: string; iteration: number; path?: string[] };

const keyOf = ({ path = [], stepId, iteration }: Place): string => [...path, stepId, iteration].join('/');

function stepOf(
  { stepId, iteration, path }: Place,
  began: ReadonlyMap<string, { attempts: number; from: Delivery[] }>,
) {
  const place = { stepId, iteration, ...(path?.length ? { path } : {}) };
  return { ...place, ...(began.get(keyOf(place)) ?? { attempts: 1, from: [] }) };
}

function allItems(payloads: Record<string, Payload>, tape: Tape): Record<string, Item[]> {
  return Object.fromEntries(Object.entries(payloads).map(([name, payload]) => [name, itemsOf(payload, tape)]));
}

function itemsOf(payload: Payload, tape: Tape): Item[] {
  if ('items' in payload) return payload.items;
  const bytes = tape.blobs.get(payload.blob);
  return bytes ? (JSON.parse(Buffer.from(bytes).toString('utf8')) as Item[]) : [];
}

function unreadable(file: string): (thrown: NodeJS.ErrnoException) => never {
  return (cause) => {
    const why = cause.code === 'ENOENT' ? 'there is no such file' : `the system answered ${cause.code}`;
    throw new SluiceError('file.not_found', `${file} cannot be read: ${why}.`, {
      advice: 'Name a tape: one that sluice run --tape or sluice tape wrote.',
      cause,
    });
  };
}
