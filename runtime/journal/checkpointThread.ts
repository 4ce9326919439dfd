import { Worker } from 'node:worker_threads';

/** What the thread executes. A file of its own would have to be bundled beside every program. */
const SCRIPT = `
const { parentPort, workerData } = require('node:worker_threads');
const { DatabaseSync } = require('node:sqlite');

function checkpoint() {
  const db = new DatabaseSync(workerData);
  try {
    const { busy, log, checkpointed } = db.prepare('PRAGMA wal_checkpoint(PASSIVE)').get();
    if (busy !== 0) return 'Another process is at the same.';
    // Where nothing could be copied, nothing was flushed either.
    return checkpointed === log ? undefined : 'Somebody still reads what was there before.';
  } finally {
    db.close();
  }
}

parentPort.on('message', () => {
  let problem;
  try {
    problem = checkpoint();
  } catch (thrown) {
    problem = String(thrown);
  }
  parentPort.postMessage(problem);
});
`;

/**
 * Checkpoints a database on a thread of its own: it flushes what was committed, copies it into the database and flushes that
 * too, tens of milliseconds for which nobody should wait. The thread is started with the first, and keeps no process.
 */
export function createCheckpointThread(file: string) {
  type Asked = { resolve(): void; reject(error: Error): void };
  let worker: Worker | undefined;
  let asked: Asked[] = [];

  function finish(problem: string | undefined): void {
    const before = asked;
    asked = [];
    for (const { resolve, reject } of before) {
      if (problem === undefined) resolve();
      else reject(new Error(problem));
    }
  }

  function start(): Worker {
    const made = new Worker(SCRIPT, { eval: true, workerData: file, execArgv: [], env: {} });
    const gone = (why: unknown) => {
      if (worker === made) worker = undefined;
      finish(`The thread ended: ${why}.`);
    };
    made.on('message', finish).on('error', gone).on('exit', gone);
    made.unref();
    return made;
  }

  return {
    /**
     * Resolves once everything that was committed before is on the disk. One at a time.
     *
     * @throws where it could not be done, as while another process does the same or reads an older state
     */
    checkpoint: (): Promise<void> =>
      new Promise((resolve, reject) => {
        worker ??= start();
        asked.push({ resolve, reject });
        worker.postMessage(undefined);
      }),
    close(): void {
      void worker?.terminate();
    },
  };
}
