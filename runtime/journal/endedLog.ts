import { failpoint } from '../failpoint.ts';
import { createEndedFile, type EndedFile, type EndedRun, type Placed } from './endedFile.ts';

export type EndedLog = ReturnType<typeof createEndedLog>;

export type EndedLogDeps = {
  /** Puts runs into the database, which need not be on the disk there. Those it has are passed over. */
  store(runs: readonly EndedRun[]): void;
  /** What was put into the database is on the disk when it returns. */
  flush(): void;
  /** Resolves when what was put into the database is on the disk; nothing is put there meanwhile, but for those who ask. */
  checkpoint(): Promise<void>;
  /** A file that grew to this is followed by the other. */
  fileBytes?: number;
};

/** As many flushes at once: a disk does two in the time of one, and who comes during one need not wait for the next. */
const FLUSHES = [0, 1];
/** After so many that came alone nobody else is taken to be there. */
const ALONE = 10;
/** How long ended runs gather before the database gets them. */
const GATHER_MS = 200;
/** So many go into the database in one turn of the event loop, so that nobody waits long for the turn. */
const SLICE = 64;
/** Small, so that a checkpoint is: while the disk works for a large one, every flush waits. */
const FILE_BYTES = 1024 * 1024;
/** A file that grew to so many times as much is written into the database whatever waits. */
const MOST_TIMES = 32;

/**
 * Ended runs on their way into the database. Each is first appended to a file that is flushed, once for all that come
 * together: a flush of a file that does not grow costs a third of a commit, and the pages that every run changes are then
 * written once for many. The database gets them unflushed, a few at a time. When a file is full the other one takes its
 * place, and is written from its start again once the database has what was in it on the disk: while the disk works for
 * the database, nobody waits for it.
 */
export function createEndedLog(paths: readonly [string, string], deps: EndedLogDeps) {
  const { store, flush, checkpoint, fileBytes = FILE_BYTES } = deps;
  type Member = { run: EndedRun; resolve(): void; reject(thrown: unknown): void };
  type Waiting = { file: EndedFile; placed: Placed };
  let [current, other] = paths.map(createEndedFile) as [EndedFile, EndedFile];
  let queue: Member[] = [];
  /** Places of flushes that are under way. */
  const flushing = new Set<number>();
  let isToWrite = false;
  /** So many that came last came alone. */
  let alone = 0;
  let waiting: Waiting[] = [];
  let timer: NodeJS.Timeout | undefined;
  let isUrgent = false;
  let checkpointing = false;

  function writeSoon(): void {
    if (isToWrite || flushing.size === FLUSHES.length) return;
    isToWrite = true;
    setImmediate(write);
  }

  function write(): void {
    isToWrite = false;
    const members = queue;
    queue = [];
    const file = fileToWrite();
    try {
      for (const placed of file.append(members.map(({ run }) => run))) waiting.push({ file, placed });
      failpoint('ended.before_flush');
    } catch (thrown) {
      for (const { reject } of members) reject(thrown);
      return;
    }
    alone = members.length === 1 && flushing.size === 0 ? alone + 1 : 0;
    if (alone < ALONE) {
      const place = FLUSHES.find((one) => !flushing.has(one)) as number;
      flushing.add(place);
      file.flush(place, (thrown) => {
        flushing.delete(place);
        flushed(members, thrown);
      });
      return;
    }
    let thrown: unknown = null;
    try {
      // Nobody else would be served meanwhile, and another thread takes longer to wake than the flush.
      file.flushNow();
    } catch (error) {
      thrown = error;
    }
    flushed(members, thrown);
  }

  function fileToWrite(): EndedFile {
    if (current.bytes() >= fileBytes && other.bytes() === 0) [current, other] = [other, current];
    return current;
  }

  function flushed(members: readonly Member[], thrown: unknown): void {
    try {
      failpoint('ended.after_flush');
      // What the file could not take the database may.
      if (thrown || current.bytes() > fileBytes * MOST_TIMES) empty();
      for (const { resolve } of members) resolve();
    } catch (refused) {
      for (const { reject } of members) reject(refused);
    }
    if (queue.length > 0) writeSoon();
    storeSoon();
  }

  /** A whole slice goes at once, fewer wait for more. */
  function storeSoon(): void {
    if (waiting.length === 0 || checkpointing) return;
    const isWhole = waiting.length >= SLICE;
    if (timer && isWhole === isUrgent) return;
    clearTimeout(timer);
    isUrgent = isWhole;
    timer = setTimeout(storeSlice, isWhole ? 0 : GATHER_MS).unref();
  }

  function storeSlice(): void {
    timer = undefined;
    if (checkpointing) return;
    try {
      put(SLICE);
    } catch {
      // The log has them still: they are tried again, and whoever asks the database is told.
      timer = setTimeout(storeSlice, GATHER_MS).unref();
      return;
    }
    reuse();
    storeSoon();
  }

  function put(most: number): void {
    const slice = waiting.slice(0, most);
    failpoint('ended.before_store');
    for (const file of [other, current]) {
      const placed = slice.filter((one) => one.file === file).map((one) => one.placed);
      if (placed.length > 0) store(file.read(placed));
    }
    failpoint('ended.after_store');
    waiting = waiting.slice(slice.length);
  }

  /** Makes room of the file that was full, once the database has everything in it. */
  function reuse(): void {
    const file = other;
    if (checkpointing || file.bytes() === 0 || waiting.some((one) => one.file === file)) return;
    const generation = file.generation();
    checkpointing = true;
    checkpoint()
      .catch(flush)
      .then(() => {
        if (file.generation() === generation) file.rewind();
      })
      // It is tried again with the next slice.
      .catch(() => undefined)
      .finally(() => {
        checkpointing = false;
        storeSoon();
      });
  }

  /** Puts everything into the database, before it is asked or changed. */
  function settle(): void {
    while (waiting.length > 0) put(waiting.length);
  }

  function empty(): void {
    settle();
    flush();
    current.rewind();
    other.rewind();
  }

  return {
    settle,
    /** Resolves once the run is on the disk. */
    keep: (run: EndedRun): Promise<void> =>
      new Promise((resolve, reject) => {
        if (queue.push({ run, resolve, reject }) === 1) writeSoon();
      }),
    close(): void {
      clearTimeout(timer);
      if (current.bytes() + other.bytes() > 0) empty();
      current.close();
      other.close();
    },
  };
}
