import type { DatabaseSync } from 'node:sqlite';
import { ConflictEntry } from '#shared/contract/host/conflicts.ts';
import { type JsonObject, toPlain } from '#shared/json.ts';
import { type ConflictRecord, needsPerson } from '#shared/merge/conflict.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS conflicts (
    id TEXT PRIMARY KEY, place TEXT NOT NULL, status TEXT NOT NULL, createdAt TEXT NOT NULL, entry TEXT NOT NULL
  ) STRICT;
`;
const KEPT_RESOLVED = 1_000;

/** The conflicts of one project as this computer knows them, in the project's own database. */
export type ConflictStore = {
  /** Newest first. */
  list(status: 'open' | 'resolved' | 'all'): ConflictEntry[];
  get(id: string): ConflictEntry | undefined;
  /** Those that are this computer's and nobody has answered, oldest first: they go with the next push. */
  unsent(): ConflictEntry[];
  /**
   * Adds new ones and replaces known ones, within a transaction of the caller's. A merge that is made again brings its
   * records again: they stay one each.
   */
  put(entries: readonly ConflictEntry[]): void;
  drop(id: string): void;
  /** One that needs no person is never open. */
  countOpen(): number;
};

export function openConflictStore(db: DatabaseSync): ConflictStore {
  db.exec(SCHEMA);
  const write = db.prepare(
    'INSERT OR REPLACE INTO conflicts (id, place, status, createdAt, entry) VALUES (?, ?, ?, ?, ?)',
  );
  const prune = db.prepare(
    `DELETE FROM conflicts WHERE id IN
       (SELECT id FROM conflicts WHERE status = 'resolved' ORDER BY createdAt DESC, id LIMIT -1 OFFSET ?)`,
  );
  const byStatus = db.prepare('SELECT entry FROM conflicts WHERE status = ? ORDER BY createdAt DESC, id');
  const all = db.prepare('SELECT entry FROM conflicts ORDER BY createdAt DESC, id');
  const unsent = db.prepare(
    `SELECT entry FROM conflicts WHERE place = 'local' AND entry ->> 'resolution' IS NULL ORDER BY createdAt, id`,
  );
  const one = db.prepare('SELECT entry FROM conflicts WHERE id = ?');
  const drop = db.prepare('DELETE FROM conflicts WHERE id = ?');
  const open = db.prepare(`SELECT count(*) AS count FROM conflicts WHERE status = 'open'`);
  return {
    list: (status) => (status === 'all' ? all.all() : byStatus.all(status)).map(entryOf),
    get: (id) => {
      const row = one.get(id);
      return row && entryOf(row);
    },
    unsent: () => unsent.all().map(entryOf),
    put: (entries) => {
      for (const entry of entries)
        write.run(entry.id, entry.where, entry.status, entry.createdAt, JSON.stringify(entry));
      if (entries.length > 0) prune.run(KEPT_RESOLVED);
    },
    drop: (id) => {
      drop.run(id);
    },
    countOpen: () => Number(open.get()?.count),
  };
}

/** A record as it begins, on the computer whose merge made it. */
export function localEntry(record: ConflictRecord, at: string): ConflictEntry {
  const status = needsPerson(record.kind) ? 'open' : 'resolved';
  return { ...record, where: 'local', status, createdAt: at };
}

function entryOf(row: Record<string, unknown>): ConflictEntry {
  return ConflictEntry.parse(toPlain(JSON.parse(String(row.entry)) as JsonObject));
}
