import { randomBytes } from 'node:crypto';
import { closeSync, fdatasyncSync, openSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { createCheckpointThread } from './checkpointThread.ts';
import { type EndedRun, readEndedFile } from './endedFile.ts';
import { createEndedLog, type EndedLog } from './endedLog.ts';
import { INSERT_ENDED, INSERT_LOG, INSERT_REPORT, INSERT_REPORT_TEXT, INSERT_TREE } from './runStatements.ts';

/** Between the name of the database and whose log of ended runs it is. */
const ENDED = '.ended-';

/** Logs of the stores that are open in this process: one that had its process id before it had other names. */
const ownLogs = new Set<string>();

/**
 * The log of ended runs beside a database, this process's own. What the logs of processes that are gone still had is in the
 * database when this returns.
 */
export function openEndedRuns(file: string, db: DatabaseSync, prepared: (text: string) => StatementSync): EndedLog {
  const own = `${file}${ENDED}${process.pid}-${randomBytes(6).toString('hex')}`;
  const paths = [`${own}-a`, `${own}-b`] as const;
  const thread = createCheckpointThread(file);
  const log = createEndedLog(paths, { store, flush, checkpoint: thread.checkpoint });
  takeOver();
  for (const path of paths) ownLogs.add(path);

  function store(runs: readonly EndedRun[]): void {
    // The log has them on the disk already.
    db.exec('PRAGMA synchronous = NORMAL');
    try {
      prepared('BEGIN IMMEDIATE').run();
      const trees = new Set<string>();
      for (const { row, runId, firstSeq, lastSeq, events, isPacked, logs, treeHash, tree } of runs) {
        if (!trees.has(treeHash)) prepared(INSERT_TREE).run(treeHash, tree);
        trees.add(treeHash);
        if (prepared(INSERT_ENDED).run(...row).changes === 0) continue;
        prepared(isPacked ? INSERT_REPORT : INSERT_REPORT_TEXT).run(runId, firstSeq, lastSeq, events);
        for (const line of logs) prepared(INSERT_LOG).run(runId, line);
      }
      prepared('COMMIT').run();
    } catch (thrown) {
      if (db.isTransaction) prepared('ROLLBACK').run();
      throw thrown;
    } finally {
      db.exec('PRAGMA synchronous = FULL');
    }
  }

  /** Flushes what was committed. SQLite itself does so only with a commit that has changed something. */
  function flush(): void {
    const wal = openSync(`${file}-wal`, 'r+');
    try {
      fdatasyncSync(wal);
    } finally {
      closeSync(wal);
    }
  }

  /** What a process that ended in between left in its log. Of one that lives it is stored twice, which changes nothing. */
  function takeOver(): void {
    const prefix = `${basename(file)}${ENDED}`;
    for (const name of readdirSync(dirname(file)).filter((one) => one.startsWith(prefix))) {
      const found = join(dirname(file), name);
      const runs = readEndedFile(found);
      if (runs.length > 0) {
        store(runs);
        flush();
      }
      if (!isOpen(found, Number.parseInt(name.slice(prefix.length), 10))) rmSync(found, { force: true });
    }
  }

  return {
    ...log,
    close(): void {
      log.close();
      thread.close();
      for (const path of paths) ownLogs.delete(path);
    },
  };
}

function isOpen(log: string, pid: number): boolean {
  if (pid === process.pid) return ownLogs.has(log);
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM';
  }
}
