import { createHash } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import type { JsonObject } from '#shared/json.ts';

/** A write that was written down and is not known to be done. `offset` is where an append begins. */
export type PendingWrite = { key: string; path: string; kind: 'replace' | 'append' | 'remove'; offset: number };

/** Longer than any run waits: an effect's key must be remembered while its run may still ask again. */
const EFFECT_DAYS = 90;

/**
 * What is written down of writes to files, before they are done: by key what they give and, until they are done, what
 * they are. One writer at a time, over all processes.
 */
export function openFileLog(file: string, { now }: { now(): number }) {
  const db = new DatabaseSync(file, { timeout: 10_000 });
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;
    CREATE TABLE IF NOT EXISTS writes (
      key TEXT PRIMARY KEY, result TEXT NOT NULL, at INTEGER NOT NULL, path TEXT, kind TEXT, start INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS writes_pending ON writes (path) WHERE kind IS NOT NULL;`);
  const sql = {
    find: db.prepare('SELECT result FROM writes WHERE key = ?'),
    add: db.prepare('INSERT INTO writes (key, result, at, path, kind, start) VALUES (?, ?, ?, ?, ?, ?)'),
    done: db.prepare('UPDATE writes SET kind = NULL, path = NULL WHERE key = ?'),
    remove: db.prepare('DELETE FROM writes WHERE key = ?'),
    pending: db.prepare('SELECT key, path, kind, start AS offset FROM writes WHERE kind IS NOT NULL ORDER BY at, key'),
    old: db.prepare('DELETE FROM writes WHERE at < ? AND kind IS NULL'),
  };
  sql.old.run(now() - EFFECT_DAYS * 86_400_000);

  return {
    nameOf: (effectKey: string) => createHash('sha256').update(effectKey).digest('hex'),
    /**
     * Work that no other process does at the same time. What `add` wrote down is durable before it returns; the lock is
     * given up for that moment and taken again, which is why whoever gets it first finishes what is pending.
     */
    locked<T>(work: () => T): T {
      db.exec('BEGIN IMMEDIATE');
      try {
        const result = work();
        db.exec('COMMIT');
        return result;
      } catch (thrown) {
        if (db.isTransaction) db.exec('ROLLBACK');
        throw thrown;
      }
    },
    find(key: string): JsonObject | undefined {
      const found = sql.find.get(key) as { result: string } | undefined;
      return found && (JSON.parse(found.result) as JsonObject);
    },
    add(key: string, result: JsonObject, write?: Omit<PendingWrite, 'key'>): void {
      sql.add.run(key, JSON.stringify(result), now(), write?.path ?? null, write?.kind ?? null, write?.offset ?? null);
      db.exec('COMMIT; BEGIN IMMEDIATE');
    },
    done: (key: string) => void sql.done.run(key),
    forget: (key: string) => void sql.remove.run(key),
    pending: () => sql.pending.all() as PendingWrite[],
    close: () => void (db.isOpen && db.close()),
  };
}
