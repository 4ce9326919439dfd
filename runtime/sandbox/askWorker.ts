import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { isErrorCode, SluiceError } from '#shared/error.ts';
import { type Json, jsonDepth } from '#shared/json.ts';
import type { ScriptRequest, ScriptResult } from '../engine/ports/sandbox.ts';
import { encodeFrame, type Frame } from './frames.ts';
import { ownFiles, WHEEL_PREFIX } from './imports.ts';
import type { ScriptHead } from './script.ts';
import { type End, hold, type Worker } from './workerProcess.ts';

/** The worker stops itself at the limits; this much later it is stopped from outside. */
const GRACE_MS = 500;
/** How often the memory of the whole worker is looked at, where the system says it. */
const MEMORY_MS = 200;
/** Deeper values would overflow those who walk them. */
const MAX_DEPTH = 200;

/** A failure that the worker reported itself: the worker is still good. */
export class ScriptError extends SluiceError {}

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
  worn: z.boolean().optional(),
});

/**
 * Has a worker run one script. The worker must be idle. Where this throws anything but a ScriptError, nobody knows what
 * the worker is doing: it has to be ended.
 *
 * @param worstBytes resident memory of the worker beyond which it is ended; looked at on Linux only
 */
export async function askWorker(
  worker: Worker,
  request: ScriptRequest,
  options: { id: number; signal: AbortSignal; worstBytes: number },
): Promise<ScriptResult> {
  const { id, signal, worstBytes } = options;
  const { limits } = request;
  hold(worker, true);
  const { promise, resolve, reject } = Promise.withResolvers<Frame<unknown>>();
  // Losers of the race below; each is heard at most once.
  promise.catch(() => {});
  worker.onFrame = resolve;
  const onAbort = () => reject(abortError(signal));
  signal.addEventListener('abort', onAbort, { once: true });
  let timer: NodeJS.Timeout | undefined;
  let watch: NodeJS.Timeout | undefined;
  worker.onEnd = (end) => reject(end.unreadable ? unreadable() : crashError(end, limits.memoryMb));
  try {
    await Promise.race([worker.ready, promise]);
    timer = setTimeout(() => reject(timeoutError(limits.wallMs)), limits.wallMs + GRACE_MS);
    watch = setInterval(() => {
      if (residentBytes(worker.child.pid) > worstBytes) reject(memoryError(limits.memoryMb));
    }, MEMORY_MS);
    worker.child.stdin.write(frameOf(headOf(request, id, worker.wheels), bodyOf(request)));
    for (const name of Object.keys(request.files ?? {})) if (name.startsWith(WHEEL_PREFIX)) worker.wheels.add(name);
    return resultOf(worker, await promise, request, id);
  } finally {
    hold(worker, false);
    clearTimeout(timer);
    clearInterval(watch);
    signal.removeEventListener('abort', onAbort);
    worker.onFrame = () => {};
    worker.onEnd = () => {};
  }
}

function headOf(
  { path, source, language, kind, limits, files, scope }: ScriptRequest,
  id: number,
  known: ReadonlySet<string>,
): ScriptHead {
  const sent = known.size === 0 ? files : without(files, known);
  return { id, path, source, language, kind, limits, files: sent, scope };
}

/** A wheel that the worker has is only named. */
function without(files: Record<string, string> | undefined, known: ReadonlySet<string>): Record<string, string> {
  return Object.fromEntries(Object.entries(files ?? {}).map(([name, text]) => [name, known.has(name) ? '' : text]));
}

/** Code that can reach a name without writing it. */
const ANY_NAME = /globalThis|\bthis\b|\beval\b|Function|constructor|\\u|\\x/;

/** What the isolate alone reads. What started the run is often as large as the items: it goes only to code that names it. */
function bodyOf({ mode, kind, items, context, limits, source, files, language }: ScriptRequest): string {
  const texts = [source, ...ownFiles(files)];
  const uses = (name: string) =>
    language !== 'python' && texts.some((text) => text.includes(name) || ANY_NAME.test(text));
  const sent = {
    ...context,
    trigger: uses('$trigger') ? context.trigger : null,
    request: uses('$request') ? context.request : null,
  };
  return JSON.stringify({
    mode,
    kind,
    items,
    context: sent,
    outputBytes: limits.outputBytes,
    logLines: limits.logLines,
  });
}

function frameOf(head: ScriptHead, body: string): Buffer {
  try {
    return encodeFrame(head, body);
  } catch (cause) {
    throw new ScriptError('step.output_too_large', 'The items are too large to be handed to the code in one go.', {
      cause,
      advice: 'Give it fewer items at a time, with a loop before it.',
    });
  }
}

function resultOf(
  worker: Worker,
  { head, body }: Frame<unknown>,
  { mode, items }: ScriptRequest,
  id: number,
): ScriptResult {
  const parsed = Reply.safeParse(head);
  if (!parsed.success || parsed.data.id !== id) throw unreadable();
  const { logs, failure, errors, worn } = parsed.data;
  if (worn) worker.worn = true;
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

/** Linux alone says it without asking another program. 0 where it is not known. */
function residentBytes(pid: number | undefined): number {
  if (process.platform !== 'linux' || pid === undefined) return 0;
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4_096;
  } catch {
    return 0;
  }
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

function memoryError(memoryMb: number): SluiceError {
  return new SluiceError(
    'code.memory_exceeded',
    `The code needed more than ${memoryMb} MB of memory and was stopped.`,
    { advice: 'Work on fewer items at a time, or keep less of them.' },
  );
}

function crashError({ code, signal }: End, memoryMb: number): SluiceError {
  // Node aborts where V8 cannot get memory; a container's limit kills.
  if (signal === 'SIGABRT' || signal === 'SIGKILL' || signal === 'SIGTRAP' || code === 134 || code === 137)
    return memoryError(memoryMb);
  return new SluiceError('code.failed', 'The process that ran the code ended unexpectedly.');
}

/** Why a call was given up. */
export function abortError(signal: AbortSignal): unknown {
  if (signal.reason instanceof SluiceError) return signal.reason;
  return new SluiceError('run.cancelled', 'The code was stopped because its run was cancelled.', {
    cause: signal.reason,
  });
}
