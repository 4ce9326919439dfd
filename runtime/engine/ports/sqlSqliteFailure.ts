import { SluiceError } from '#shared/error.ts';

export type FailedAt = {
  /** What the file is called in messages. */
  name: string;
  /** From 1; absent where it was none of the step's own. */
  statement?: number;
  /** What the last statement was refused for. */
  denied?: string;
  /** Bytes that the storage still took; undefined: as much as the disk has. */
  room: number | undefined;
};

/** What the failure of a request to SQLite means. Nothing of the request has happened then. */
export function sqliteFailure(thrown: unknown, { name, statement, denied, room }: FailedAt): SluiceError {
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
