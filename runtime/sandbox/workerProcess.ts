import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { SluiceError } from '#shared/error.ts';
import { type Frame, frameReader } from './frames.ts';

/** How a worker process is started. */
export type WorkerProgram = {
  /** Node 24. */
  node: string;
  program: string;
  args: string[];
  /** Flags of Node's own, besides those that every worker has. */
  flags: string[];
  /** What it may read; it may read nothing else. */
  readable: string[];
  /** It says so when it is ready to be asked, at the latest after this. */
  startMs: number;
  /** A line for the log where it ended and should not have. */
  onCrash?: (message: string) => void;
};

export type End = { code: number | null; signal: NodeJS.Signals | null; unreadable?: boolean };
export type Worker = {
  child: ChildProcessByStdio<Writable, Readable, Readable>;
  ready: Promise<void>;
  /** Resolves with how it ended. */
  ended: Promise<End>;
  /** What the call at hand is told. Set anew by each call: a promise kept as long as the worker would remember them all. */
  onFrame: (frame: Frame<unknown>) => void;
  onEnd: (end: End) => void;
  /** A message for the debugger, where one is attached. */
  onInspect: (message: string) => void;
  /** The wheels that it was sent and keeps: they are large, and go once. */
  wheels: Set<string>;
  /** It asked to be replaced. */
  worn: boolean;
};

/** Starts a process for people's code: no environment, no files but the named ones, no children, no code from strings. */
export function startWorker({ node, program, args, flags, readable, startMs, onCrash }: WorkerProgram): Worker {
  const child = spawn(
    node,
    [
      '--no-node-snapshot',
      '--permission',
      ...readable.map((path) => `--allow-fs-read=${path}`),
      '--disallow-code-generation-from-strings',
      '--disable-proto=delete',
      '--max-old-space-size=256',
      '--disable-warning=SecurityWarning',
      ...flags,
      program,
      ...args,
    ],
    // The zone of `Date` is the same wherever it runs; nothing else is inherited.
    { env: { TZ: 'UTC' }, stdio: ['pipe', 'pipe', 'pipe'], windowsHide: true },
  );
  const { promise: ready, resolve: isReady, reject: isNotReady } = Promise.withResolvers<void>();
  const { promise: ended, resolve: hasEnded } = Promise.withResolvers<End>();
  const self: Worker = {
    child,
    ready,
    ended,
    onFrame: () => {},
    onEnd: () => {},
    onInspect: () => {},
    wheels: new Set(),
    worn: false,
  };
  ready.catch(() => {});
  let words = '';
  let started = false;
  let lost = false;
  const timer = setTimeout(() => {
    isNotReady(new SluiceError('service.unavailable', `The script worker did not start within ${startMs} ms.`));
    child.kill('SIGKILL');
  }, startMs);
  const read = frameReader((frame) => {
    if (started) return isInspect(frame.head) ? self.onInspect(frame.body) : self.onFrame(frame);
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

function isInspect(head: unknown): boolean {
  return typeof head === 'object' && head !== null && 'inspect' in head;
}

/** An idle worker does not keep its starter alive; one at work does. */
export function hold({ child }: Worker, busy: boolean): void {
  for (const handle of [child, child.stdin, child.stdout, child.stderr] as { ref?(): void; unref?(): void }[]) {
    if (busy) handle.ref?.();
    else handle.unref?.();
  }
}
