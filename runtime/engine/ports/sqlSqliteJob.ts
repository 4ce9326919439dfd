import { statSync } from 'node:fs';
import { constants, DatabaseSync, type StatementSync } from 'node:sqlite';
import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import { roughBytes } from '../payload.ts';
import { MOST_RESULT_BYTES, rowCounter, rowNames, rowOf, type SqlResult, type SqlStatement } from './sql.ts';
import { mayDo, wordFor } from './sqlSqliteAccess.ts';
import { addEffect, findEffect } from './sqlSqliteEffects.ts';
import { sqliteFailure } from './sqlSqliteFailure.ts';
import { fromSqlite, toSqlite } from './sqlSqliteTypes.ts';

/** A request to one database file, as plain data: it may be done in another process. */
export type SqliteJob = {
  /** Where the file lies. */
  place: string;
  /** What it is called in messages. */
  name: string;
  access: 'read' | 'write';
  statements: SqlStatement[];
  maxRows: number;
  timeoutMs: number;
  /** Absent: nothing is remembered of it. */
  effectKey?: string;
  /** Bytes that the storage still takes; absent: as much as the disk has. */
  room?: number;
  /** Recursive queries, which could go on for ever: only where somebody can end them. */
  mayRecurse: boolean;
};

/** Does a job, or gives up on it. */
export type SqliteRunner = (job: SqliteJob, signal: AbortSignal) => Promise<SqlResult[]>;

/** What the authorizer lets through. `own` is for our own statements. */
type Access = 'own' | SqliteJob['access'];

/** Does a job in this thread, which waits for it. @throws as SqlPort says */
export function runSqliteJob(job: SqliteJob): SqlResult[] {
  const { name, access, statements, maxRows, timeoutMs, effectKey, room } = job;
  const opened = openDatabase(job);
  const deadline = Date.now() + timeoutMs;
  const counter = rowCounter(maxRows);
  try {
    opened.db.exec(access === 'write' ? 'BEGIN IMMEDIATE' : 'PRAGMA query_only = ON; BEGIN');
    const known = effectKey === undefined ? undefined : findEffect(opened.db, effectKey);
    const results =
      known ??
      statements.map(({ sql, params }, index) => {
        try {
          return runStatement(opened, { sql, params, access, count: counter.startStatement(), deadline });
        } catch (thrown) {
          throw sqliteFailure(thrown, { name, statement: index + 1, denied: opened.denied(), room });
        }
      });
    if (effectKey !== undefined && !known) addEffect(opened.db, effectKey, results);
    opened.db.exec('COMMIT');
    return results;
  } catch (thrown) {
    if (opened.db.isTransaction) opened.db.exec('ROLLBACK');
    throw sqliteFailure(thrown, { name, room });
  } finally {
    opened.db.close();
  }
}

function openDatabase({ place, name, room, mayRecurse }: SqliteJob) {
  let access: Access = 'own';
  let denied: string | undefined;
  try {
    const db = new DatabaseSync(place, {
      timeout: 5_000,
      allowExtension: false,
      defensive: true,
      readBigInts: true,
      limits: {
        length: MOST_RESULT_BYTES,
        attach: 0,
        column: 2_000,
        exprDepth: 200,
        likePatternLength: 1_000,
        triggerDepth: 20,
      },
    });
    db.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA synchronous = FULL;');
    if (room !== undefined) {
      const { page_size: size } = db.prepare('PRAGMA page_size').get() as { page_size: bigint };
      db.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor((statSync(place).size + room) / Number(size)))}`);
    }
    db.setAuthorizer((action, first, second) => {
      if (access === 'own' || mayDo(access, action, first, second, mayRecurse)) return constants.SQLITE_OK;
      denied = wordFor(action, first);
      return constants.SQLITE_DENY;
    });
    return {
      db,
      /** What the last statement was refused for. */
      denied: () => denied,
      as<T>(next: Access, work: () => T): T {
        access = next;
        try {
          return work();
        } finally {
          access = 'own';
        }
      },
    };
  } catch (thrown) {
    throw sqliteFailure(thrown, { name, room });
  }
}

type Work = {
  sql: string;
  params: Json[];
  access: 'read' | 'write';
  count(bytes: number): void;
  deadline: number;
};

function runStatement(
  { db, as }: ReturnType<typeof openDatabase>,
  { sql, params, access, count, deadline }: Work,
): SqlResult {
  return as(access, () => {
    const statement = db.prepare(sql);
    checkSingle(statement, sql);
    const names = rowNames(statement.columns().map(({ name }) => name));
    if (names.length === 0 && access === 'read') {
      throw new SluiceError('config.invalid', 'The statement gives no rows.', {
        advice: 'A query is a SELECT; use the steps that insert, update or run a transaction to change something.',
      });
    }
    checkCount(sql, params.length);
    const values = params.map(toSqlite);
    if (names.length === 0) return { rows: [], changed: Number(statement.run(...values).changes) };
    const before = totalChanges(db);
    statement.setReturnArrays(true);
    const rows = [];
    for (const given of statement.iterate(...values) as Iterable<unknown[]>) {
      if (Date.now() > deadline) {
        throw tooSlow();
      }
      const row = rowOf(names, given.map(fromSqlite));
      count(roughBytes(row, MOST_RESULT_BYTES));
      rows.push(row);
    }
    return { rows, changed: access === 'read' ? 0 : totalChanges(db) - before };
  });
}

/** What a query is told that was ended. */
export function tooSlow(): SluiceError {
  return new SluiceError('database.failed', 'The statements take longer than they may.', {
    advice: 'Ask for less, or add an index.',
  });
}

function totalChanges(db: DatabaseSync): number {
  const { n } = db.prepare('SELECT total_changes() AS n').get() as { n: bigint };
  return Number(n);
}

/** SQLite compiles the first statement and says nothing of what stands behind it. */
function checkSingle(statement: StatementSync, sql: string): void {
  const rest = sql.slice(statement.sourceSQL.length).replace(/--[^\n]*|\/\*[\s\S]*?\*\//g, '');
  if (/^[\s;]*$/.test(rest)) return;
  throw new SluiceError('config.invalid', 'The text holds more than one statement.', {
    advice: 'Write one statement each; a transaction takes a list of them.',
  });
}

/** Texts, quoted names and comments, which may hold anything; and places for parameters. */
const PLACES =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?\*\/|\?(\d*)|[:@$][A-Za-z0-9_$]+/g;

/** SQLite takes a parameter that is missing for NULL, and numbers those with names by where they stand first. */
function checkCount(sql: string, given: number): void {
  let needed = 0;
  for (const [place, number] of sql.matchAll(PLACES)) {
    if (/^[:@$]/.test(place)) {
      throw new SluiceError('config.invalid', `The statement names a parameter ${place}.`, {
        advice: 'Write ? for each parameter, or ?1, ?2 by their number.',
      });
    }
    if (number !== undefined) needed = number === '' ? needed + 1 : Math.max(needed, Number(number));
  }
  if (needed === given) return;
  throw new SluiceError('config.invalid', `The statement has ${needed} parameters, and ${given} are given.`, {
    advice: 'Give one value for each ? of the statement.',
    details: { needed, given },
  });
}
