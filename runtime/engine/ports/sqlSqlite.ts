import { existsSync } from 'node:fs';
import { SluiceError } from '#shared/error.ts';
import type { ProjectFiles } from './files.ts';
import { checkStatements, type SqlPort } from './sql.ts';
import { runSqliteJob, type SqliteJob, type SqliteRunner } from './sqlSqliteJob.ts';

const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * SQLite databases in a project's storage. A file is opened for one request and closed again, so that it can be read,
 * replaced and deleted as a file in between. What a statement may do is decided by SQLite's own authorizer, not by its
 * text: no other files, no settings, no transactions of its own.
 *
 * @param runner where statements run: a process that can be ended (`createSqliteProcesses`), or without it this thread
 */
export function createSqlitePort(files: ProjectFiles, { runner }: { runner?: SqliteRunner } = {}): SqlPort {
  return {
    async run(request, { effectKey, signal }) {
      const { file = '', access, statements, once = true, maxRows = 1_000, timeoutMs = DEFAULT_TIMEOUT_MS } = request;
      checkStatements(statements);
      const name = databaseFile(file);
      const place = files.placeOf(name);
      if (access === 'read' && !existsSync(place)) {
        throw new SluiceError('file.not_found', `There is no database ${name} in the project's storage.`, {
          advice: 'Make it with a step that writes to it.',
          details: { path: name },
        });
      }
      const room = files.room();
      const job: SqliteJob = { place, name, access, statements, maxRows, timeoutMs, mayRecurse: runner !== undefined };
      if (access === 'write' && once) job.effectKey = effectKey;
      if (Number.isFinite(room)) job.room = room;
      return runner ? runner(job, signal) : runSqliteJob(job);
    },
    close() {},
  };
}

/** @throws SluiceError config.invalid */
function databaseFile(file: string): string {
  if (/\.(db|sqlite|sqlite3)$/i.test(file)) return file;
  throw new SluiceError('config.invalid', `'${file.slice(0, 80)}' is not the name of a database.`, {
    advice: 'Let it end in .db, .sqlite or .sqlite3.',
  });
}
