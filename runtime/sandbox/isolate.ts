import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Context, Isolate, Reference } from 'isolated-vm';
import type { ScriptRequest } from '../engine/ports/sandbox.ts';
import { type Compiled, compile, placeIn, type ScriptFailure, type Source, SyntaxFailure } from './compile.ts';
import { HARNESS } from './harness.ts';

/** The head of a request; its body is `{ items, context, … }` as one JSON text, which only the isolate reads. */
export type ScriptHead = Source & { id: number; limits: ScriptRequest['limits'] };
export type ScriptLog = { level: 'debug' | 'info' | 'warn' | 'error'; message: string };
/** The head of an answer; its body is the list of results as JSON text. */
export type ScriptReply = {
  id: number;
  logs: ScriptLog[];
  failure?: ScriptFailure;
  errors?: { index: number; code: string; message: string }[];
};

type Thrown = { name: string; message: string; stack: string };
type Answer = {
  logs: ScriptLog[];
  errors?: { index: number; error: Thrown }[];
  failed?: Thrown;
  exceeded?: true;
};

/** How often the CPU time of running code is looked at. */
const WATCH_MS = 10;
/** An isolate is thrown away after so many calls, so that no code can wear it out slowly. */
const CALLS_PER_ISOLATE = 1_000;

/**
 * Runs scripts in one isolate that stays warm, each call in a context of its own. For the worker process only: code
 * that breaks out of the isolate is then in a process that holds nothing.
 */
export function createIsolateHost() {
  // Loaded here and not imported, so that whoever only asks for types or messages does not load native code.
  const require = createRequire(import.meta.url);
  const ivm = require('isolated-vm') as typeof import('isolated-vm');
  const restingBytes = process.memoryUsage.rss();
  let warm: ReturnType<typeof open> | undefined;

  function open(memoryMb: number) {
    const isolate: Isolate = new ivm.Isolate({ memoryLimit: memoryMb });
    const harness = isolate.compileScriptSync(HARNESS, { filename: 'sluice:harness' });
    let dates: ReturnType<Isolate['compileScriptSync']> | undefined;
    return {
      isolate,
      memoryMb,
      calls: 0,
      context(withDates: boolean): Context {
        const context = isolate.createContextSync();
        if (withDates) {
          // A property and no `var`, so that the harness can take it away again.
          const text = `globalThis.luxon = (function () {\n${readLuxon(require)}\nreturn luxon;\n})();`;
          dates ??= isolate.compileScriptSync(text, { filename: 'sluice:luxon' });
          dates.runSync(context);
        }
        return context;
      },
      harness,
    };
  }

  function close(): void {
    if (warm && !warm.isolate.isDisposed) warm.isolate.dispose();
    warm = undefined;
  }

  /** Never throws for what the code did; `body` is the JSON text of the results, in the order of the items. */
  async function run(head: ScriptHead, input: string): Promise<{ reply: ScriptReply; body: string }> {
    const { id, limits, path } = head;
    const fail = (failure: ScriptFailure, logs: ScriptLog[] = []) => ({ reply: { id, logs, failure }, body: '[]' });
    let compiled: Compiled;
    try {
      compiled = compile(head);
    } catch (thrown) {
      if (thrown instanceof SyntaxFailure) return fail({ code: 'code.syntax', message: thrown.message });
      throw thrown;
    }
    if (warm && (warm.isolate.isDisposed || warm.memoryMb !== limits.memoryMb || warm.calls >= CALLS_PER_ISOLATE))
      close();
    warm ??= open(limits.memoryMb);
    warm.calls += 1;
    const { isolate } = warm;

    let stopped: ScriptFailure | undefined;
    const stop = (failure: ScriptFailure) => {
      stopped ??= failure;
      if (!isolate.isDisposed) isolate.dispose();
    };
    const before = isolate.cpuTime;
    const watch = setInterval(() => {
      if (isolate.isDisposed) return;
      if (Number(isolate.cpuTime - before) / 1e6 > limits.cpuMs) stop(tooLong(`${limits.cpuMs} ms of CPU time`));
      // The isolate's own limit can be passed two or three times over before it notices.
      if (process.memoryUsage.rss() - restingBytes > limits.memoryMb * 3 * 1024 * 1024)
        stop(tooMuchMemory(limits.memoryMb));
    }, WATCH_MS);
    const wall = setTimeout(() => stop(tooLong(`${limits.wallMs} ms`)), limits.wallMs);

    let context: Context | undefined;
    try {
      context = warm.context(/\$now|\$today|DateTime|Duration|Interval/.test(head.source));
      // Our own part is done at once; what the code itself does runs beside us, so that it can be watched.
      const harness = warm.harness.runSync(context, { reference: true }) as Reference<Record<string, unknown>>;
      harness.getSync('prepare', { reference: true }).applySync(undefined, [input]);
      const fn = await load(isolate, context, head, compiled.code);
      if ('failure' in fn) return fail(fn.failure);
      const runAll = harness.getSync('run', { reference: true });
      const text: unknown = await runAll.apply(undefined, [fn.reference.derefInto()], {
        result: { promise: true, copy: true },
      });
      if (typeof text !== 'string')
        return fail({ code: 'code.failed', message: 'The code gave nothing that can be read.' });
      return answerOf(text, head, compiled);
    } catch (thrown) {
      if (stopped) return fail(stopped);
      const message = thrown instanceof Error ? thrown.message : String(thrown);
      if (isolate.isDisposed) return fail(tooMuchMemory(limits.memoryMb));
      const failure = thrown as Thrown;
      if (failure.name === 'SyntaxError') return fail(syntaxError(message, path, compiled));
      return fail({
        code: codeOf(failure),
        message: explain({ name: failure.name, message, stack: failure.stack ?? '' }, path, compiled),
      });
    } finally {
      clearInterval(watch);
      clearTimeout(wall);
      if (!isolate.isDisposed) context?.release();
    }
  }

  return { run, close };
}

