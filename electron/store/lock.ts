import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';

/** Who writes a project. A pid alone is not enough: the system gives it to somebody else in time. */
const LockHolder = z.object({
  pid: z.int(),
  /** When the process started, as the system tells it; any text, only compared. */
  started: z.string(),
  computer: z.string(),
  /** For the message: "the desktop", "sluice serve". */
  program: z.string(),
  since: z.string(),
});
type LockHolder = z.infer<typeof LockHolder>;

/** What the lock asks of the system. */
export type LockSystem = {
  pid: number;
  computer: string;
  /** When a process started; undefined when there is no such process. */
  startOf(pid: number): string | undefined;
  now(): number;
};

const realSystem: LockSystem = { pid: process.pid, computer: hostname(), startOf: processStart, now: Date.now };

/**
 * Makes this process the only writer of a project, in one transaction of the project's own database, so that of two that
 * try at once one is told. A holder that no longer lives is replaced.
 *
 * @throws SluiceError project.locked with the holder in `details`
 */
export function takeLock(db: DatabaseSync, program: string, system: LockSystem = realSystem): { release(): void } {
  const mine: LockHolder = {
    pid: system.pid,
    started: system.startOf(system.pid) ?? '',
    computer: system.computer,
    program,
    since: new Date(system.now()).toISOString(),
  };
  db.exec('CREATE TABLE IF NOT EXISTS lock (id INTEGER PRIMARY KEY CHECK (id = 1), holder TEXT NOT NULL) STRICT');
  db.exec('BEGIN IMMEDIATE');
  try {
    const holder = readHolder(db);
    if (holder && isAlive(holder, system)) throw lockedBy(holder);
    db.prepare('INSERT OR REPLACE INTO lock (id, holder) VALUES (1, ?)').run(JSON.stringify(mine));
    db.exec('COMMIT');
  } catch (thrown) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw thrown;
  }
  return {
    release: () => {
      const holder = readHolder(db);
      if (holder?.pid === mine.pid && holder.started === mine.started) db.exec('DELETE FROM lock');
    },
  };
}

function readHolder(db: DatabaseSync): LockHolder | undefined {
  const row = db.prepare('SELECT holder FROM lock WHERE id = 1').get();
  if (!row) return undefined;
  return LockHolder.safeParse(JSON.parse(String(row.holder))).data;
}

function isAlive(holder: LockHolder, system: LockSystem): boolean {
  // Nobody can look into another computer; a folder on a shared drive stays with whoever has it.
  if (holder.computer !== system.computer) return true;
  return system.startOf(holder.pid) === holder.started;
}

function lockedBy(holder: LockHolder): SluiceError {
  const message = `${holder.program} (process ${holder.pid} on ${holder.computer}) has had this project open since ${holder.since}.`;
  return new SluiceError('project.locked', message, {
    advice: 'Go on there, or close it there and open the project again.',
    details: { holder },
  });
}

function processStart(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') {
      // The second field is the program's name and may hold spaces and brackets; the start is the 20th after it.
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    }
    if (process.platform === 'win32') {
      return ask('powershell.exe', ['-NoProfile', '-Command', `(Get-Process -Id ${pid}).StartTime.ToFileTimeUtc()`]);
    }
    return ask('ps', ['-o', 'lstart=', '-p', String(pid)]);
  } catch {
    return undefined;
  }
}

function ask(program: string, args: string[]): string | undefined {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim() || undefined;
}
