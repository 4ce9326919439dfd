import { createHash } from 'node:crypto';
import { constants, gunzipSync, gzipSync } from 'node:zlib';
import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { Hash, Uuid } from '#shared/ids.ts';
import { type JsonObject, jsonDepth } from '#shared/json.ts';
import { parse } from '#shared/parse.ts';
import { RunEvent, RunStatus } from '#shared/run/events.ts';
import { execTree } from '#shared/workflow/hash.ts';
import { Tree } from '#shared/workflow/tree.ts';
import { canonicalText } from '../engine/canonicalText.ts';

/**
 * The journal of a run with everything it learnt from outside (formats.md 8): gzip of JSON lines, each with the hash `h` of
 * the one before and itself. Without secrets: the journal has none, since they are taken out as it is written.
 */
export type Tape = {
  runId: string;
  workflowId: string;
  execHash: string;
  runtimeHash: string;
  tree: Tree;
  /** The connections whose secrets read `secret://name#field`. */
  redacted: string[];
  events: RunEvent[];
  blobs: ReadonlyMap<string, Uint8Array>;
  /** What the last line says the run came to; undefined where the tape was cut. */
  end: { events: number; status: RunStatus } | undefined;
};

export type NewTape = Pick<Tape, 'runId' | 'workflowId' | 'execHash' | 'runtimeHash' | 'tree' | 'redacted'> & {
  events: readonly RunEvent[];
  /** Bytes of a blob that an event names. */
  blob(hash: string): Promise<Uint8Array>;
};

/** Unpacked: a tape is read whole. */
const MOST_BYTES = 256 * 1024 * 1024;
const MOST_NESTED = 220;

const Header = z.strictObject({
  tape: z.literal(1),
  runId: Uuid,
  workflowId: Uuid,
  execHash: Hash,
  runtimeHash: Hash,
  tree: Hash,
  redacted: z.array(z.string().max(100)).max(1_000),
});
const EventLine = z.strictObject({ event: RunEvent });
const BlobLine = z.strictObject({ blob: Hash, bytes: z.int().min(0), base64: z.string() });
const EndLine = z.strictObject({ end: z.strictObject({ events: z.int().min(0), status: RunStatus }) });

/**
 * Writes a tape. Blobs that cannot be had any more are left out; replay says so where it needs one.
 *
 * @throws SluiceError limit.exceeded where it would be larger than a tape may be
 */
export async function writeTape(tape: NewTape): Promise<Uint8Array> {
  const lines = createChain();
  // With its fields in their order: a step gives them in that order.
  const tree = new TextEncoder().encode(JSON.stringify(execTree(tape.tree)));
  const treeHash = sha256(tree);
  const { runId, workflowId, execHash, runtimeHash, redacted } = tape;
  lines.add({ tape: 1, runId, workflowId, execHash, runtimeHash, tree: treeHash, redacted });
  // Before the events, so that a tape that is cut off can still be replayed as far as it goes.
  lines.add({ blob: treeHash, bytes: tree.length, base64: Buffer.from(tree).toString('base64') });
  for (const event of tape.events) lines.add({ event });
  for (const hash of blobsOf(tape.events)) {
    const bytes = await tape.blob(hash).catch(missing);
    if (bytes) lines.add({ blob: hash, bytes: bytes.length, base64: Buffer.from(bytes).toString('base64') });
  }
  const ended = tape.events.find((event) => event.type === 'run.ended');
  const waits = tape.events.at(-1)?.type === 'run.waiting';
  lines.add({ end: { events: tape.events.length, status: ended?.status ?? (waits ? 'waiting' : 'running') } });
  return gzipSync(lines.text());
}

/**
 * Reads a tape. One that was cut off is read as far as it goes.
 *
 * @throws SluiceError tape.invalid with the line: no tape, altered, or of a newer kind
 */
export function readTape(bytes: Uint8Array): Tape {
  const [first, ...rest] = linesOf(unpack(bytes));
  if (first === undefined) throw invalid('It is empty.');
  const header = parse(Header, first, 'Line 1 of the tape', 'tape.invalid');
  const events: RunEvent[] = [];
  const blobs = new Map<string, Uint8Array>();
  let end: Tape['end'];
  rest.forEach((line, index) => {
    const at = `Line ${index + 2} of the tape`;
    if (end) throw invalid(`${at} stands behind its end.`);
    if (Object.hasOwn(line, 'event')) {
      const { event } = parse(EventLine, line, at, 'tape.invalid');
      if (event.seq !== events.length + 1) throw invalid(`${at} has event ${event.seq}; ${events.length + 1} is next.`);
      events.push(event);
    } else if (Object.hasOwn(line, 'blob')) {
      const blob = parse(BlobLine, line, at, 'tape.invalid');
      const content = Buffer.from(blob.base64, 'base64');
      if (sha256(content) !== blob.blob) throw invalid(`${at}: the bytes do not have the hash they came with.`);
      blobs.set(blob.blob, content);
    } else {
      end = parse(EndLine, line, at, 'tape.invalid').end;
      if (end.events !== events.length) throw invalid(`It should have ${end.events} events and has ${events.length}.`);
    }
  });
  const { tape: _, tree: treeHash, ...about } = header;
  return { ...about, tree: treeOf(blobs.get(treeHash)), events, blobs, end };
}

