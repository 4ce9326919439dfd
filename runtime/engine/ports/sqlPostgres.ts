import type pg from 'pg';
import { SluiceError } from '#shared/error.ts';
import type { Json, JsonObject } from '#shared/json.ts';
import { roughBytes } from '../payload.ts';
import {
  checkStatements,
  MOST_RESULT_BYTES,
  rowCounter,
  rowNames,
  rowOf,
  type SqlOptions,
  type SqlPort,
  type SqlRequest,
  type SqlResult,
  type SqlStatement,
  tooMany,
} from './sql.ts';
import { createSqlPool, type PooledClient } from './sqlPool.ts';
import { postgresFailure } from './sqlPostgresFailure.ts';
import { jsonFrom } from './sqlPostgresTypes.ts';

const DEFAULT_TIMEOUT_MS = 30_000;
/** How much longer than the server itself we wait for it to give up. */
const GRACE_MS = 2_000;
const EFFECTS = 'sluice_effects';
const EFFECT_DAYS = 90;
const UNDEFINED_TABLE = '42P01';
/** What making a table comes to that another process makes at the same moment: its row, its name or its type is there. */
const MADE_MEANWHILE = ['23505', '42P07', '42710'];

/** Where a request is. Only what is cut off while it is being committed may have happened. */
type Progress = { at: 'before' | 'committing'; statement?: number };

/**
 * PostgreSQL databases. Every request is one transaction: `read` is one in which the server allows no change; a `write`
 * keeps its key and its results in the table `sluice_effects` of the same database, so that it happens once. Statements
 * go by the extended protocol, one each, values beside them.
 */
export function createPostgresPort(deps: { env?: NodeJS.ProcessEnv } = {}): SqlPort {
  const pool = createSqlPool(deps);

  async function attempt(request: SqlRequest, options: SqlOptions, taken: PooledClient, progress: Progress) {
    const { access, statements, once = true, maxRows = 1_000, timeoutMs = DEFAULT_TIMEOUT_MS } = request;
    const { client } = taken;
    const keyed = access === 'write' && once;
    const effects = `"${taken.schema.replaceAll('"', '""')}".${EFFECTS}`;
    const begin = `BEGIN ${access === 'read' ? 'READ ONLY' : 'READ WRITE'}; SET LOCAL statement_timeout = ${Math.ceil(timeoutMs)}`;
    if (keyed && !taken.keysReady) await makeEffects(client, effects);
    taken.keysReady ||= keyed;
    await client.query(begin);
    if (keyed) {
      const known = await claim(client, effects, options.effectKey).catch(async (thrown: { code?: string }) => {
        if (thrown.code !== UNDEFINED_TABLE) throw thrown;
        // Somebody dropped it since this connection made it.
        await client.query('ROLLBACK');
        await makeEffects(client, effects);
        await client.query(begin);
        return claim(client, effects, options.effectKey);
      });
      if (known) {
        await client.query('ROLLBACK');
        return known;
      }
    }
    const counter = rowCounter(maxRows);
    const results: SqlResult[] = [];
    for (const [index, statement] of statements.entries()) {
      progress.statement = index + 1;
      results.push(await runStatement(taken, statement, counter.startStatement()));
    }
    progress.statement = undefined;
    if (keyed) {
      await client.query(`UPDATE ${effects} SET result = $2 WHERE key = $1`, [
        options.effectKey,
        JSON.stringify(results),
      ]);
    }
    progress.at = 'committing';
    const { command } = await client.query('COMMIT');
    // A transaction that had failed unnoticed is taken back by a commit, without an error.
    if (command !== 'COMMIT') throw new SluiceError('database.failed', 'The database took the transaction back.');
    return results;
  }

  return {
    async run(request, options) {
      checkStatements(request.statements);
      for (const [index, statement] of request.statements.entries()) checkKind(statement, index + 1);
      const { connection, signal, stepId } = options;
      if (!connection) {
        throw new SluiceError('connection.not_bound', `Step ${stepId} has no connection to a database.`, {
          advice: 'Choose a PostgreSQL connection in the step.',
          details: { stepId },
        });
      }
      const { timeoutMs = DEFAULT_TIMEOUT_MS } = request;
      const timeout = AbortSignal.timeout(timeoutMs + GRACE_MS);
      const either = AbortSignal.any([signal, timeout]);
      const progress: Progress = { at: 'before' };
      let taken: PooledClient | undefined;
      const cut = () => taken?.socket.destroy();
      either.addEventListener('abort', cut, { once: true });
      try {
        taken = await pool.take(connection, either);
        either.throwIfAborted();
        return await attempt(request, options, taken, progress);
      } catch (thrown) {
        if (taken) {
          taken.keysReady = false;
          await takeBack(taken);
        }
        if (signal.aborted) throw signal.reason;
        throw postgresFailure(thrown, {
          ...progress,
          write: request.access === 'write',
          timedOut: timeout.aborted,
          timeoutMs,
          secret: connection.secret,
        });
      } finally {
        either.removeEventListener('abort', cut);
        if (taken) pool.give(connection, taken);
      }
    },
    close: () => pool.close(),
  };
}

