import { SluiceError } from '#shared/error.ts';
import type { JsonObject } from '#shared/json.ts';
import { failureOf } from './failure.ts';
import { redactSecrets } from './redact.ts';

export type FailedAt = {
  at: 'before' | 'committing';
  /** From 1; absent where it was none of the step's own. */
  statement?: number;
  write: boolean;
  /** We gave up waiting. */
  timedOut: boolean;
  timeoutMs: number;
  secret: JsonObject;
};

type ServerError = {
  code: string;
  message: string;
  detail?: string;
  hint?: string;
  constraint?: string;
  table?: string;
  column?: string;
  position?: string;
};

/** Nothing happened, and it may work in a moment: a deadlock, a lock, too many connections, a server that starts or stops. */
const PASSING = /^(40001|40P01|55P03|53\d{3}|57P0[1-5]|08\d{3})$/;

/**
 * What the failure of a request to PostgreSQL means. Until it is committed nothing has happened, whatever broke; cut off
 * during the commit, a write may have.
 */
export function postgresFailure(thrown: unknown, where: FailedAt): SluiceError {
  if (thrown instanceof SluiceError) return thrown;
  const hide = (text: string) => redactSecrets(text, secretsOf(where.secret)) as string;
  if (isServerError(thrown)) return refused(thrown, where, hide);
  const reason = hide(reasonOf(thrown));
  if (where.write && where.at === 'committing') {
    return new SluiceError('connector.unclear', `The connection to the database broke during the commit (${reason}).`, {
      cause: thrown,
      details: { reason },
    });
  }
  if (where.timedOut) {
    return new SluiceError('connector.unavailable', `The database did not answer within ${where.timeoutMs} ms.`, {
      cause: thrown,
      details: { reason: 'timeout', timeoutMs: where.timeoutMs },
    });
  }
  if (/SSL|TLS|certificate|self.signed/i.test(reason)) {
    return new SluiceError('connector.rejected', `No encrypted connection to the database: ${reason}.`, {
      cause: thrown,
      details: { reason },
      advice:
        'Look at the encryption of the connection: a certificate authority of your own, or a server without encryption.',
    });
  }
  const known = failureOf(thrown, 'the database');
  if (known.code === 'egress.refused') return known;
  return new SluiceError('connector.unavailable', `The connection to the database broke (${reason}).`, {
    cause: thrown,
    details: { reason },
    advice: 'Look whether the host and port of the connection are right and the database is up.',
  });
}

function refused(error: ServerError, { at, statement, write }: FailedAt, hide: (text: string) => string): SluiceError {
  const { code, message, detail, hint, constraint, table, column, position } = error;
  const said = hide(message);
  if (code.startsWith('28') || code === '3D000') {
    return new SluiceError('connector.rejected', `The database does not let this connection in: ${said}.`, {
      cause: error,
      details: { reason: code },
      advice: 'Look at the user, password and database of the connection.',
    });
  }
  // The server was told to stop while it committed: it may have come first.
  if (write && at === 'committing' && code.startsWith('57P')) {
    return new SluiceError('connector.unclear', `The database was stopped during the commit: ${said}.`, {
      cause: error,
      details: { reason: code },
    });
  }
  const details: JsonObject = { reason: code };
  if (statement !== undefined) details.statement = statement;
  for (const [name, value] of Object.entries({ constraint, table, column, position, detail, hint })) {
    if (value !== undefined) details[name] = hide(String(value)).slice(0, 500);
  }
  const where = statement === undefined ? 'The database' : `Statement ${statement}: the database`;
  if (PASSING.test(code)) {
    return new SluiceError('connector.unavailable', `${where} could not do it now: ${said}.`, {
      cause: error,
      details,
    });
  }
  if (code === '57014') {
    return new SluiceError('database.failed', `${where} took longer than it may.`, {
      cause: error,
      details,
      advice: 'Ask for less, add an index, or raise the time limit of the step.',
    });
  }
  const advice =
    code === '25006'
      ? 'A query only reads; use the steps that insert, update, delete or run a transaction.'
      : code.startsWith('23')
        ? 'Look at the values: a rule of the table refuses them.'
        : 'Correct the statement or its parameters.';
  return new SluiceError('database.failed', `${where} refused it: ${said}.`, { cause: error, details, advice });
}

function isServerError(thrown: unknown): thrown is ServerError {
  const { code, severity } = thrown as { code?: unknown; severity?: unknown };
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && typeof severity === 'string';
}

function reasonOf(thrown: unknown): string {
  const { code, message } = thrown as { code?: unknown; message?: unknown };
  return typeof code === 'string' && code !== '' ? code : String(message ?? thrown);
}

function secretsOf(secret: JsonObject): Record<string, string> {
  const { password } = secret;
  return typeof password === 'string' ? { 'postgres#password': password } : {};
}
