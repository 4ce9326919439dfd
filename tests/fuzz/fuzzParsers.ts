import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { FuzzReport, FuzzTask } from './fuzzWorker.ts';

const HANG_MS = 250;
/** Without any progress for so long, by the clock, an input will never end. */
const STUCK_MS = 60_000;

export type Fuzzed = FuzzReport & { parser: string; inputs: number };

/** A thread that parsers are given inputs in. What never ends is ended with its thread, and the rest goes on in another. */
export function openFuzzer() {
  let thread: Thread | undefined;

  /** Gives a parser as many inputs as it is told to, and tells which of them broke a promise. */
  async function fuzz(parser: string, count: number, seed: string): Promise<Fuzzed> {
    const total: Fuzzed = { parser, inputs: count, results: 0, refusals: 0, slowestMs: 0, faults: [] };
    for (let from = 0; from < count && total.faults.length < 20; ) {
      thread ??= startThread();
      const report = await thread.ask({ parser, seed, from, count: count - from, hangMs: HANG_MS });
      if (typeof report === 'number') {
        total.faults.push({ parser, seed, index: report, what: 'never ended', input: '' });
        await close();
        from = report + 1;
        continue;
      }
      total.results += report.results;
      total.refusals += report.refusals;
      total.slowestMs = Math.max(total.slowestMs, report.slowestMs);
      total.faults.push(...report.faults);
      break;
    }
    return total;
  }

  async function close(): Promise<void> {
    const old = thread;
    thread = undefined;
    await old?.end();
  }

  return { fuzz, close };
}

type Thread = ReturnType<typeof startThread>;

function startThread() {
  const progress = new SharedArrayBuffer(4);
  const at = new Int32Array(progress);
  const worker = new Worker(join(import.meta.dirname, 'fuzzWorker.ts'), {
    workerData: progress,
    execArgv: [],
    // As in a process: a thread's own is four times as large, and a reader that calls itself runs on for longer.
    resourceLimits: { stackSizeMb: 1 },
  });

  /** @returns the number of the input that never ended, where one did not */
  async function ask(task: FuzzTask): Promise<FuzzReport | number> {
    worker.postMessage(task);
    const answered = new AbortController();
    const answer = once(worker, 'message', { signal: answered.signal }).then(([report]) => report as FuzzReport);
    answer.catch(() => undefined);
    let seen = -1;
    let since = Date.now();
    let watch: NodeJS.Timeout | undefined;
    const stuck = new Promise<number>((resolve) => {
      watch = setInterval(() => {
        const now = Atomics.load(at, 0);
        if (now !== seen) {
          seen = now;
          since = Date.now();
        } else if (Date.now() - since > STUCK_MS) resolve(now);
      }, 500);
    });
    try {
      return await Promise.race([answer, stuck]);
    } finally {
      clearInterval(watch);
      answered.abort();
    }
  }

  return { ask, end: () => worker.terminate() };
}

/** One line for each parser. */
export function toldFuzz({ parser, inputs, results, refusals, slowestMs, faults }: Fuzzed): string {
  return `S55: ${parser}: ${inputs} inputs, ${results} read, ${refusals} refused, slowest ${Math.round(slowestMs)} ms: ${faults.length} faults.`;
}
