import { closeSync, fdatasync, fdatasyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { failpoint } from '../failpoint.ts';

/** A run that has ended before anything of it was stored: its row, its one report and its log. */
export type EndedRun = {
  /** The row, in the order of the table's columns. */
  row: (string | number | null)[];
  runId: string;
  firstSeq: number;
  lastSeq: number;
  /** As the table keeps them. */
  events: string | Uint8Array;
  logs: string[];
  treeHash: string;
  /** The version that it ran, as JSON. */
  tree: string;
};

export type EndedLog = ReturnType<typeof createEndedLog>;

/** How long ended runs gather before the database gets them. */
const GATHER_MS = 200;
/** So many go into the database in one turn of the event loop, so that nobody waits long for the turn. */
const SLICE = 64;
/** A log that grew to this is written into the database whatever waits. */
const MOST_BYTES = 32 * 1024 * 1024;
const HEADER_BYTES = 20;
const MAGIC = 0x534c_5545;

/**
 * Ended runs on their way into the database. Each is first appended to a file that is flushed, once for all that come
 * together: a flush of a file that does not grow costs a third of a commit, and the pages that every run changes are then
 * written once for many. The file is written from its start again each time the database has everything in it; a
 * generation number tells what was written before.
 *
 * @param store puts runs into the database; `flush`: they are on the disk when it returns. Those it has are passed over.
 */
export function createEndedLog(file: string, store: (runs: readonly EndedRun[], flush: boolean) => void) {
  type Member = { run: EndedRun; resolve(): void; reject(thrown: unknown): void };
  let fd: number | undefined;
  let generation = 1;
  let position = 0;
  /** Versions whose text stands in this generation. */
  const trees = new Set<string>();
  let queue: Member[] = [];
  let flushing = false;
  let waiting: EndedRun[] = [];
  let timer: NodeJS.Timeout | undefined;

  function write(): void {
    const members = queue;
    queue = [];
    try {
      fd ??= openSync(file, 'w', 0o600);
      const bytes = Buffer.concat(members.map(({ run }) => encode(generation, run, !trees.has(run.treeHash), trees)));
      for (let done = 0; done < bytes.length; )
        done += writeSync(fd, bytes, done, bytes.length - done, position + done);
      failpoint('ended.before_flush');
      position += bytes.length;
    } catch (thrown) {
      for (const { reject } of members) reject(thrown);
      return;
    }
    for (const { run } of members) waiting.push(run);
    if (members.length > 1) {
      flushing = true;
      fdatasync(fd, (thrown) => flushed(members, thrown));
      return;
    }
    let thrown: unknown = null;
    try {
      // Nobody else would be served meanwhile, and another thread takes longer to wake than the flush.
      fdatasyncSync(fd);
    } catch (error) {
      thrown = error;
    }
    flushed(members, thrown);
  }

  function flushed(members: readonly Member[], thrown: unknown): void {
    flushing = false;
    try {
      failpoint('ended.after_flush');
      // What the file could not take the database may.
      if (thrown || position > MOST_BYTES) settle();
      for (const { resolve } of members) resolve();
    } catch (refused) {
      for (const { reject } of members) reject(refused);
    }
    if (queue.length > 0) setImmediate(write);
    if (waiting.length > 0) timer ??= setTimeout(storeSlice, GATHER_MS).unref();
  }

  function storeSlice(): void {
    timer = undefined;
    try {
      put(SLICE);
    } catch {
      // The log has them still: they are tried again, and whoever asks the database is told.
    }
    if (waiting.length > 0) timer ??= setTimeout(storeSlice, 0).unref();
  }

  function put(most: number): void {
    const slice = waiting.slice(0, most);
    const isAll = slice.length === waiting.length;
    failpoint('ended.before_store');
    store(slice, isAll);
    failpoint('ended.after_store');
    waiting = isAll ? [] : waiting.slice(most);
    if (!isAll) return;
    generation = (generation + 1) >>> 0;
    position = 0;
    trees.clear();
  }

  /** Puts everything into the database, before it is asked or changed. */
  function settle(): void {
    if (waiting.length > 0) put(waiting.length);
  }

  return {
    settle,
    /** Resolves once the run is on the disk. */
    keep: (run: EndedRun): Promise<void> =>
      new Promise((resolve, reject) => {
        if (queue.push({ run, resolve, reject }) === 1 && !flushing) setImmediate(write);
      }),
    close(): void {
      clearTimeout(timer);
      settle();
      if (fd === undefined) return;
      closeSync(fd);
      fd = undefined;
      rmSync(file, { force: true });
    },
  };
}

/** The runs of the generation that a log was last written with, as far as it got. */
export function readEndedLog(file: string): EndedRun[] {
  const bytes = readFileSync(file);
  const runs: EndedRun[] = [];
  const trees = new Map<string, string>();
  let generation: number | undefined;
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const [magic, written, headBytes, bodyBytes, sum] = [0, 4, 8, 12, 16].map((offset) =>
      bytes.readUInt32LE(at + offset),
    );
    const end = at + HEADER_BYTES + (headBytes as number) + (bodyBytes as number);
    generation ??= written;
    if (magic !== MAGIC || written !== generation || end > bytes.length) break;
    if (crc32(bytes.subarray(at + HEADER_BYTES, end), crc32(bytes.subarray(at, at + 16))) !== sum) break;
    const body = at + HEADER_BYTES + (headBytes as number);
    const { tree, packed, ...head } = JSON.parse(bytes.toString('utf8', at + HEADER_BYTES, body)) as Head;
    if (tree !== undefined) trees.set(head.treeHash, tree);
    const events = packed ? Uint8Array.from(bytes.subarray(body, end)) : bytes.toString('utf8', body, end);
    runs.push({ ...head, events, tree: trees.get(head.treeHash) ?? '' });
    at = end;
  }
  return runs;
}

type Head = Omit<EndedRun, 'events' | 'tree'> & { tree?: string; packed: boolean };

function encode(generation: number, run: EndedRun, withTree: boolean, trees: Set<string>): Buffer {
  const { events, tree, ...rest } = run;
  trees.add(run.treeHash);
  const packed = typeof events !== 'string';
  const head = JSON.stringify({ ...rest, packed, ...(withTree ? { tree } : {}) } satisfies Head);
  const headBytes = Buffer.byteLength(head);
  const bodyBytes = packed ? events.length : Buffer.byteLength(events);
  const record = Buffer.allocUnsafe(HEADER_BYTES + headBytes + bodyBytes);
  for (const [index, value] of [MAGIC, generation, headBytes, bodyBytes].entries())
    record.writeUInt32LE(value, index * 4);
  record.write(head, HEADER_BYTES);
  if (packed) record.set(events, HEADER_BYTES + headBytes);
  else record.write(events, HEADER_BYTES + headBytes);
  record.writeUInt32LE(crc32(record.subarray(HEADER_BYTES), crc32(record.subarray(0, 16))), 16);
  return record;
}
