import { constants as fsConstants, readFileSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { WHEEL_PREFIX } from '../imports.ts';
import { type ScriptFailure, type ScriptHead, type ScriptHost, type ScriptLog, tooMuchMemory } from '../script.ts';
import { pyodideFolder } from './pyodideFolder.ts';
import { PYTHON_HARNESS } from './pythonHarness.ts';

type Pyodide = typeof import('pyodide');
type Answer = {
  logs: ScriptLog[];
  failure?: ScriptFailure;
  errors?: { index: number; code: string; message: string }[];
};

/** WebAssembly's, as far as we use it: its types come with those of browsers. */
type Memory = { buffer: ArrayBuffer; grow(pages: number): number };

/** How often the time of running code is looked at. */
const WATCH_MS = 10;
const PAGE_BYTES = 65_536;
const SIGINT = 2;

/**
 * Starts Python in this process: for the worker process only. Pyodide is no boundary. Its memory can grow as far as a
 * call's limit says, its clock is the run's own, and code that takes too long is interrupted where it is; what does not
 * listen is ended from outside.
 */
export async function createPythonHost(): Promise<ScriptHost> {
  const folder = pyodideFolder(process.argv[1] ?? '');
  // Pyodide asks Node's old door for numbers that are public elsewhere; under the permission model it is shut.
  Object.assign(process, { binding: () => ({ fs: fsConstants, os: osConstants }) });
  const memory = limitMemory();
  const { loadPyodide }: Pyodide = await import(pathToFileURL(join(folder, 'pyodide.mjs')).href);
  const lock = JSON.parse(readFileSync(join(folder, 'pyodide-lock.json'), 'utf8'));
  const python = await loadPyodide({
    indexURL: `${folder}/`,
    // Nothing can be installed: the list of what there is, is empty.
    lockFileContents: { ...lock, packages: {} },
    // What `import js` would show.
    jsglobals: Object.create(null),
    // The order of a set's texts is the same everywhere.
    env: { HOME: '/home/pyodide', TZ: 'UTC', PYTHONHASHSEED: '0' },
    stdout: () => {},
    stderr: () => {},
  });
  const space = python.toPy({});
  python.runPython(PYTHON_HARNESS, { globals: space });
  const call: unknown = space.get('sluice_run');
  if (typeof call !== 'function') throw new Error('Python did not start.');
  const realNow = Date.now;
  const watch = interruptOf();
  python.setInterruptBuffer(watch.buffer as unknown as Uint8Array);
  python.unregisterJsModule('js');
  python.unregisterJsModule('pyodide_js');
  const seal: unknown = space.get('sluice_seal');
  if (typeof seal === 'function') seal();

  const wheels = keepWheels((path, bytes) => {
    python.FS.mkdirTree(path.slice(0, path.lastIndexOf('/')));
    python.FS.writeFile(path, bytes);
  });

  return {
    async run(given: ScriptHead, body: string) {
      const head = { ...given, ...wheels.put(given.files ?? {}) };
      const { id, limits } = head;
      const { now } = (JSON.parse(body) as { context: { now: number } }).context;
      const fail = (failure: ScriptFailure) => ({ reply: { id, logs: [], failure, worn: true }, body: '[]' });
      memory.allow(limits.memoryMb);
      watch.begin(limits);
      // Every clock of Python but the monotonic one reads this.
      Date.now = () => now;
      let text: unknown;
      try {
        text = call(JSON.stringify(head), body);
      } catch (thrown) {
        // Python itself broke: no room on its stack, or in its memory.
        const message = String(thrown);
        if (/Maximum call stack|stack overflow/i.test(message))
          return fail({
            code: 'code.failed',
            message: 'The code called itself too deeply, or gave a value that is nested too deeply.',
          });
        if (/memory|allocation/i.test(message) || memory.refused()) return fail(tooMuchMemory(limits.memoryMb));
        if (watch.rang()) return fail(tooLong(limits));
        return fail({ code: 'code.failed', message: 'Python broke while it ran the code.' });
      } finally {
        watch.end();
        Date.now = realNow;
      }
      if (typeof text !== 'string')
        return fail({ code: 'code.failed', message: 'The code gave nothing that can be read.' });
      const end = text.indexOf('\n');
      const { logs, failure, errors } = JSON.parse(text.slice(0, end)) as Answer;
      // Memory that was taken once is not given back: who took much is replaced.
      const worn = memory.refused() || memory.grown() > limits.memoryMb / 2;
      const clear = failure?.code === 'code.timed_out' ? tooLong(limits, failure.message) : failure;
      if (clear) return { reply: { id, logs, failure: clear, worn }, body: '[]' };
      return { reply: errors ? { id, logs, errors, worn } : { id, logs, worn }, body: text.slice(end + 1) };
    },
    close() {},
  };
}

/** The wheels of a project, which come once and are put where Python finds them before each call that wants them. */
function keepWheels(write: (path: string, bytes: Uint8Array) => void) {
  const kept = new Map<string, Uint8Array>();
  return {
    /** The files without the wheels among them, and the wheels' places. */
    put(given: Record<string, string>): { files: Record<string, string>; wheels: string[] } {
      const files: Record<string, string> = {};
      const wheels: string[] = [];
      for (const [name, text] of Object.entries(given)) {
        if (!name.startsWith(WHEEL_PREFIX)) {
          files[name] = text;
          continue;
        }
        const bytes = text === '' ? kept.get(name) : new Uint8Array(Buffer.from(text, 'base64'));
        if (!bytes) throw new Error('A wheel was named and never sent.');
        kept.set(name, bytes);
        const path = `/wheels/${name.slice(WHEEL_PREFIX.length)}`;
        // Anew each time: the last call may have written there.
        write(path, bytes);
        wheels.push(path);
      }
      return { files, wheels };
    },
  };
}

/** WebAssembly memory that grows no further than allowed: what asks for more is told that there is none. */
function limitMemory() {
  const { prototype } = (globalThis as unknown as { WebAssembly: { Memory: { prototype: Memory } } }).WebAssembly
    .Memory;
  const grow = prototype.grow;
  let most = Number.POSITIVE_INFINITY;
  let base = 0;
  let size = 0;
  let was = false;
  prototype.grow = function (this: Memory, pages: number): number {
    const wanted = this.buffer.byteLength + pages * PAGE_BYTES;
    if (wanted > most) {
      was = true;
      throw new RangeError('There is no more memory.');
    }
    size = wanted;
    return grow.call(this, pages);
  };
  return {
    /** From here on, so many MB more than there are at rest. */
    allow(megabytes: number): void {
      if (base === 0) base = size;
      most = base + megabytes * 1024 * 1024;
      was = false;
    },
    refused: () => was,
    /** MB since the first call. */
    grown: () => (size - base) / 1024 / 1024,
  };
}

/** What Pyodide takes for a buffer that another thread may write a signal into: it asks us, now and then, as it runs. */
function interruptOf() {
  let limits: { wallMs: number; cpuMs: number } | undefined;
  let start = 0;
  let cpu = process.cpuUsage();
  let next = 0;
  let rung = false;
  const look = (): number => {
    const at = performance.now();
    if (!limits || at < next) return 0;
    next = at + WATCH_MS;
    const { user, system } = process.cpuUsage(cpu);
    if (at - start <= limits.wallMs && (user + system) / 1_000 <= limits.cpuMs) return 0;
    rung = true;
    return SIGINT;
  };
  const buffer = {};
  Object.defineProperty(buffer, 0, { get: look, set() {} });
  return {
    buffer,
    begin(given: { wallMs: number; cpuMs: number }): void {
      limits = given;
      start = performance.now();
      cpu = process.cpuUsage();
      next = 0;
      rung = false;
    },
    end(): void {
      limits = undefined;
    },
    rang: () => rung,
  };
}

function tooLong({ wallMs, cpuMs }: ScriptHead['limits'], message?: string): ScriptFailure {
  const place = /\([^()]*\)\.$/.exec(message ?? '')?.[0].slice(0, -1);
  return {
    code: 'code.timed_out',
    message: `The code took longer than ${wallMs} ms, or ${cpuMs} ms of CPU time, and was stopped${place ? ` ${place}` : ''}.`,
    advice: 'Look for a loop without an end, or give it fewer items at a time.',
  };
}
