import { existsSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Sandbox } from '../engine/ports/sandbox.ts';
import { createInspected, type InspectChannel } from './inspect.ts';
import { pyodideFolder } from './python/pyodideFolder.ts';
import { createPool } from './workerPool.ts';
import { startWorker } from './workerProcess.ts';

/** The program that runs scripts. By default this folder's `main.ts`; bundled, `main.js` with `args: ['sandbox']`. */
export type SandboxDeps = {
  /** Node 24. Default: the one that runs us. */
  node?: string;
  entry?: string;
  args?: string[];
  /** What the worker may read; it may read nothing else. Default: its entry's folder and its packages. */
  readable?: string[];
  /** How many scripts run at once, for each of JavaScript and Python. Default: by cores, 2 to 4, and for Python by memory, 1 or 2. */
  workers?: number;
  /** A line for the log where a worker ended that should not have. */
  onCrash?: (message: string) => void;
  /** A debugger for JavaScript and TypeScript, and the address of the folder that `scripts/` is in, such as `file:///home/me/project/`. */
  inspect?: { channel: InspectChannel; root: string } | undefined;
};

const START_MS = 60_000;
/** An interpreter of Python takes 1.5 s of a free core to start. */
const PYTHON_START_MS = 60_000;
/** What each process takes with nothing to do, with room to breathe. */
const OWN_BYTES = 200 * 1024 * 1024;
const PYTHON_OWN_BYTES = 400 * 1024 * 1024;
/** Below this, one interpreter at a time is all there is room for. */
const ROOM_FOR_TWO = 1024 * 1024 * 1024;
/** A worker that takes more than this share of what the container has is ended before the kernel ends somebody. */
const MOST_OF_ALL = 0.7;
/** An interpreter holds 160 MB: nobody pays for one that is not used. */
const PYTHON_IDLE_MS = 300_000;

/**
 * People's code in processes of its own: without environment, files, network of ours or secrets, kept warm between
 * calls, one call at a time in each. A call that passes its limits ends its worker if need be; the next call starts
 * another.
 */
export function createSandbox(deps: SandboxDeps = {}): Sandbox {
  const { node = process.execPath, args = [], onCrash } = deps;
  const entry = deps.entry ?? fileURLToPath(new URL('./main.ts', import.meta.url));

  // A container's own limit, where there is one; else what is said is none at all, or very large.
  const memory = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
  const mostBytes = memory * MOST_OF_ALL;

  const startScripts = (more: string[] = []) => {
    const program = realpathSync(entry);
    const readable = deps.readable ?? readableFor(program);
    const flags = ['--allow-addons'];
    return startWorker({ node, program, args: [...args, ...more], flags, readable, startMs: START_MS, onCrash });
  };
  const { inspect } = deps;
  const scripts = inspect
    ? createInspected({
        start: () => startScripts(['inspect', inspect.root]),
        channel: inspect.channel,
        ownBytes: OWN_BYTES,
      })
    : createPool({
        size: deps.workers ?? Math.max(2, Math.min(4, availableParallelism())),
        ofOneScope: false,
        ownBytes: OWN_BYTES,
        mostBytes,
        start: () => startScripts(),
      });

  const python = createPool({
    size: deps.workers ?? (memory < ROOM_FOR_TWO ? 1 : 2),
    ofOneScope: true,
    ownBytes: PYTHON_OWN_BYTES,
    mostBytes,
    idleMs: PYTHON_IDLE_MS,
    start() {
      const program = realpathSync(entry);
      const readable = deps.readable ?? [dirname(program), pyodideFolder(program)];
      return startWorker({
        node,
        program,
        args: [...args, 'python'],
        flags: [],
        readable,
        startMs: PYTHON_START_MS,
        onCrash,
      });
    },
  });

  return {
    run: (request, signal) => (request.language === 'python' ? python : scripts).run(request, signal),
    async close() {
      await Promise.all([scripts.close(), python.close()]);
    },
  };
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
