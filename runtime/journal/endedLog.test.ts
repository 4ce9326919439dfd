import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { temporaryDir } from '../../tests/fixtures/agent.ts';
import { type EndedRun, readEndedFile } from './endedFile.ts';
import { createEndedLog } from './endedLog.ts';

const closing: { close(): void }[] = [];
afterEach(() => {
  for (const one of closing.splice(0).reverse()) one.close();
  vi.useRealTimers();
});

function setUp(fileBytes?: number) {
  // However slow the disk is, nothing goes into the database before a test lets time pass, as `waitFor` does.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const place = temporaryDir();
  closing.push({ close: () => place[Symbol.dispose]() });
  const paths = [join(place.dir, 'runs.db.ended-1-a'), join(place.dir, 'runs.db.ended-1-b')] as const;
  const stored: EndedRun[][] = [];
  const checkpoints: PromiseWithResolvers<void>[] = [];
  let flushes = 0;
  let isFull = false;
  const log = createEndedLog(paths, {
    store(runs) {
      if (isFull) throw new Error('The disk is full.');
      stored.push(runs.map((run) => ({ ...run, events: run.isPacked ? Uint8Array.from(bytesOf(run)) : textOf(run) })));
    },
    flush() {
      flushes++;
    },
    checkpoint() {
      const made = Promise.withResolvers<void>();
      checkpoints.push(made);
      return made.promise;
    },
    ...(fileBytes === undefined ? {} : { fileBytes }),
  });
  closing.push(log);
  return {
    log,
    file: paths[0],
    paths,
    stored,
    /** The ids of runs that went into the database together. */
    ids: () => stored.map((runs) => runs.map(({ runId }) => runId)),
    checkpoints,
    flushes: () => flushes,
    copy: join(place.dir, 'copy'),
    fill: (full: boolean) => {
      isFull = full;
    },
  };
}

const bytesOf = ({ events }: EndedRun) => events as Uint8Array;
const textOf = (run: EndedRun) => new TextDecoder().decode(bytesOf(run));

const runOf = (runId: string, more: Partial<EndedRun> = {}): EndedRun => ({
  row: [runId, null, 7],
  runId,
  firstSeq: 1,
  lastSeq: 4,
  events: `[{"of":"${runId}","text":"ü"}]`,
  isPacked: false,
  logs: ['{"line":1}'],
  treeHash: 'a'.repeat(64),
  tree: '{"name":"Größe"}',
  ...more,
});

const WAIT = { timeout: 60_000 };
const idsIn = (file: string) => readEndedFile(file).map(({ runId }) => runId);
const FILE_BYTES = 10_000;
/** Two of them fill a file. */
const half = (runId: string) => runOf(runId, { events: new Uint8Array(FILE_BYTES * 0.6).fill(7), isPacked: true });

test('what was kept can be read back as it was, and the database gets it as it was', async () => {
  const { log, file, stored } = setUp();
  const runs = [
    runOf('one'),
    runOf('two', { events: Uint8Array.of(0, 255, 10), isPacked: true }),
    runOf('three', { treeHash: 'b'.repeat(64), tree: '{}' }),
  ];
  await Promise.all(runs.map((run) => log.keep(run)));
  expect(stored).toEqual([]);
  expect(readEndedFile(file)).toEqual(runs);
  await vi.waitFor(() => expect(stored).toEqual([runs]), WAIT);
});

test('whoever asks the database has everything put there before', async () => {
  const { log, ids } = setUp();
  await log.keep(runOf('one'));
  await log.keep(runOf('two'));
  log.settle();
  expect(ids()).toEqual([['one', 'two']]);
  log.settle();
  expect(ids()).toHaveLength(1);
});

test('a record that was being written when the power went is left out', async () => {
  const { log, file, copy } = setUp();
  for (const id of ['one', 'two']) await log.keep(runOf(id));
  const before = endOf(file);
  await log.keep(runOf('three'));
  const bytes = readFileSync(file);
  expect(idsIn(file)).toEqual(['one', 'two', 'three']);
  for (let end = before + 1; end < endOf(file); end += 41) {
    writeFileSync(copy, bytes.subarray(0, end));
    expect(idsIn(copy)).toEqual(['one', 'two']);
    writeFileSync(copy, Buffer.concat([bytes.subarray(0, end), Buffer.alloc(5_000)]));
    expect(idsIn(copy)).toEqual(['one', 'two']);
  }
  bytes[endOf(file) - 5] = (bytes[endOf(file) - 5] ?? 0) ^ 1;
  writeFileSync(copy, bytes);
  expect(idsIn(copy)).toEqual(['one', 'two']);
});

