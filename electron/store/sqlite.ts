import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { SluiceError } from '#shared/error.ts';
import { diskFailure } from './atomicFile.ts';

/**
 * Opens a local database in WAL with `synchronous=FULL`: what was committed survives the loss of the machine. A file that
 * is no database is put aside, named, and a new one begun; nothing is deleted.
 *
 * @param schema statements that make what is missing; run every time
 * @throws SluiceError disk.failed
 */
export function openSqlite(file: string, schema: string): { db: DatabaseSync; setAside?: string } {
  try {
    mkdirSync(dirname(file), { recursive: true });
    try {
      return { db: openChecked(file, schema) };
    } catch (thrown) {
      if (!isDamaged(thrown)) throw thrown;
      const setAside = freeName(`${file}.damaged`);
      renameSync(file, setAside);
      for (const tail of ['-wal', '-shm']) if (existsSync(file + tail)) renameSync(file + tail, setAside + tail);
      return { db: openChecked(file, schema), setAside };
    }
  } catch (thrown) {
    throw diskFailure(file, thrown);
  }
}

function openChecked(file: string, schema: string): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: 5_000 });
  try {
    refusePrograms(db);
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;');
    db.exec(schema);
    return db;
  } catch (thrown) {
    db.close();
    throw thrown;
  }
}

/**
 * Ours hold tables and indexes only. What a file from elsewhere has beside them would run with whatever we write, so such
 * a file counts as damaged.
 */
function refusePrograms(db: DatabaseSync): void {
  const found = db
    .prepare(`SELECT name FROM sqlite_schema WHERE type IN ('trigger', 'view') OR sql LIKE 'CREATE VIRTUAL%' LIMIT 1`)
    .get();
  if (found) throw Object.assign(new Error(`The database has a program in it: ${found.name}.`), { errcode: DAMAGED });
}

/** SQLite's code for a malformed database. */
const DAMAGED = 11;

/** Also 26, which is no database at all. */
function isDamaged(thrown: unknown): boolean {
  const { errcode } = thrown as { errcode?: number };
  return errcode === DAMAGED || errcode === 26;
}

function freeName(wanted: string): string {
  let name = wanted;
  for (let n = 2; existsSync(name); n++) name = `${wanted}-${n}`;
  return name;
}

/** Runs in one transaction; what `work` throws undoes it. */
export function inTransaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    db.exec('COMMIT');
    return result;
  } catch (thrown) {
    // A full disk has undone it already, and to undo it again would be another error.
    if (db.isTransaction) db.exec('ROLLBACK');
    throw thrown;
  }
}

/** A failed commit in words a person can act on. SQLite's 13 is a full disk. */
export function sqliteFailure(file: string, thrown: unknown): SluiceError {
  const { errcode } = thrown as { errcode?: number };
  return diskFailure(file, { code: errcode === 13 ? 'ENOSPC' : `SQLite ${errcode}`, cause: thrown });
}
