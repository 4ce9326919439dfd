import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { SluiceError, type WireError } from '#shared/error.ts';
import type { SqlResult } from './sql.ts';
import { type SqliteJob, type SqliteRunner, tooSlow } from './sqlSqliteJob.ts';

/** What the other process answers. */
export type SqliteAnswer = { results: SqlResult[] } | { error: WireError };

const MOST_PROCESSES = 2;
const IDLE_MS = 30_000;
/** How much longer than the statements themselves we wait. */
const GRACE_MS = 1_000;
const FLAGS = ['--disallow-code-generation-from-strings', '--disable-proto=delete', '--max-old-space-size=256'];

/**
 * Runs SQLite in processes of their own, started when they are needed: nothing can end a statement but the end of its
 * process, and while it runs, nobody else here waits. A transaction that is cut off is taken back by SQLite with the next
 * opening of the file.
 */
export function createSqliteProcesses(): { run: SqliteRunner; close(): void } {
  const idle: ChildProcess[] = [];
  const all = new Set<ChildProcess>();
  const waiting: (() => void)[] = [];
  let timer: NodeJS.Timeout | undefined;

  async function take(signal: AbortSignal): Promise<ChildProcess> {
    for (;;) {
      if (signal.aborted) {
        waiting.shift()?.();
        throw signal.reason;
      }
      const found = idle.pop();
      if (found && lives(found)) return found;
      if (all.size < MOST_PROCESSES) return start();
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  function start(): ChildProcess {
    const { program, args } = programOf();
    const child = fork(program, args, {
      execArgv: FLAGS,
      // Windows finds its own libraries by this one.
      env: process.env.SystemRoot ? { SystemRoot: process.env.SystemRoot } : {},
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    all.add(child);
    child.once('exit', () => {
      all.delete(child);
      waiting.shift()?.();
    });
    child.on('error', () => all.delete(child));
    return child;
  }

  function give(child: ChildProcess): void {
    if (lives(child)) idle.push(child);
    // Neither an idle process nor the wish to end it holds the runtime.
    child.unref();
    child.channel?.unref();
    clearTimeout(timer);
    timer = setTimeout(end, IDLE_MS);
    timer.unref();
    waiting.shift()?.();
  }

  function end(): void {
    for (const child of idle.splice(0)) child.kill('SIGKILL');
  }

  return {
    async run(job, signal) {
      const child = await take(signal);
      child.ref();
      child.channel?.ref();
      try {
        return await ask(child, job, signal);
      } finally {
        give(child);
      }
    },
    close() {
      clearTimeout(timer);
      for (const child of all) child.kill('SIGKILL');
    },
  };
}

/** One that was told to end may have answered in the same moment, and still look as if it were there. */
function lives({ connected, killed }: ChildProcess): boolean {
  return connected && !killed;
}

function ask(child: ChildProcess, job: SqliteJob, signal: AbortSignal): Promise<SqlResult[]> {
  return new Promise((resolve, reject) => {
    let given: unknown;
    const cut = (reason: unknown) => {
      given ??= reason;
      child.kill('SIGKILL');
    };
    const onAbort = () => cut(signal.reason);
    const timer = setTimeout(() => cut(job.access === 'read' ? tooSlow() : unclear(job)), job.timeoutMs + GRACE_MS);
    const settle = (act: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      child.removeListener('message', onMessage);
      child.removeListener('exit', onExit);
      child.removeListener('error', onExit);
      act();
    };
    const onMessage = (answer: SqliteAnswer) =>
      settle(() => ('error' in answer ? reject(SluiceError.fromWire(answer.error)) : resolve(answer.results)));
    const onExit = () => settle(() => reject(given ?? ended(job)));
    signal.addEventListener('abort', onAbort, { once: true });
    child.once('message', onMessage);
    child.once('exit', onExit);
    child.once('error', onExit);
    child.send(job, (failed) => failed && onExit());
  });
}

function ended(job: SqliteJob): SluiceError {
  if (job.access === 'write') return unclear(job);
  return new SluiceError('database.failed', `The query of ${job.name} took more memory than it may.`, {
    advice: 'Ask for less, or add an index.',
    details: { database: job.name },
  });
}

/** It was cut off, perhaps a moment after it was done; its key tells. */
function unclear({ name, timeoutMs }: SqliteJob): SluiceError {
  return new SluiceError(
    'connector.unclear',
    `The statements on ${name} were ended after ${timeoutMs} ms or for their memory.`,
    {
      advice: 'Change less at once, or add an index.',
      details: { database: name, reason: 'ended' },
    },
  );
}

/** The program beside this file; in the runtime package, where all is one program, that with a word. */
function programOf(): { program: URL; args: string[] } {
  const program = new URL('./sqlSqliteProgram.ts', import.meta.url);
  return existsSync(program)
    ? { program, args: [] }
    : { program: new URL('./main.js', import.meta.url), args: ['sqlite'] };
}