/** A connection whose transaction cannot be ended is not used again. */
async function takeBack(taken: PooledClient): Promise<void> {
  if (taken.broken || taken.socket.destroyed) {
    taken.broken = true;
    return;
  }
  try {
    await taken.client.query('ROLLBACK');
  } catch {
    taken.broken = true;
  }
}

async function makeEffects(client: pg.Client, effects: string): Promise<void> {
  try {
    await client.query(`DELETE FROM ${effects} WHERE at < now() - interval '${EFFECT_DAYS} days'`);
  } catch (thrown) {
    if ((thrown as { code?: string }).code !== UNDEFINED_TABLE) throw thrown;
    try {
      await client.query(
        `CREATE TABLE IF NOT EXISTS ${effects} (key text PRIMARY KEY, result text, at timestamptz NOT NULL DEFAULT now())`,
      );
    } catch (failed) {
      const { code } = failed as { code?: string };
      if (code && MADE_MEANWHILE.includes(code)) return;
      if (code !== '42501') throw failed;
      throw new SluiceError('database.failed', `The database's user may not make the table ${EFFECTS}.`, {
        cause: failed,
        advice: `Let an administrator make it: CREATE TABLE ${EFFECTS} (key text PRIMARY KEY, result text, at timestamptz NOT NULL DEFAULT now()). Or turn off Once in the step.`,
        details: { reason: code },
      });
    }
  }
}

/** Takes the key for this transaction, or gives what it came to before. Waits for another that holds it. */
async function claim(client: pg.Client, effects: string, key: string): Promise<SqlResult[] | undefined> {
  const { rowCount } = await client.query(`INSERT INTO ${effects} (key) VALUES ($1) ON CONFLICT DO NOTHING`, [key]);
  if (rowCount === 1) return undefined;
  const { rows } = await client.query(`SELECT result FROM ${effects} WHERE key = $1`, [key]);
  return JSON.parse((rows[0] as { result: string }).result) as SqlResult[];
}

/** Rows are taken while they come; where they are too many, the connection is cut and nothing more is read. */
async function runStatement(
  { client, socket }: PooledClient,
  { sql, params }: SqlStatement,
  count: (bytes: number) => void,
): Promise<SqlResult> {
  const { default: driver } = await import('pg');
  const startedAt = socket.bytesRead;
  return new Promise((resolve, reject) => {
    const rows: JsonObject[] = [];
    let refused: unknown;
    const refuse = (reason: unknown) => {
      refused ??= reason;
      socket.destroy();
    };
    // A single row may be larger than everything that is allowed; it is only seen once it is here as a whole.
    const watch = setInterval(() => {
      if (socket.bytesRead - startedAt > 4 * MOST_RESULT_BYTES) refuse(tooMany('bytes', MOST_RESULT_BYTES));
    }, 50);
    const ended = (settle: () => void) => {
      clearInterval(watch);
      settle();
    };
    const config: ExtendedQuery = {
      text: sql,
      values: params.map(toPostgres),
      queryMode: 'extended',
      rowMode: 'array',
    };
    const query = new driver.Query(config);
    query.on('row', (values: unknown[], result?: { fields: { name: string }[] }) => {
      if (refused) return;
      try {
        const names = rowNames((result?.fields ?? []).map(({ name }) => name));
        const row = rowOf(names, values.map(jsonFrom));
        count(roughBytes(row, MOST_RESULT_BYTES));
        rows.push(row);
      } catch (thrown) {
        refuse(thrown);
      }
    });
    query.on('error', (thrown: unknown) => ended(() => reject(refused ?? thrown)));
    query.on('end', ({ command, rowCount }: { command: string; rowCount: number | null }) =>
      ended(() => {
        if (refused) reject(refused);
        else resolve({ rows, changed: command === 'SELECT' ? 0 : (rowCount ?? 0) });
      }),
    );
    client.query(query);
  });
}

/** The declarations of the driver lack `queryMode`: without it, text without parameters could hold several statements. */
type ExtendedQuery = pg.QueryConfig & { queryMode: 'extended'; rowMode: 'array' };

/** Objects go as JSON, lists as the database's own lists, as the driver has it. */
function toPostgres(value: Json): Json {
  return value === undefined ? null : value;
}

/** Words that would end our transaction, or speak another protocol. */
const NOT_OURS =
  /^(begin|start|commit|end|rollback|abort|savepoint|release|prepare|copy|listen|unlisten|notify|discard|set|reset|vacuum)$/;

/** @throws SluiceError config.invalid */
function checkKind({ sql }: SqlStatement, number: number): void {
  const word = /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/|\()*([A-Za-z]*)/.exec(sql)?.[1]?.toLowerCase() ?? '';
  if (!NOT_OURS.test(word)) return;
  throw new SluiceError(
    'config.invalid',
    `Statement ${number} begins with ${word.toUpperCase()}, which is not taken.`,
    {
      advice: 'Each step is a transaction of its own; leave its beginning, end and settings to it.',
      details: { statement: number },
    },
  );
}
