import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Context, Isolate, Reference } from 'isolated-vm';
import { SyntaxFailure } from './compile.ts';
import { HARNESS } from './harness.ts';
import { ownFiles } from './imports.ts';
import { createInspector, type InspectorDeps } from './inspector.ts';
import { loadProgram, type Program, placeText, programOf } from './program.ts';
import {
  type ScriptFailure,
  type ScriptHead,
  type ScriptHost,
  type ScriptLog,
  type ScriptReply,
  tooMuchMemory,
} from './script.ts';

type Thrown = { name: string; message: string; stack: string };
type Answer = {
  logs: ScriptLog[];
  errors?: { index: number; error: Thrown }[];
  failed?: Thrown;
  exceeded?: true;
};
type World = { context: Context; prepare: Reference<unknown>; run: Reference<unknown> };

/** How often the CPU time of running code is looked at. */
const WATCH_MS = 10;
/** An isolate is thrown away after so many calls, so that no code can wear it out slowly. */
const CALLS_PER_ISOLATE = 1_000;
/** What the debugger itself keeps of the code comes on top of what a script may take. */
const INSPECTED_MB = 256;

/**
 * Runs scripts in one isolate that stays warm, each call in a context of its own; another scope gets another isolate.
 * For the worker process only: code that breaks out of the isolate is then in a process that holds nothing.
 *
 * @param inspect a debugger for it: then the isolate stays as long as the process
 */
export function createIsolateHost(inspect?: InspectorDeps): ScriptHost {
  // Loaded here and not imported, so that whoever only asks for types or messages does not load native code.
  const require = createRequire(import.meta.url);
  const ivm = require('isolated-vm') as typeof import('isolated-vm');
  const luxon = readLuxon(require);
  const restingBytes = process.memoryUsage.rss();
  let warm: ReturnType<typeof open> | undefined;
  let busy = false;

  function open(memoryMb: number, scope: string | undefined) {
    const isolate: Isolate = new ivm.Isolate({ memoryLimit: memoryMb, inspector: inspect !== undefined });
    const harness = isolate.compileScriptSync(HARNESS, { filename: 'sluice:harness' });
    let dates: ReturnType<Isolate['compileScriptSync']> | undefined;
    // Where code may be paused, it must not be on the thread that lets it go on.
    const world = async (): Promise<World> => {
      const context = await isolate.createContext({ inspector: true });
      return worldIn(context, (await harness.run(context, { reference: true })) as Reference<Record<string, unknown>>);
    };
    const worldSync = (): World => {
      const context = isolate.createContextSync();
      return worldIn(context, harness.runSync(context, { reference: true }) as Reference<Record<string, unknown>>);
    };
    const worldIn = (context: Context, made: Reference<Record<string, unknown>>): World => {
      const prepare = made.getSync('prepare', { reference: true }) as Reference<unknown>;
      const run = made.getSync('run', { reference: true }) as Reference<unknown>;
      made.release();
      return { context, prepare, run };
    };
    return {
      isolate,
      memoryMb,
      scope,
      calls: 0,
      world,
      worldSync,
      /** Made while nobody waits, for the next call. */
      spare: undefined as World | undefined,
      addDates(context: Context): void {
        // A property and no `var`, so that the harness can take it away again.
        const text = `globalThis.luxon = (function () {\n${luxon}\nreturn luxon;\n})();`;
        dates ??= isolate.compileScriptSync(text, { filename: 'sluice:luxon' });
        dates.runSync(context);
      },
    };
  }

  function close(): void {
    inspector?.close();
    if (warm && !warm.isolate.isDisposed) warm.isolate.dispose();
    warm = undefined;
  }

  function makeSpare(): void {
    if (inspect || busy || !warm || warm.isolate.isDisposed || warm.spare || warm.calls >= CALLS_PER_ISOLATE) return;
    warm.spare = warm.worldSync();
  }

  /** Never throws for what the code did; `body` is the JSON text of the results, in the order of the items. */
  async function run(head: ScriptHead, input: string): Promise<{ reply: ScriptReply; body: string }> {
    const { id, limits } = head;
    const fail = (failure: ScriptFailure, logs: ScriptLog[] = []) => ({ reply: { id, logs, failure }, body: '[]' });
    let program: Program;
    try {
      program = programOf(head);
    } catch (thrown) {
      if (thrown instanceof SyntaxFailure) return fail(notCompiled(thrown));
      throw thrown;
    }
    const { isDisposed = false } = warm?.isolate ?? {};
    const fits = warm && !isDisposed && warm.memoryMb === limits.memoryMb && warm.scope === head.scope;
    const isWorn = warm && warm.calls >= CALLS_PER_ISOLATE;
    // A debugger holds on to the isolate that it saw first.
    if (inspect ? isDisposed : !fits || isWorn) close();
    warm ??= open(limits.memoryMb, head.scope);
    warm.calls += 1;
    const current = warm;
    const { isolate } = current;
    busy = true;

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

    let world: World | undefined;
    let fn: Reference<unknown> | undefined;
    try {
      world = current.spare ?? (inspect ? await current.world() : current.worldSync());
      current.spare = undefined;
      if (usesDates(head)) current.addDates(world.context);
      // Our own part is done at once; what the code itself does runs beside us, so that it can be watched.
      if (inspect) await world.prepare.apply(undefined, [input]);
      else world.prepare.applySync(undefined, [input]);
      inspector?.atFirst(head);
      fn = await loadProgram(isolate, world.context, head, program, inspect?.root);
      const text: unknown = await world.run.apply(undefined, [fn.derefInto()], {
        result: { promise: true, copy: true },
      });
      if (typeof text !== 'string')
        return fail({ code: 'code.failed', message: 'The code gave nothing that can be read.' });
      return answerOf(text, head, program);
    } catch (thrown) {
      if (stopped) return fail(stopped);
      if (thrown instanceof SyntaxFailure) return fail(notCompiled(thrown));
      const message = thrown instanceof Error ? thrown.message : String(thrown);
      if (message === 'Script execution timed out.') return fail(tooLong(`${limits.cpuMs} ms`));
      if (isolate.isDisposed) return fail(tooMuchMemory(limits.memoryMb));
      const failure = thrown as Thrown;
      if (failure.name === 'SyntaxError') return fail(syntaxError(message, failure.stack ?? '', program));
      return fail(failureOf({ name: failure.name, message, stack: failure.stack ?? '' }, program));
    } finally {
      clearInterval(watch);
      clearTimeout(wall);
      inspector?.atEnd();
      // A reference that is left to our garbage collector keeps the whole context alive until then.
      if (!isolate.isDisposed) for (const held of [fn, world?.prepare, world?.run, world?.context]) held?.release();
      busy = false;
      setImmediate(makeSpare);
    }
  }

  const inspector =
    inspect &&
    createInspector(inspect, () => {
      warm ??= open(INSPECTED_MB, undefined);
      return warm.isolate;
    });
  return inspector ? { run, close, inspect: inspector.tell } : { run, close };
}

