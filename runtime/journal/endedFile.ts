import { closeSync, fdatasync, fdatasyncSync, openSync, readFileSync, readSync, rmSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';

/** A run that has ended before anything of it was stored: its row, its one report and its log. */
export type EndedRun = {
  /** The row, in the order of the table's columns. */
  row: (string | number | null)[];
  runId: string;
  firstSeq: number;
  lastSeq: number;
  /** As the table keeps them: text, also as the bytes of it, or what is packed. */
  events: string | Uint8Array;
  isPacked: boolean;
  logs: string[];
  treeHash: string;
  /** The version that it ran, as JSON. */
  tree: string;
};

/** A run whose events stand in the file alone: what waits for the database outlives many collections of garbage. */
export type Placed = Omit<EndedRun, 'events'> & { at: number; bytes: number };

export type EndedFile = ReturnType<typeof createEndedFile>;

const HEADER_BYTES = 20;
const MAGIC = 0x534c_5545;
/** A file grows by so much: a flush that changes no metadata costs a third of one that does. */
const GROWTH_BYTES = 512 * 1024;
/** Room for more than this is not kept. */
const KEPT_BYTES = 2 * 1024 * 1024;

/** A file that ended runs are appended to, and that is written from its start again: a generation number tells what is old. */
export function createEndedFile(path: string) {
  const fds: number[] = [];
  let generation = 1;
  let position = 0;
  let length = 0;
  /** Versions whose text stands in this generation. */
  const trees = new Set<string>();
  let room = Buffer.alloc(0);

  function opened(place = 0): number {
    fds[0] ??= openSync(path, 'w+', 0o600);
    fds[place] ??= openSync(path, 'r+');
    return fds[place] as number;
  }

  /** Room for so many bytes, the same again and again. */
  function roomFor(bytes: number): Buffer {
    if (room.length >= bytes) return room.subarray(0, bytes);
    const made = Buffer.allocUnsafeSlow(bytes);
    if (bytes <= KEPT_BYTES) room = made;
    return made;
  }

  function writeAll(bytes: Uint8Array, at: number): void {
    for (let done = 0; done < bytes.length; ) done += writeSync(opened(), bytes, done, bytes.length - done, at + done);
  }

  /** Zeros are written in time, since it is only then that flushing what comes in their place changes nothing else. */
  function grow(to: number): void {
    if (to <= length) return;
    const grown = Math.ceil(to / GROWTH_BYTES) * GROWTH_BYTES;
    writeAll(Buffer.alloc(grown - length), length);
    length = grown;
  }

  return {
    /** So much stands in it. */
    bytes: () => position,
    /** Writes some runs behind each other. They are on the disk once it was flushed. */
    append(runs: readonly EndedRun[]): Placed[] {
      const parts = runs.map((run) => ({ run, head: headOf(run, trees) }));
      const into = roomFor(
        parts.reduce((sum, { run, head }) => sum + HEADER_BYTES + bytesOf(head) + bytesOf(run.events), 0),
      );
      const placed: Placed[] = [];
      let end = 0;
      for (const { run, head } of parts) {
        const { events, ...rest } = run;
        const { bytes, bodyBytes } = encode(into.subarray(end), generation, head, events);
        end += bytes;
        placed.push({ ...rest, at: position + end - bodyBytes, bytes: bodyBytes });
      }
      try {
        grow(position + end);
        writeAll(into, position);
      } catch (thrown) {
        // Nobody knows which of the versions stand in it.
        trees.clear();
        throw thrown;
      }
      position += end;
      return placed;
    },
    /** Runs that stand in it one after the other, with their events, which hold until the next call. */
    read(placed: readonly Placed[]): EndedRun[] {
      const [first, last] = [placed[0], placed.at(-1)];
      if (!first || !last) return [];
      const bytes = roomFor(last.at + last.bytes - first.at);
      for (let done = 0; done < bytes.length; ) {
        const got = readSync(opened(), bytes, done, bytes.length - done, first.at + done);
        if (got === 0) throw new Error(`${path} is shorter than what was written to it.`);
        done += got;
      }
      return placed.map(({ at, bytes: length, ...run }) => ({
        ...run,
        events: bytes.subarray(at - first.at, at - first.at + length),
      }));
    },
    /**
     * @param place flushes at the same time have places of their own: what the disk could not take is told once to each
     *   descriptor
     */
    flush(place: number, flushed: (thrown: unknown) => void): void {
      fdatasync(opened(place), flushed);
    },
    flushNow: () => fdatasyncSync(opened()),
    generation: () => generation,
    /** What stands in it is not needed any more. */
    rewind(): void {
      generation = (generation + 1) >>> 0;
      position = 0;
      trees.clear();
    },
    close(): void {
      if (fds.length === 0) return;
      for (const fd of fds.splice(0)) closeSync(fd);
      rmSync(path, { force: true });
    },
  };
}

/** The runs of the generation that a file was last written with, as far as it got. */
export function readEndedFile(path: string): EndedRun[] {
  const bytes = readFileSync(path);
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
    runs.push({ ...head, events, isPacked: packed, tree: trees.get(head.treeHash) ?? '' });
    at = end;
  }
  return runs;
}

const bytesOf = (value: string | Uint8Array) => (typeof value === 'string' ? Buffer.byteLength(value) : value.length);

type Head = Omit<EndedRun, 'events' | 'isPacked' | 'tree'> & { tree?: string; packed: boolean };

function headOf({ row, runId, firstSeq, lastSeq, isPacked, logs, treeHash, tree }: EndedRun, trees: Set<string>) {
  const head: Head = { row, runId, firstSeq, lastSeq, logs, treeHash, packed: isPacked };
  if (!trees.has(treeHash)) head.tree = tree;
  trees.add(treeHash);
  return JSON.stringify(head);
}

function encode(into: Buffer, generation: number, head: string, events: string | Uint8Array) {
  const headBytes = into.write(head, HEADER_BYTES);
  const body = HEADER_BYTES + headBytes;
  let bodyBytes = events.length;
  if (typeof events === 'string') bodyBytes = into.write(events, body);
  else into.set(events, body);
  for (const [index, value] of [MAGIC, generation, headBytes, bodyBytes].entries())
    into.writeUInt32LE(value, index * 4);
  const bytes = body + bodyBytes;
  into.writeUInt32LE(crc32(into.subarray(HEADER_BYTES, bytes), crc32(into.subarray(0, 16))), 16);
  return { bytes, bodyBytes };
}
