import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { isErrorCode, SluiceError } from '#shared/error.ts';
import { type Json, jsonDepth } from '#shared/json.ts';
import type { Sandbox, ScriptRequest, ScriptResult } from '../engine/ports/sandbox.ts';
import { encodeFrame, type Frame, frameReader } from './frames.ts';
import type { ScriptHead } from './isolate.ts';

/** The program that runs scripts. By default this folder's `main.ts`; bundled, `main.js` with `args: ['sandbox']`. */
export type SandboxDeps = {
  /** Node 24. Default: the one that runs us. */
  node?: string;
  entry?: string;
  args?: string[];
  /** What the worker may read; it may read nothing else. Default: its entry's folder and its packages. */
  readable?: string[];
  /** A line for the log where a worker ended that should not have. */
  onCrash?: (message: string) => void;
};

type End = { code: number | null; signal: NodeJS.Signals | null; unreadable?: boolean };
type Worker = {
  child: ChildProcessByStdio<Writable, Readable, Readable>;
  ready: Promise<void>;
  /** Resolves with how it ended. */
  ended: Promise<End>;
  /** What the call at hand is told. Set anew by each call: a promise kept as long as the worker would remember them all. */
  onFrame: (frame: Frame<unknown>) => void;
  onEnd: (end: End) => void;
};

/** The worker stops itself at the limits; this much later it is stopped from outside. */
const GRACE_MS = 500;
const START_MS = 15_000;
/** Deeper values would overflow those who walk them. */
const MAX_DEPTH = 200;

// The worker is not believed: whoever breaks out of the isolate writes these messages.
const Reply = z.object({
  id: z.int(),
  logs: z
    .array(z.object({ level: z.enum(['debug', 'info', 'warn', 'error']), message: z.string().max(20_000) }))
    .max(10_001),
  failure: z
    .object({ code: z.string(), message: z.string().max(20_000), advice: z.string().max(1_000).optional() })
    .optional(),
  errors: z.array(z.object({ index: z.int().min(0), code: z.string(), message: z.string().max(20_000) })).optional(),
});

/**
 * People's code in a process of its own: without environment, files, network of ours or secrets, kept warm between
 * calls, one call at a time. A call that passes its limits ends the worker if need be; the next call starts another.
 */