function usesDates({ source, files }: ScriptHead): boolean {
  return [source, ...ownFiles(files)].some((text) => /\$now|\$today|DateTime|Duration|Interval/.test(text));
}

function answerOf(text: string, { id, limits }: ScriptHead, program: Program): { reply: ScriptReply; body: string } {
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
  if (failed) return { reply: { id, logs, failure: failureOf(failed, program) }, body: '[]' };
  if (!errors || errors.length === 0) return { reply: { id, logs }, body };
  const told = errors.map(({ index, error }) => {
    const { code, message, advice } = failureOf(error, program);
    return { index, code, message: advice ? `${message}. ${advice}` : message };
  });
  return { reply: { id, logs, errors: told }, body };
}

/** The message with what kind of error it is and the place in the person's own file. */
function failureOf(thrown: Thrown, program: Program): ScriptFailure {
  const { name, message, stack } = thrown;
  const what = name === '' || name === 'Error' ? message || 'The code failed' : `${name}: ${message}`;
  const failure: ScriptFailure = { code: codeOf(thrown), message: `${what}${placeText(stack, program)}` };
  const advice = adviceOn(thrown);
  if (advice) failure.advice = advice;
  return failure;
}

function notCompiled({ message, advice }: SyntaxFailure): ScriptFailure {
  return advice === undefined ? { code: 'code.syntax', message } : { code: 'code.syntax', message, advice };
}

function syntaxError(message: string, stack: string, program: Program): ScriptFailure {
  const text = message.replace(/ \[[^[\]]*\]$/, '');
  const failure: ScriptFailure = {
    code: 'code.syntax',
    message: `${text}${placeText(message, program) || placeText(stack, program)}`,
  };
  if (/does not provide an export/.test(text))
    failure.advice = /module '\.\.?\//.test(text)
      ? 'Export it there, or, where it is only a type, write `import type`.'
      : 'Where it is only a type, write `import type`. What scripts import is packed before a run here and before publishing.';
  return failure;
}

function codeOf({ name, message }: Thrown): string {
  return name === 'RangeError' && message === 'Array buffer allocation failed' ? 'code.memory_exceeded' : 'code.failed';
}

function adviceOn({ name, message }: Thrown): string | undefined {
  if (message === 'Not supported' || /^require /.test(message))
    return 'Import at the top of a script, and only other scripts of the project.';
  if (name !== 'ReferenceError') return undefined;
  if (/^(process|fetch|XMLHttpRequest|global) /.test(message)) {
    return 'Code has no network and no files. Use a step such as http.request, and pass its items on.';
  }
  if (
    /^(Buffer|URL|URLSearchParams|TextEncoder|TextDecoder|atob|btoa|crypto|document|window|structuredClone) /.test(
      message,
    )
  )
    return 'Code has the objects of JavaScript itself, and none of browsers or of Node. Look for a package that needs no more.';
  return /^set(Timeout|Interval|Immediate) /.test(message) ? 'Use a flow.wait step to wait.' : undefined;
}

function tooLong(what: string): ScriptFailure {
  return {
    code: 'code.timed_out',
    message: `The code took longer than ${what} and was stopped.`,
    advice: 'Look for a loop without an end, or give it fewer items at a time.',
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