/** Every blob that a run's events name: spilled items, bodies of answers, files of items. */
function blobsOf(events: readonly RunEvent[]): string[] {
  const found = new Set<string>();
  // Whatever the field is called, a blob is a hash under `blob`.
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) for (const one of value) walk(one);
    else if (typeof value === 'object' && value !== null) {
      for (const [key, one] of Object.entries(value)) {
        if (key === 'blob' && typeof one === 'string' && /^[0-9a-f]{64}$/.test(one)) found.add(one);
        else walk(one);
      }
    }
  };
  walk(events);
  return [...found];
}

function createChain() {
  const parts: string[] = [];
  let size = 0;
  let before = '';
  return {
    add(line: Record<string, unknown>): void {
      const h = sha256(before + canonicalText(line as JsonObject));
      const text = `${JSON.stringify({ ...line, h })}\n`;
      size += text.length;
      if (size > MOST_BYTES) {
        throw new SluiceError('limit.exceeded', `The tape would be larger than ${MOST_BYTES} bytes.`, {
          advice: 'Let the run carry less data: files and long lists make tapes large.',
          details: { limit: MOST_BYTES },
        });
      }
      parts.push(text);
      before = h;
    },
    text: () => parts.join(''),
  };
}

function unpack(bytes: Uint8Array): string {
  try {
    // One that was cut off gives what it has.
    const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: MOST_BYTES };
    return gunzipSync(bytes, options).toString('utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw invalid(`It is larger than ${MOST_BYTES} bytes when unpacked.`);
    }
    throw invalid('It is not packed as a tape is.', cause);
  }
}

/** The lines as objects, their chain checked. A last line without its end was cut off. */
function linesOf(text: string): Record<string, unknown>[] {
  const texts = text.split('\n');
  texts.pop();
  let before = '';
  return texts.map((line, index) => {
    const at = `Line ${index + 1}`;
    if (jsonDepth(line, MOST_NESTED) > MOST_NESTED) throw invalid(`${at} nests more than ${MOST_NESTED} levels deep.`);
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (cause) {
      throw invalid(`${at} is not JSON.`, cause);
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`${at} is not an object.`);
    const { h, ...rest } = value as Record<string, unknown>;
    if (h !== sha256(before + canonicalText(rest as JsonObject))) {
      throw invalid(`${at} does not follow from the one before: the tape was altered or damaged.`);
    }
    before = h;
    return rest;
  });
}

/** What `execHash` covers, with what it leaves out filled in so that it is a tree again. */
function treeOf(bytes: Uint8Array | undefined): Tree {
  if (!bytes) throw invalid('The workflow that it was recorded with is not on it: it was cut off too early.');
  const text = Buffer.from(bytes).toString('utf8');
  if (jsonDepth(text, MOST_NESTED) > MOST_NESTED) throw invalid('Its project nests too deeply.');
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch (cause) {
    throw invalid('Its project is not JSON.', cause);
  }
  const bare = asRecord(said);
  const workflows = Object.entries(asRecord(bare.workflows)).map(([id, workflow], index) => {
    const steps = Object.entries(asRecord(asRecord(workflow).steps)).map(([stepId, step]) => [
      stepId,
      { name: stepId, ...asRecord(step) },
    ]);
    const filled = { slug: `workflow-${index + 1}`, name: id, layout: {}, ...asRecord(workflow) };
    return [id, { ...filled, steps: Object.fromEntries(steps) }];
  });
  const project = { name: 'Tape', ...asRecord(bare.project) };
  const tree = { ...bare, project, workflows: Object.fromEntries(workflows), tests: {}, pins: {} };
  return parse(Tree, tree, 'The project on the tape', 'tape.invalid');
}

function asRecord(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw invalid('Its project has another shape than a project has.');
}

function missing(thrown: unknown): undefined {
  if (SluiceError.from(thrown).code === 'blob.not_found') return undefined;
  throw thrown;
}

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

function invalid(why: string, cause?: unknown): SluiceError {
  return new SluiceError('tape.invalid', `This is not a tape that can be read. ${why}`, {
    advice: 'Take the tape again: sluice tape <run>, or sluice run --tape.',
    cause,
  });
}
