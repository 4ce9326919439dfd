import { existsSync, statSync } from 'node:fs';
import { constants, DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import { roughBytes } from '../payload.ts';
import type { ProjectFiles } from './files.ts';
import {
  checkStatements,
  MOST_RESULT_BYTES,
  rowCounter,
  rowNames,
  rowOf,
  type SqlPort,
  type SqlResult,
  type SqlStatement,
} from './sql.ts';

const EFFECTS = '_sluice_effects';
const EFFECT_DAYS = 90;
const DEFAULT_TIMEOUT_MS = 30_000;

/** What the authorizer lets through. `own` is for our own statements. */
type Access = 'own' | 'read' | 'write';

const READS = new Set<number>([constants.SQLITE_SELECT, constants.SQLITE_READ, constants.SQLITE_FUNCTION]);
const WRITES = new Set<number>([
  constants.SQLITE_INSERT,
  constants.SQLITE_UPDATE,
  constants.SQLITE_DELETE,
  constants.SQLITE_CREATE_TABLE,
  constants.SQLITE_CREATE_INDEX,
  constants.SQLITE_CREATE_VIEW,
  constants.SQLITE_DROP_TABLE,
  constants.SQLITE_DROP_INDEX,
  constants.SQLITE_DROP_VIEW,
  constants.SQLITE_ALTER_TABLE,
  constants.SQLITE_REINDEX,
]);
const LOOKS = new Set(['table_info', 'table_xinfo', 'table_list', 'index_list', 'index_info', 'foreign_key_list']);

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
          throw failureOf(thrown, { name, statement: index + 1, denied: opened.denied(), room });
        }
      });
    if (effectKey !== undefined && !known) addEffect(opened.db, effectKey, results);
    opened.db.exec('COMMIT');
    return results;
  } catch (thrown) {
    if (opened.db.isTransaction) opened.db.exec('ROLLBACK');
    throw failureOf(thrown, { name, room });
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
    throw failureOf(thrown, { name, room });
  }
}

function mayDo(
  access: 'read' | 'write',
  action: number,
  first: string | null,
  second: string | null,
  mayRecurse: boolean,
): boolean {
  if (action === constants.SQLITE_RECURSIVE) return mayRecurse;
  if (action === constants.SQLITE_PRAGMA) return LOOKS.has(first ?? '');
  if (action === constants.SQLITE_FUNCTION) return second !== 'load_extension';
  if (READS.has(action)) return true;
  return access === 'write' && WRITES.has(action) && first !== EFFECTS && second !== EFFECTS;
}

function wordFor(action: number, first: string | null): string {
  if (first === EFFECTS) return `to change the table ${EFFECTS}`;
  switch (action) {
    case constants.SQLITE_RECURSIVE:
      return 'a recursive query';
    case constants.SQLITE_PRAGMA:
      return `PRAGMA ${first ?? ''}`;
    case constants.SQLITE_ATTACH:
    case constants.SQLITE_DETACH:
      return 'to reach another file';
    case constants.SQLITE_TRANSACTION:
    case constants.SQLITE_SAVEPOINT:
      return 'to begin or end a transaction';
    default:
      return WRITES.has(action) ? 'to change something' : 'a statement of this kind';
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

function toSqlite(value: Json): SQLInputValue {
  if (value === null || value === undefined) return null;
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function fromSqlite(value: unknown): Json {
  if (typeof value === 'bigint') {
    return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : String(value);
  }
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  return typeof value === 'string' ? value : null;
}

function findEffect(db: DatabaseSync, key: string): SqlResult[] | undefined {
  db.exec(
    `CREATE TABLE IF NOT EXISTS "${EFFECTS}" (key TEXT PRIMARY KEY, result TEXT NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
  );
  const found = db.prepare(`SELECT result FROM "${EFFECTS}" WHERE key = ?`).get(key) as { result: string } | undefined;
  if (!found) db.prepare(`DELETE FROM "${EFFECTS}" WHERE at < ?`).run(Date.now() - EFFECT_DAYS * 86_400_000);
  return found && (JSON.parse(found.result) as SqlResult[]);
}

function addEffect(db: DatabaseSync, key: string, results: SqlResult[]): void {
  db.prepare(`INSERT INTO "${EFFECTS}" (key, result, at) VALUES (?, ?, ?)`).run(
    key,
    JSON.stringify(results),
    Date.now(),
  );
}

/** @throws SluiceError config.invalid */
function databaseFile(file: string): string {
  if (/\.(db|sqlite|sqlite3)$/i.test(file)) return file;
  throw new SluiceError('config.invalid', `'${file.slice(0, 80)}' is not the name of a database.`, {
    advice: 'Let it end in .db, .sqlite or .sqlite3.',
  });
}

function failureOf(
  thrown: unknown,
  { name, statement, denied, room }: { name: string; statement?: number; denied?: string; room: number | undefined },
): SluiceError {
  if (thrown instanceof SluiceError) return thrown;
  const { errcode = 0, message, code } = thrown as { errcode?: number; message: string; code?: string };
  const where = statement === undefined ? name : `${name}, statement ${statement}`;
  const details = { database: name, ...(statement === undefined ? {} : { statement }) };
  const kind = errcode & 0xff;
  if (code !== 'ERR_SQLITE_ERROR') {
    // A parameter that SQLite has no place for, before anything ran.
    return new SluiceError('database.failed', `${where}: ${message}`, {
      cause: thrown,
      details,
      advice: 'Give exactly one parameter for each ? of the statement.',
    });
  }
  if (kind === 23) {
    return new SluiceError(
      'database.failed',
      `${where}: ${denied ?? 'a statement of this kind'} is not allowed here.`,
      {
        cause: thrown,
        details,
        advice: 'Queries read, transactions change rows and tables of this one database; nothing else.',
      },
    );
  }
  if (kind === 5 || kind === 6) {
    return new SluiceError('connector.unavailable', `${where}: the database is in use by another process.`, {
      cause: thrown,
      details,
    });
  }
  if (kind === 13 && room !== undefined) {
    return new SluiceError('limit.exceeded', 'The project’s storage is full.', {
      cause: thrown,
      details,
      advice: 'Delete rows or files that are no longer needed, or get more storage.',
    });
  }
  if (kind === 10 || kind === 13) {
    return new SluiceError('disk.failed', `${where} cannot be written: the disk is full or failing.`, {
      cause: thrown,
    });
  }
  if (kind === 26 || kind === 11) {
    return new SluiceError('database.failed', `${name} is not a SQLite database, or is damaged.`, {
      cause: thrown,
      details,
      advice: 'Put back a copy of it, or choose another file.',
    });
  }
  const advice =
    kind === 19 ? 'Look at the values: a rule of the table refuses them.' : 'Correct the statement or its parameters.';
  return new SluiceError('database.failed', `${where}: ${message}.`, { cause: thrown, details, advice });
}
