import { SluiceError } from '#shared/error.ts';
import { runSqliteJob, type SqliteJob } from './sqlSqliteJob.ts';
import type { SqliteAnswer } from './sqlSqliteProcess.ts';

/** Does one job after the other for the process that started this one, and ends with it. */
export function serveSqlite(): void {
  process.on('message', (job: SqliteJob) => {
    let answer: SqliteAnswer;
    try {
      answer = { results: runSqliteJob(job) };
    } catch (thrown) {
      answer = { error: SluiceError.from(thrown).toWire() };
    }
    process.send?.(answer);
  });
  process.once('disconnect', () => process.exit(0));
}
