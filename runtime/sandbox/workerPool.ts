import { SluiceError } from '#shared/error.ts';
import type { Sandbox, ScriptRequest, ScriptResult } from '../engine/ports/sandbox.ts';
import { abortError, askWorker, ScriptError } from './askWorker.ts';
import { hold, type Worker } from './workerProcess.ts';

export type PoolOptions = {
  /** How many processes at most; each is started when it is needed first. */
  size: number;
  start(): Worker;
  /** Whether a process belongs to one scope for as long as it lives. */
  ofOneScope: boolean;
  /** Resident memory of a process beyond what a script may take. */
  ownBytes: number;
  /** Resident memory of a process that is too much, whatever the script may take. */
  mostBytes: number;
  /** An idle process ends after this; absent: never. */
  idleMs?: number;
};

type Job = { request: ScriptRequest; signal: AbortSignal; settle(result: Promise<ScriptResult>): void };
type Slot = { worker?: Worker; scope?: string; busy: boolean; idle?: NodeJS.Timeout };

/**
 * A few warm workers, one script each at a time. Runs take turns: a run with a thousand calls delays another's next call
 * by one. A worker that cannot be trusted any more is ended, and the next call starts another.
 */
export function createPool({ size, start, ofOneScope, ownBytes, mostBytes, idleMs }: PoolOptions): Sandbox {
  const slots: Slot[] = Array.from({ length: size }, () => ({ busy: false }));
  // By run, in the order of their turns: who has just had one goes to the end.
  const waiting = new Map<string, Job[]>();
  let calls = 0;
  let closed = false;

  function pump(): void {
    for (;;) {
      const next = waiting.entries().next();
      if (next.done) return;
      const [run, jobs] = next.value;
      const job = jobs[0] as Job;
      const slot = slotFor(job.request.scope);
      if (!slot) return;
      jobs.shift();
      waiting.delete(run);
      if (jobs.length > 0) waiting.set(run, jobs);
      job.settle(work(slot, job));
    }
  }

  /** The warmest idle place: of the same scope, then (where processes are shared) any warm one, then a cold one. */
  function slotFor(scope: string | undefined): Slot | undefined {
    const idle = slots.filter((slot) => !slot.busy);
    return (
      idle.find((slot) => slot.worker && slot.scope === scope) ??
      (ofOneScope ? undefined : idle.find((slot) => slot.worker)) ??
      idle.find((slot) => !slot.worker) ??
      idle[0]
    );
  }

  async function work(slot: Slot, { request, signal }: Job): Promise<ScriptResult> {
    if (signal.aborted) throw abortError(signal);
    slot.busy = true;
    clearTimeout(slot.idle);
    try {
      if (ofOneScope && slot.worker && slot.scope !== request.scope) end(slot);
      slot.worker ??= begin(slot);
      slot.scope = request.scope;
      const worstBytes = Math.min(mostBytes, ownBytes + request.limits.memoryMb * 3 * 1024 * 1024);
      return await askWorker(slot.worker, request, { id: ++calls, signal, worstBytes });
    } catch (thrown) {
      if (!(thrown instanceof ScriptError)) end(slot);
      throw thrown;
    } finally {
      slot.busy = false;
      if (slot.worker?.worn) end(slot);
      if (idleMs !== undefined && slot.worker) slot.idle = setTimeout(() => end(slot), idleMs).unref();
      pump();
    }
  }

  function begin(slot: Slot): Worker {
    const worker = start();
    void worker.ended.then(() => {
      if (slot.worker === worker) slot.worker = undefined;
    });
    return worker;
  }

  function end(slot: Slot): void {
    slot.worker?.child.kill('SIGKILL');
    slot.worker = undefined;
  }

  return {
    run(request, signal) {
      const { promise, resolve, reject } = Promise.withResolvers<ScriptResult>();
      if (closed) reject(new SluiceError('service.draining', 'The script worker is closed.'));
      else if (signal.aborted) reject(abortError(signal));
      else {
        // Who is cancelled while others are at work need not wait for them.
        const onAbort = () => reject(abortError(signal));
        signal.addEventListener('abort', onAbort, { once: true });
        const settle = (result: Promise<ScriptResult>) =>
          void result.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
        const run = String(request.context.run.id ?? '');
        const jobs = waiting.get(run) ?? [];
        jobs.push({ request, signal, settle });
        waiting.set(run, jobs);
        pump();
      }
      return promise;
    },

    async close() {
      closed = true;
      for (const jobs of waiting.values())
        for (const { settle } of jobs)
          settle(Promise.reject(new SluiceError('service.draining', 'The script worker is closed.')));
      waiting.clear();
      const workers = slots.flatMap(({ worker }) => (worker ? [worker] : []));
      for (const slot of slots) {
        clearTimeout(slot.idle);
        end(slot);
      }
      for (const worker of workers) hold(worker, true);
      await Promise.all(workers.map(({ ended }) => ended));
    },
  };
}
