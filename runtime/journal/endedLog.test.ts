import { copyFileSync, existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { temporaryDir } from '../../tests/fixtures/agent.ts';
import { createEndedLog, type EndedRun, readEndedLog } from './endedLog.ts';

const closing: { close(): void }[] = [];
afterEach(() => {
  for (const one of closing.splice(0).reverse()) one.close();
  vi.useRealTimers();
});

function setUp() {
  // However slow the disk is, nothing goes into the database before a test lets time pass, as `waitFor` does.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const place = temporaryDir();
  closing.push({ close: () => place[Symbol.dispose]() });
  const file = join(place.dir, 'runs.db.ended-1-a');
  const stored: string[][] = [];
  const flushes: boolean[] = [];
  let isFull = false;
  const log = createEndedLog(file, (runs, flush) => {
    if (isFull) throw new Error('The disk is full.');
    stored.push(runs.map(({ runId }) => runId));
    flushes.push(flush);
  });
  closing.push(log);
  return {
    log,
    file,
    stored,
    flushes,
    copy: join(place.dir, 'copy'),
    fill: (full: boolean) => {
      isFull = full;
    },
  };
}

const runOf = (runId: string, more: Partial<EndedRun> = {}): EndedRun => ({
  row: [runId, null, 7],
  runId,
  firstSeq: 1,
  lastSeq: 4,
  events: `[{"of":"${runId}","text":"ü"}]`,
  logs: ['{"line":1}'],
  treeHash: 'a'.repeat(64),
  tree: '{"name":"Größe"}',
  ...more,
});

test('what was kept can be read back as it was, as long as the database does not have it', async () => {
  const { log, file, stored } = setUp();
  const runs = [
    runOf('one'),
    runOf('two', { events: Uint8Array.of(0, 255, 10) }),
    runOf('three', { treeHash: 'b'.repeat(64), tree: '{}' }),
  ];
  await Promise.all(runs.map((run) => log.keep(run)));
  expect(stored).toEqual([]);
  expect(readEndedLog(file)).toEqual(runs);
  await vi.waitFor(() => expect(stored).toEqual([['one', 'two', 'three']]), { timeout: 60_000 });
});

test('whoever asks the database has everything put there before', async () => {
  const { log, stored } = setUp();
  await log.keep(runOf('one'));
  await log.keep(runOf('two'));
  log.settle();
  expect(stored).toEqual([['one', 'two']]);
  log.settle();
  expect(stored).toHaveLength(1);
});

test('a record that was being written when the power went is left out, and so is what was written before the last start', async () => {
  const { log, file, copy } = setUp();
  for (const id of ['one', 'two', 'three']) await log.keep(runOf(id));
  copyFileSync(file, copy);
  for (let less = 1; less < 40; less += 13) {
    truncateSync(copy, readLength(file) - less);
    expect(readEndedLog(copy).map(({ runId }) => runId)).toEqual(['one', 'two']);
    copyFileSync(file, copy);
  }
  const bytes = readFileSync(file);
  bytes[bytes.length - 5] = (bytes[bytes.length - 5] ?? 0) ^ 1;
  writeFileSync(copy, bytes);
  expect(readEndedLog(copy).map(({ runId }) => runId)).toEqual(['one', 'two']);
  log.settle();
  await log.keep(runOf('four'));
  // `two` and `three` stand behind it still.
  expect(readLength(file)).toBe(bytes.length);
  expect(readEndedLog(file)).toEqual([runOf('four')]);
});

test('many go into the database in slices, of which only the last is flushed', async () => {
  const { log, stored, flushes } = setUp();
  const ids = Array.from({ length: 200 }, (_, index) => `run-${index}`);
  await Promise.all(ids.map((id) => log.keep(runOf(id))));
  await vi.waitFor(() => expect(stored.flat()).toEqual(ids), { timeout: 60_000 });
  expect(stored.length).toBeGreaterThan(1);
  expect(flushes).toEqual(flushes.map((_, index) => index === flushes.length - 1));
});

test('while the database takes nothing the log keeps what it has, and whoever asks is told', async () => {
  const { log, file, stored, fill } = setUp();
  fill(true);
  await log.keep(runOf('one'));
  expect(() => log.settle()).toThrow('The disk is full.');
  await log.keep(runOf('two'));
  expect(readEndedLog(file).map(({ runId }) => runId)).toEqual(['one', 'two']);
  fill(false);
  log.settle();
  expect(stored).toEqual([['one', 'two']]);
});

test('a log that is closed is empty and leaves no file', async () => {
  const { log, file, stored } = setUp();
  await log.keep(runOf('one'));
  expect(existsSync(file)).toBe(true);
  log.close();
  expect(stored).toEqual([['one']]);
  expect(existsSync(file)).toBe(false);
});

const readLength = (file: string) => statSync(file).size;