async function load(
  isolate: Isolate,
  context: Context,
  { kind, path }: ScriptHead,
  code: string,
): Promise<{ reference: Reference<unknown> } | { failure: ScriptFailure }> {
  if (kind === 'body') {
    const script = isolate.compileScriptSync(code, { filename: path });
    const reference = (await script.run(context, { reference: true })) as Reference<unknown>;
    script.release();
    return { reference };
  }
  const module = isolate.compileModuleSync(code, { filename: path });
  const wanted = module.dependencySpecifiers[0];
  if (wanted !== undefined) {
    return {
      failure: {
        code: 'code.syntax',
        message: `${path} imports '${wanted}', and scripts cannot import.`,
        advice: 'Put what the script needs into the same file. `import type` is fine.',
      },
    };
  }
  module.instantiateSync(context, () => {
    throw new Error('Scripts cannot import.');
  });
  await module.evaluate();
  const reference = module.namespace.getSync('default', { reference: true }) as Reference<unknown>;
  if (reference.typeof === 'function') return { reference };
  return {
    failure: {
      code: 'code.syntax',
      message: `${path} has no default export that is a function.`,
      advice: 'Write `export default (item, ctx) => ({ … })`.',
    },
  };
}

function answerOf(
  text: string,
  { id, limits, path }: ScriptHead,
  compiled: Compiled,
): { reply: ScriptReply; body: string } {
  const tooLarge = {
    code: 'code.output_exceeded',
    message: `The code gave more than ${limits.outputBytes} bytes.`,
    advice: 'Return less, or fewer items at a time.',
  };
  const end = text.indexOf('\n');
  const { logs, exceeded, failed, errors } = JSON.parse(text.slice(0, end)) as Answer;
  const body = text.slice(end + 1);
  if (exceeded || Buffer.byteLength(body) > limits.outputBytes)
    return { reply: { id, logs, failure: tooLarge }, body: '[]' };
  if (failed) {
    const failure: ScriptFailure = { code: codeOf(failed), message: explain(failed, path, compiled) };
    const advice = adviceOn(failed);
    if (advice) failure.advice = advice;
    return { reply: { id, logs, failure }, body: '[]' };
  }
  if (!errors || errors.length === 0) return { reply: { id, logs }, body };
  const told = errors.map(({ index, error }) => {
    const advice = adviceOn(error);
    const message = explain(error, path, compiled);
    return { index, code: codeOf(error), message: advice ? `${message}. ${advice}` : message };
  });
  return { reply: { id, logs, errors: told }, body };
}

/** The message with what kind of error it is and the place in the person's own file. */
function explain({ name, message, stack }: Thrown, path: string, { toOriginal }: Compiled): string {
  const place = placeIn(stack, path);
  const what = name === '' || name === 'Error' ? message || 'The code failed' : `${name}: ${message}`;
  if (!place) return what;
  const { line, column } = toOriginal(place);
  return line < 1 ? what : `${what} (${path}:${line}:${column})`;
}

function syntaxError(message: string, path: string, { toOriginal }: Compiled): ScriptFailure {
  const place = placeIn(message, path);
  const text = message.replace(/ \[[^[\]]*\]$/, '');
  if (!place) return { code: 'code.syntax', message: text };
  const { line, column } = toOriginal(place);
  return { code: 'code.syntax', message: `${text} (${path}:${line}:${column})` };
}

function codeOf({ name, message }: Thrown): string {
  return name === 'RangeError' && message === 'Array buffer allocation failed' ? 'code.memory_exceeded' : 'code.failed';
}

function adviceOn({ name, message }: Thrown): string | undefined {
  if (message === 'Not supported' || /^require /.test(message))
    return 'Scripts cannot import: put what the code needs into it.';
  if (name !== 'ReferenceError') return undefined;
  if (/^(process|fetch|XMLHttpRequest|global|Buffer) /.test(message)) {
    return 'Code has no network and no files. Use a step such as http.request, and pass its items on.';
  }
  return /^set(Timeout|Interval|Immediate) /.test(message) ? 'Use a flow.wait step to wait.' : undefined;
}

function tooLong(what: string): ScriptFailure {
  return {
    code: 'code.timed_out',
    message: `The code took longer than ${what} and was stopped.`,
    advice: 'Look for a loop without an end, or give it fewer items at a time.',
  };
}

function tooMuchMemory(memoryMb: number): ScriptFailure {
  return {
    code: 'code.memory_exceeded',
    message: `The code needed more than ${memoryMb} MB of memory and was stopped.`,
    advice: 'Work on fewer items at a time, or keep less of them.',
  };
}

/** Luxon as one script: beside the bundle where it is bundled, else in its package. */
function readLuxon(require: NodeJS.Require): string {
  try {
    return readFileSync(new URL('./luxon.min.js', import.meta.url), 'utf8');
  } catch {
    return readFileSync(
      require.resolve('luxon/package.json').replace(/package\.json$/, 'build/global/luxon.min.js'),
      'utf8',
    );
  }
}
