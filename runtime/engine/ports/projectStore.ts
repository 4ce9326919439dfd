import { mkdirSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { SluiceError } from '#shared/error.ts';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import { failpoint } from '../../failpoint.ts';
import { canonicalText } from '../canonicalText.ts';
import type { ProjectStore } from './ports.ts';
import { columnName, OWN_COLUMNS, orderClause, tableName, whereClause } from './where.ts';

export type ProjectStoreOptions = {
  /** What the file may grow to. Without it, as large as the disk. */
  maxBytes?: number;
  now?(): number;
};

const MAX_KEY = 1_000;
const MAX_VALUE = 1024 * 1024;
const MAX_ROWS = 10_000;
/** Longer than any run waits: an effect's key must be remembered while its run may still ask again. */
const EFFECT_DAYS = 90;

const SCHEMA = `
CREATE TABLE IF NOT EXISTS kv (key TEXT PRIMARY KEY, value TEXT NOT NULL, expires INTEGER) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rows (
  id INTEGER PRIMARY KEY, tbl TEXT NOT NULL, key TEXT NOT NULL, row TEXT NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL,
  UNIQUE (tbl, key)
) STRICT;
CREATE TABLE IF NOT EXISTS effects (key TEXT PRIMARY KEY, result TEXT NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS effects_at ON effects (at);
PRAGMA user_version = 1;
`;

/**
 * A project's key-values and tables in one environment. Opens the file, and makes it and its folder where they are
 * missing; `:memory:` keeps nothing. Every write names the idempotency key of its effect, which is stored in the same
 * transaction: the same key again gives the first result and changes nothing. `tableQuery` gives rows with `key`,
 * `createdAt` and `updatedAt` beside their own columns, oldest first unless ordered, at most 1,000 unless `limit` says more.
 *
 * @throws SluiceError config.invalid (a name, key or comparison that cannot be), limit.exceeded (full, or one thing too
 *   large), disk.failed (the disk is full), store.failed (anything else of SQLite)
 */
export function openProjectStore(file: string, { maxBytes, now = Date.now }: ProjectStoreOptions = {}): ProjectStore {
  if (file !== ':memory:') mkdirSync(dirname(file), { recursive: true });
  const db = new DatabaseSync(file, { timeout: 5_000 });
  const guard = <T>(work: () => T): T => {
    try {
      return work();
    } catch (thrown) {
      throw storeError(thrown, file, maxBytes);
    }
  };
  guard(() => {
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;');
    db.exec(SCHEMA);
    if (maxBytes !== undefined) {
      const { page_size: size } = db.prepare('PRAGMA page_size').get() as { page_size: number };
      db.exec(`PRAGMA max_page_count = ${Math.max(16, Math.floor(maxBytes / size))}`);
    }
    db.prepare('DELETE FROM effects WHERE at < ?').run(now() - EFFECT_DAYS * 86_400_000);
  });
  const sql = {
    effect: db.prepare('SELECT result FROM effects WHERE key = ?'),
    addEffect: db.prepare('INSERT INTO effects (key, result, at) VALUES (?, ?, ?)'),
    kvGet: db.prepare('SELECT value FROM kv WHERE key = ? AND (expires IS NULL OR expires > ?)'),
    kvSet: db.prepare(
      'INSERT INTO kv (key, value, expires) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires = excluded.expires',
    ),
    kvExpire: db.prepare('DELETE FROM kv WHERE expires <= ?'),
    insert: db.prepare(
      'INSERT INTO rows (tbl, key, row, created, updated) VALUES (?, ?, ?, ?, ?) ON CONFLICT (tbl, key) DO NOTHING',
    ),
    rewrite: db.prepare('UPDATE rows SET row = ?, updated = ? WHERE id = ?'),
  };

  /** One effect: looked up, else done and remembered, in one transaction. */
  function once<T extends Json>(effectKey: string, work: () => T): T {
    return guard(() => {
      db.exec('BEGIN IMMEDIATE');
      try {
        const known = sql.effect.get(effectKey) as { result: string } | undefined;
        const result = known ? (JSON.parse(known.result) as T) : work();
        if (!known) sql.addEffect.run(effectKey, JSON.stringify(result), now());
        failpoint('store.before_commit');
        db.exec('COMMIT');
        failpoint('store.after_commit');
        return result;
      } catch (thrown) {
        // SQLite has taken some failures back by itself, a full disk among them.
        if (db.isTransaction) db.exec('ROLLBACK');
        throw thrown;
      }
    });
  }

  return {
    kvGet(key) {
      const found = guard(() => sql.kvGet.get(kvKey(key), now())) as { value: string } | undefined;
      return found && (JSON.parse(found.value) as Json);
    },

    kvSet(key, value, { effectKey, ttlMs }) {
      const text = textOf(value, `The value of '${kvKey(key)}'`);
      once(effectKey, () => {
        sql.kvExpire.run(now());
        sql.kvSet.run(key, text, ttlMs === undefined ? null : now() + ttlMs);
        return null;
      });
    },

    tableInsert(table, key, row, { effectKey }) {
      const name = tableName(table);
      const keyText = rowKey(key);
      const text = textOf(rowOf(row), 'The row');
      return once(effectKey, () => {
        const at = new Date(now()).toISOString();
        return { inserted: sql.insert.run(name, keyText, text, at, at).changes === 1 };
      });
    },

    tableUpdate(table, where, set, { effectKey }) {
      const name = tableName(table);
      const change = rowOf(set);
      const { sql: condition, values } = whereClause(where);
      return once(effectKey, () => {
        const found = db.prepare(`SELECT id, row FROM rows WHERE tbl = ? AND ${condition}`).all(name, ...values);
        const at = new Date(now()).toISOString();
        for (const { id, row } of found as { id: number; row: string }[]) {
          sql.rewrite.run(textOf({ ...(JSON.parse(row) as JsonObject), ...change }, 'The row'), at, id);
        }
        return { changed: found.length };
      });
    },

    tableDelete(table, where, { effectKey }) {
      const name = tableName(table);
      const { sql: condition, values } = whereClause(where);
      return once(effectKey, () => ({
        changed: Number(db.prepare(`DELETE FROM rows WHERE tbl = ? AND ${condition}`).run(name, ...values).changes),
      }));
    },

    tableQuery({ table, where, orderBy, limit = 1_000 }) {
      const name = tableName(table);
      const condition = whereClause(where);
      const order = orderClause(orderBy);
      const found = guard(() =>
        db
          .prepare(
            `SELECT key, row, created, updated FROM rows WHERE tbl = ? AND ${condition.sql} ORDER BY ${order.sql} LIMIT ?`,
          )
          .all(name, ...condition.values, ...order.values, Math.max(0, Math.min(Math.trunc(limit), MAX_ROWS))),
      ) as { key: string; row: string; created: string; updated: string }[];
      return found.map(({ key, row, created, updated }) => ({
        key: JSON.parse(key) as Json,
        ...(JSON.parse(row) as JsonObject),
        createdAt: created,
        updatedAt: updated,
      }));
    },

    close() {
      if (db.isOpen) db.close();
    },
  };
}

function kvKey(key: string): string {
  if (typeof key === 'string' && key.length > 0 && key.length <= MAX_KEY) return key;
  throw new SluiceError('config.invalid', `A key must be a text of 1 to ${MAX_KEY} characters.`);
}

function rowKey(key: Json): string {
  if (key === null || key === undefined || key === '') {
    throw new SluiceError('config.invalid', 'The row has no key.', {
      advice: 'Give the field that tells rows apart, such as an id.',
    });
  }
  const text = canonicalText(key);
  if (text.length <= MAX_KEY) return text;
  throw new SluiceError('limit.exceeded', `The row's key is longer than ${MAX_KEY} characters.`);
}

function rowOf(row: JsonObject): JsonObject {
  if (!isJsonObject(row)) throw new SluiceError('config.invalid', 'A row must be an object of columns.');
  for (const column of Object.keys(row)) {
    columnName(column);
    if ((OWN_COLUMNS as readonly string[]).includes(column)) {
      throw new SluiceError('config.invalid', `A row may not have a column '${column}': every row has one already.`, {
        advice: 'Give the column another name.',
      });
    }
  }
  return row;
}

function textOf(value: Json, what: string): string {
  const text = JSON.stringify(value) ?? 'null';
  if (text.length <= MAX_VALUE) return text;
  throw new SluiceError('limit.exceeded', `${what} is larger than 1 MB.`, { advice: 'Keep less of it.' });
}

/** SQLite calls both a full disk and a reached page limit "full": where the disk has room, it was the limit. */
function storeError(thrown: unknown, file: string, maxBytes: number | undefined): SluiceError {
  if (thrown instanceof SluiceError) return thrown;
  const { errcode } = thrown as { errcode?: number };
  const kind = (errcode ?? 0) & 0xff;
  if (kind === 13 && maxBytes !== undefined && diskHasRoom(file)) {
    return new SluiceError('limit.exceeded', `The project's store is full: it may take ${maxBytes} bytes.`, {
      cause: thrown,
      details: { limit: maxBytes },
      advice: 'Delete rows that are no longer needed, or get more storage.',
    });
  }
  if (kind === 13 || kind === 10) {
    return new SluiceError('disk.failed', 'The project’s store cannot be written: the disk is full or failing.', {
      cause: thrown,
    });
  }
  return new SluiceError('store.failed', 'The project’s store failed.', { cause: thrown });
}

/** Whether the disk below a file still has room for the largest thing we write. */
function diskHasRoom(file: string): boolean {
  if (file === ':memory:') return true;
  const { bavail, bsize } = statfsSync(dirname(file));
  return bavail * bsize > 4 * MAX_VALUE;
}