test('many go into the database in slices', async () => {
  const { log, ids } = setUp();
  const all = Array.from({ length: 200 }, (_, index) => `run-${index}`);
  await Promise.all(all.map((id) => log.keep(runOf(id))));
  await vi.waitFor(() => expect(ids().flat()).toEqual(all), WAIT);
  expect(ids().length).toBeGreaterThan(1);
});

test('a full file is written from its start again once the database has what was in it on the disk', async () => {
  const { log, paths, ids, checkpoints } = setUp(FILE_BYTES);
  for (const id of ['one', 'two', 'three']) await log.keep(half(id));
  expect(paths.map(idsIn)).toEqual([['one', 'two'], ['three']]);
  expect(checkpoints).toHaveLength(0);
  await vi.waitFor(() => expect(checkpoints).toHaveLength(1), WAIT);
  expect(ids().flat()).toEqual(['one', 'two', 'three']);
  await log.keep(half('four'));
  await log.keep(runOf('five'));
  // The database has them, but whether its disk does nobody has said.
  expect(paths.map(idsIn)).toEqual([
    ['one', 'two'],
    ['three', 'four', 'five'],
  ]);
  checkpoints[0]?.resolve();
  await vi.waitFor(() => expect(ids().flat()).toContain('five'), WAIT);
  await log.keep(runOf('six'));
  // `two` stands behind it still.
  expect(paths.map(idsIn)).toEqual([['six'], ['three', 'four', 'five']]);
});

test('a file that grew too much goes into the database at once, flushed', async () => {
  const { log, paths, ids, checkpoints, flushes } = setUp(FILE_BYTES);
  for (const id of ['one', 'two', 'three']) await log.keep(half(id));
  await vi.waitFor(() => expect(checkpoints).toHaveLength(1), WAIT);
  expect(flushes()).toBe(0);
  await log.keep(runOf('huge', { events: new Uint8Array(FILE_BYTES * 32).fill(7), isPacked: true }));
  expect(flushes()).toBe(1);
  expect(ids().flat()).toEqual(['one', 'two', 'three', 'huge']);
  // The checkpoint that comes to its end now was of what stood there before.
  for (const id of ['four', 'five']) await log.keep(half(id));
  await log.keep(runOf('six'));
  checkpoints[0]?.resolve();
  await log.keep(runOf('seven'));
  expect(paths.map(idsIn)).toEqual([
    ['six', 'seven'],
    ['four', 'five'],
  ]);
});

test('where the checkpoint cannot be had the database is flushed before its file is written again', async () => {
  const { log, paths, checkpoints, flushes } = setUp(FILE_BYTES);
  for (const id of ['one', 'two', 'three']) await log.keep(half(id));
  await vi.waitFor(() => expect(checkpoints).toHaveLength(1), WAIT);
  expect(flushes()).toBe(0);
  checkpoints[0]?.reject(new Error('Another process is at the same.'));
  await vi.waitFor(() => expect(flushes()).toBe(1), WAIT);
  await log.keep(half('four'));
  await log.keep(runOf('five'));
  expect(paths.map(idsIn)).toEqual([['five'], ['three', 'four']]);
});

test('while the database takes nothing the log keeps what it has, and whoever asks is told', async () => {
  const { log, file, ids, fill } = setUp();
  fill(true);
  await log.keep(runOf('one'));
  expect(() => log.settle()).toThrow('The disk is full.');
  await log.keep(runOf('two'));
  expect(idsIn(file)).toEqual(['one', 'two']);
  fill(false);
  log.settle();
  expect(ids()).toEqual([['one', 'two']]);
});

test('a log that is closed has everything in the database, flushed, and leaves no file', async () => {
  const { log, paths, ids, flushes } = setUp(FILE_BYTES);
  for (const id of ['one', 'two', 'three']) await log.keep(half(id));
  expect(paths.map((path) => existsSync(path))).toEqual([true, true]);
  log.close();
  expect(ids().flat()).toEqual(['one', 'two', 'three']);
  expect(flushes()).toBe(1);
  expect(paths.map((path) => existsSync(path))).toEqual([false, false]);
});

/** Where the last record ends: zeros follow. */
function endOf(file: string): number {
  const bytes = readFileSync(file);
  return bytes.findLastIndex((byte) => byte !== 0) + 1;
}