export function createSandbox(deps: SandboxDeps = {}): Sandbox {
  let worker: Worker | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let calls = 0;
  let closed = false;

  async function call(request: ScriptRequest, signal: AbortSignal): Promise<ScriptResult> {
    throwIfAborted(signal);
    if (closed) throw new SluiceError('service.draining', 'The script worker is closed.');
    worker ??= start(deps);
    const current = worker;
    hold(current, true);
    const drop = () => {
      if (worker === current) worker = undefined;
      current.child.kill('SIGKILL');
    };
    const id = ++calls;
    const { path, source, language, kind, mode, items, limits, context } = request;
    const head: ScriptHead = { id, path, source, language, kind, limits };
    const body = JSON.stringify({
      mode,
      kind,
      items,
      context,
      outputBytes: limits.outputBytes,
      logLines: limits.logLines,
    });

    const { promise, resolve, reject } = Promise.withResolvers<Frame<unknown>>();
    // Losers of the race below; each is heard at most once.
    promise.catch(() => {});
    current.onFrame = resolve;
    const onAbort = () => reject(abortError(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    let timer: NodeJS.Timeout | undefined;
    current.onEnd = (end) => reject(end.unreadable ? unreadable() : crashError(end, limits.memoryMb));
    try {
      await Promise.race([current.ready, promise]);
      timer = setTimeout(() => reject(timeoutError(limits.wallMs)), limits.wallMs + GRACE_MS);
      current.child.stdin.write(frameOf(head, body));
      return resultOf(await promise, request, id);
    } catch (thrown) {
      // Where the worker explained itself it is still good; otherwise nobody knows what it is doing.
      if (!(thrown instanceof ScriptError)) drop();
      throw thrown;
    } finally {
      hold(current, false);
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
  }

  return {
    run(request, signal) {
      const mine = last.then(() => call(request, signal));
      last = mine.catch(() => {});
      // Who is cancelled while others are at work need not wait for them.
      const { promise, resolve, reject } = Promise.withResolvers<ScriptResult>();
      const onAbort = () => reject(abortError(signal));
      signal.addEventListener('abort', onAbort, { once: true });
      mine.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
      return promise;
    },

    async close() {
      closed = true;
      const current = worker;
      worker = undefined;
      if (!current) return;
      hold(current, true);
      current.child.kill('SIGKILL');
      await current.ended;
    },
  };
}

/** A failure that the worker reported itself. */
class ScriptError extends SluiceError {}

function start({ node = process.execPath, entry, args = [], readable, onCrash }: SandboxDeps): Worker {
  const program = realpathSync(entry ?? fileURLToPath(new URL('./main.ts', import.meta.url)));
  const child = spawn(
    node,
    [
      '--no-node-snapshot',
      '--permission',
      '--allow-addons',
      ...(readable ?? readableFor(program)).map((path) => `--allow-fs-read=${path}`),
      '--disallow-code-generation-from-strings',
      '--disable-proto=delete',
      '--max-old-space-size=256',
      '--disable-warning=SecurityWarning',
      program,
      ...args,
    ],
    // The zone of `Date` is the same wherever it runs; nothing else is inherited.
    { env: { TZ: 'UTC' }, stdio: ['pipe', 'pipe', 'pipe'], windowsHide: true },
  );
  const { promise: ready, resolve: isReady, reject: isNotReady } = Promise.withResolvers<void>();
  const { promise: ended, resolve: hasEnded } = Promise.withResolvers<End>();
  const self: Worker = { child, ready, ended, onFrame: () => {}, onEnd: () => {} };
  ready.catch(() => {});
  let words = '';
  let started = false;
  let lost = false;
  const timer = setTimeout(() => {
    isNotReady(new SluiceError('service.unavailable', `The script worker did not start within ${START_MS} ms.`));
    child.kill('SIGKILL');
  }, START_MS);
  const read = frameReader((frame) => {
    if (started) return self.onFrame(frame);
    started = true;
    clearTimeout(timer);
    isReady();
  });
  child.stdout.on('data', (bytes: Buffer) => {
    try {
      read(bytes);
    } catch {
      lost = true;
      child.kill('SIGKILL');
    }
  });
  child.stderr.on('data', (bytes: Buffer) => {
    words = (words + bytes.toString('utf8')).slice(-4_000);
  });
  // A worker that died while we write to it is told by its end.
  child.stdin.on('error', () => {});
  child.once('error', (cause) => {
    clearTimeout(timer);
    isNotReady(new SluiceError('service.unavailable', 'The script worker cannot be started.', { cause }));
    hasEnded({ code: null, signal: null });
  });
  child.once('exit', (code, signal) => {
    clearTimeout(timer);
    if (!started)
      isNotReady(
        new SluiceError(
          'service.unavailable',
          `The script worker did not start: ${words.trim().slice(0, 1_000) || `exit ${code ?? signal}`}`,
        ),
      );
    if (signal !== 'SIGKILL') onCrash?.(`The script worker ended with ${code ?? signal}. ${words.trim()}`);
    self.onEnd({ code, signal, unreadable: lost });
    hasEnded({ code, signal });
  });
  hold(self, false);
  return self;
}

/** An idle worker does not keep its starter alive; one at work does. */
function hold({ child }: Worker, busy: boolean): void {
  for (const handle of [child, child.stdin, child.stdout, child.stderr] as { ref?(): void; unref?(): void }[]) {
    if (busy) handle.ref?.();
    else handle.unref?.();
  }
}

/** The worker's own files and its packages, each found as Node finds it: in the nearest `node_modules`. */
function readableFor(program: string): string[] {
  const places = createRequire(program).resolve.paths('isolated-vm') ?? [];
  const found = ['isolated-vm', 'node-gyp-build', 'amaro', 'luxon'].flatMap((name) => {
    const folder = places.map((place) => join(place, name)).find((path) => existsSync(path));
    return folder ? [realpathSync(folder)] : [];
  });
  // isolated-vm's loader looks at the last one to tell one C library from the other.
  return [dirname(program), ...found, '/etc/alpine-release'];
}

function frameOf(head: ScriptHead, body: string): Buffer {
  try {
    return encodeFrame(head, body);
  } catch (cause) {
    throw new SluiceError('step.output_too_large', 'The items are too large to be handed to the code in one go.', {
      cause,
      advice: 'Give it fewer items at a time, with a loop before it.',
    });
  }
}

function resultOf({ head, body }: Frame<unknown>, { mode, items }: ScriptRequest, id: number): ScriptResult {
  const parsed = Reply.safeParse(head);
  if (!parsed.success || parsed.data.id !== id) throw unreadable();
  const { logs, failure, errors } = parsed.data;
  if (failure) {
    const code = isErrorCode(failure.code) ? failure.code : 'code.failed';
    throw new ScriptError(code, failure.message, {
      advice: failure.advice,
      details: logs.length > 0 ? { logs: logs.slice(-20) } : undefined,
    });
  }
  if (jsonDepth(body, MAX_DEPTH) > MAX_DEPTH) {
    throw new ScriptError('code.output_exceeded', `The code gave a value that is nested more than ${MAX_DEPTH} deep.`);
  }
  let results: Json;
  try {
    results = JSON.parse(body) as Json;
  } catch {
    throw unreadable();
  }
  if (!Array.isArray(results) || results.length !== (mode === 'once' ? 1 : items.length)) throw unreadable();
  return errors && errors.length > 0 ? { results, logs, errors } : { results, logs };
}

function unreadable(): SluiceError {
  return new SluiceError('code.failed', 'The code answered with something that cannot be read.', {
    advice: 'Code must not replace built-in functions such as JSON.stringify or Array.prototype.join.',
  });
}

function timeoutError(wallMs: number): SluiceError {
  return new SluiceError('code.timed_out', `The code took longer than ${wallMs} ms and was stopped.`, {
    advice: 'Look for a loop without an end, or give it fewer items at a time.',
  });
}

function crashError({ code, signal }: End, memoryMb: number): SluiceError {
  // Node aborts where V8 cannot get memory; a container's limit kills.
  if (signal === 'SIGABRT' || signal === 'SIGKILL' || code === 134 || code === 137) {
    return new SluiceError(
      'code.memory_exceeded',
      `The code needed more than ${memoryMb} MB of memory and was stopped.`,
      {
        advice: 'Work on fewer items at a time, or keep less of them.',
      },
    );
  }
  return new SluiceError('code.failed', 'The process that ran the code ended unexpectedly.');
}

function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortError(signal);
}

function abortError(signal: AbortSignal): unknown {
  if (signal.reason instanceof SluiceError) return signal.reason;
  return new SluiceError('run.cancelled', 'The code was stopped because its run was cancelled.', {
    cause: signal.reason,
  });
}
