import type { Readable, Writable } from 'node:stream';
import type { Sandbox, ScriptRequest, ScriptResult } from '../engine/ports/sandbox.ts';
import { abortError, askWorker, ScriptError } from './askWorker.ts';
import { encodeFrame, frameReader } from './frames.ts';
import type { Worker } from './workerProcess.ts';

/** The way between a debugger and the code that it looks at: messages of the inspector protocol, as JSON texts. */
export type InspectChannel = {
  send(message: string): void;
  /** What comes from the debugger; undefined: it has gone. */
  onMessage(listener: (message: string | undefined) => void): void;
};

/** While somebody looks, nothing is late. Memory and output keep their limits. */
const PATIENCE_MS = 86_400_000;

/**
 * Runs scripts one after the other in one worker that a debugger is attached to: time does not count while somebody
 * looks.
 *
 * @param start starts a worker with the argument `inspect`
 */
export function createInspected(deps: {
  start(): Worker;
  channel: InspectChannel;
  ownBytes: number;
}): Pick<Sandbox, 'run' | 'close'> {
  const { start, channel, ownBytes } = deps;
  let worker: Worker | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let calls = 0;

  function begin(): Worker {
    const started = start();
    started.onInspect = channel.send;
    void started.ended.then(() => {
      if (worker === started) worker = undefined;
    });
    return started;
  }

  channel.onMessage((message) => {
    if (message === undefined && !worker) return;
    worker ??= begin();
    worker.child.stdin.write(encodeFrame({ inspect: message === undefined ? 'gone' : 'message' }, message));
  });

  async function work(request: ScriptRequest, signal: AbortSignal): Promise<ScriptResult> {
    if (signal.aborted) throw abortError(signal);
    worker ??= begin();
    const limits = { ...request.limits, wallMs: PATIENCE_MS, cpuMs: PATIENCE_MS };
    const worstBytes = ownBytes + limits.memoryMb * 3 * 1024 * 1024;
    try {
      return await askWorker(worker, { ...request, limits }, { id: ++calls, signal, worstBytes });
    } catch (thrown) {
      if (!(thrown instanceof ScriptError)) {
        worker?.child.kill('SIGKILL');
        worker = undefined;
      }
      throw thrown;
    }
  }

  return {
    run(request, signal) {
      const result = last.then(() => work(request, signal));
      last = result.catch(() => undefined);
      return result;
    },
    async close() {
      const closing = worker;
      closing?.child.kill('SIGKILL');
      await closing?.ended;
    },
  };
}

/** The channel over two streams, such as a pipe to whoever started us and talks with the debugger. */
export function channelOver(input: Readable, output: Writable): InspectChannel {
  const listeners: ((message: string | undefined) => void)[] = [];
  const read = frameReader(({ head, body }) => {
    const gone = (head as { gone?: boolean }).gone === true;
    for (const listener of listeners) listener(gone ? undefined : body);
  });
  input.on('data', (bytes: Buffer) => {
    try {
      read(bytes);
    } catch {
      // Whoever writes anything else there is not the other end of this.
      input.destroy();
    }
  });
  // The other end may close first.
  input.on('error', () => {});
  output.on('error', () => {});
  return {
    send: (message) => void output.write(encodeFrame({}, message)),
    onMessage: (listener) => void listeners.push(listener),
  };
}

/** What the other end of `channelOver` writes. */
export function encodeInspect(message: string | undefined): Buffer {
  return message === undefined ? encodeFrame({ gone: true }) : encodeFrame({}, message);
}
