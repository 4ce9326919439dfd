import type { BoundConnection } from '#shared/contract/agentApi.ts';
import { SluiceError } from '#shared/error.ts';
import type { Json, JsonObject } from '#shared/json.ts';

/** One statement. Values come as parameters; no text of an item ever becomes part of `sql`. */
export type SqlStatement = { sql: string; params: Json[] };

/** Statements for one database, all done or none. */
export type SqlRequest = {
  /** A database file in the project's storage. Absent: the database of the step's connection. */
  file?: string;
  /** `read` changes nothing: the database itself refuses what would. */
  access: 'read' | 'write';
  statements: SqlStatement[];
  /** Whether a write keeps its idempotency key in the database, in the same transaction. Default true. */
  once?: boolean;
  /** Of one statement; more is an error. Default 1,000. */
  maxRows?: number;
  /** Default 30 s. */
  timeoutMs?: number;
};

/** Rows are plain JSON: dates as ISO text, bytes as base64, integers beyond 2^53 and exact decimals as text. */
export type SqlResult = { rows: JsonObject[]; changed: number };

export type SqlOptions = {
  stepId: string;
  connection?: BoundConnection;
  effectKey: string;
  signal: AbortSignal;
};

/** Databases, as steps reach them. */
export type SqlPort = {
  /**
   * One result per statement. A write with a key that the database knows gives the first results and changes nothing.
   *
   * @throws SluiceError
   *  - connector.unavailable: nothing happened, and it may work later (not reachable, too busy, a deadlock)
   *  - connector.unclear: the connection broke while a write was being committed
   *  - connector.rejected: the database does not let this connection in
   *  - database.failed: the database refused a statement; `details` has `statement` (from 1) and what it said
   *  - limit.exceeded: more rows or bytes than fit; config.invalid; connection.host_not_allowed; egress.refused
   */
  run(request: SqlRequest, options: SqlOptions): Promise<SqlResult[]>;
  close(): Promise<void> | void;
};

/** Bytes of all rows of a request. */
export const MOST_RESULT_BYTES = 16 * 1024 * 1024;
export const MOST_STATEMENTS = 100;
const MOST_SQL = 100_000;

/** @throws SluiceError config.invalid, limit.exceeded */
export function checkStatements(statements: readonly SqlStatement[]): void {
  if (statements.length === 0) throw new SluiceError('config.invalid', 'There is no statement to run.');
  if (statements.length > MOST_STATEMENTS) {
    throw new SluiceError(
      'limit.exceeded',
      `${statements.length} statements are to run at once; ${MOST_STATEMENTS} are allowed.`,
      { advice: 'Split them over several steps.', details: { limit: MOST_STATEMENTS } },
    );
  }
  for (const [index, { sql }] of statements.entries()) {
    if (sql.length > MOST_SQL) {
      throw new SluiceError('limit.exceeded', `Statement ${index + 1} has more than ${MOST_SQL} characters.`, {
        advice: 'Give long values as parameters.',
        details: { limit: MOST_SQL, statement: index + 1 },
      });
    }
    if (sql.trim() === '' || sql.includes('\0')) {
      throw new SluiceError('config.invalid', `Statement ${index + 1} is empty or holds a NUL character.`);
    }
    if (sql.includes('{{')) {
      throw new SluiceError('config.invalid', `Statement ${index + 1} holds '{{': SQL text is taken as it is.`, {
        advice: 'Put the value into the parameters and its place ($1, or ? for SQLite) into the statement.',
        details: { statement: index + 1 },
      });
    }
  }
}

/** Counts rows and bytes of a result while it comes. */
export function rowCounter(maxRows: number) {
  let bytes = 0;
  return {
    startStatement() {
      let rows = 0;
      return (rowBytes: number): void => {
        rows += 1;
        bytes += rowBytes;
        if (rows > maxRows) throw tooMany('rows', maxRows);
        if (bytes > MOST_RESULT_BYTES) throw tooMany('bytes', MOST_RESULT_BYTES);
      };
    },
  };
}

export function tooMany(what: 'rows' | 'bytes', limit: number): SluiceError {
  return new SluiceError('limit.exceeded', `The query gives more than ${limit} ${what}.`, {
    advice: 'Ask for fewer with WHERE and LIMIT, for example a page at a time ordered by its key.',
    details: { limit, what },
  });
}

/** A row of names and values in order. @throws SluiceError config.invalid where two columns have one name */
export function rowNames(names: readonly string[]): readonly string[] {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return names;
  throw new SluiceError('config.invalid', `The query gives two columns called '${twice.slice(0, 60)}'.`, {
    advice: 'Name one of them otherwise with AS.',
    details: { column: twice.slice(0, 60) },
  });
}

/** `__proto__` as a name becomes a field like any other. */
export function rowOf(names: readonly string[], values: readonly Json[]): JsonObject {
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? null]));
}

/** Sends what names a file to the one, and the rest to the other. */
export function createSqlPort({ sqlite, postgres }: { sqlite: SqlPort; postgres: SqlPort }): SqlPort {
  return {
    run: (request, options) => (request.file === undefined ? postgres : sqlite).run(request, options),
    close: () => sqlite.close(),
  };
}
