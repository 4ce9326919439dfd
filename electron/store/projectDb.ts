import { lstatSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { SluiceError } from '#shared/error.ts';
import { type JsonObject, toPlain } from '#shared/json.ts';
import type { ChangedParts } from '#shared/merge/changedParts.ts';
import type { Op } from '#shared/merge/ops.ts';
import type { ProjectFiles } from '#shared/workflow/readProject.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { type LockSystem, takeLock } from './lock.ts';
import { inTransaction, openSqlite } from './sqlite.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS commits (
    revision INTEGER PRIMARY KEY, commitId TEXT NOT NULL UNIQUE, origin TEXT NOT NULL, ops TEXT NOT NULL, at TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS baseFiles (path TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS pinTexts (hash TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT;
`;

/** What a database of an earlier release lacks. Commits without `back` are where the history that can be seen ends. */
const ADDED_TO_COMMITS = ['back', 'changes', 'message', 'name'];

const KEPT_COMMITS = 10_000;

export type CommitOrigin = 'canvas' | 'file' | 'sync' | 'undo' | 'restore' | 'git';
export type LocalCommit = { revision: number; commitId: string; origin: CommitOrigin; ops: Op[]; at: string };
export type NewCommit = Omit<LocalCommit, 'revision'> &
  ChangedParts & {
    /** The ops that take it back. */
    back: Op[];
    message?: string;
  };

/** What a project keeps beside its files: `.sluice/state.db`. Its holder is the project's only writer. */
export type ProjectDb = {
  db: DatabaseSync;
  /** The last local revision; 0 for a project never changed here. */
  revision(): number;
  /**
   * Durable when it returns. The next revision is its number.
   *
   * @param also what is written in the same transaction
   */
  commit(entry: NewCommit, also?: (revision: number) => void): number;
  commitsAfter(revision: number): LocalCommit[];
  /** Each file as it was when disk and tree last agreed: what a merge starts from. Empty before the first time. */
  baseFiles(): ProjectFiles;
  /** Commits up to here are in the files. */
  flushedRevision(): number;
  /**
   * Notes that files and tree agree, in one transaction.
   *
   * @param changed texts by path; null for a file that went away
   * @param pending the tree, where it holds changes for files that are left alone now
   */
  setFlushed(revision: number, changed: Record<string, string | null>, pending: Tree | undefined): void;
  /** What is still to be written into files that were left alone. */
  pendingTree(): Tree | undefined;
  /** The text of pinned items by its hash, kept so that an undo finds it. */
  pinTexts(): Record<string, string>;
  keepPinText(hash: string, text: string): void;
  meta(key: string): string | undefined;
  setMeta(key: string, value: string | undefined): void;
  close(): void;
};

/**
 * Opens a project's database and takes the project's lock.
 *
 * @param program who asks, for the message that a second one gets
 * @throws SluiceError project.locked, disk.failed
 */
export function openProjectDb(dir: string, program: string, system?: LockSystem): ProjectDb {
  refuseLinks(join(dir, '.sluice'));
  const { db } = openSqlite(join(dir, '.sluice', 'state.db'), SCHEMA);
  let lock: { release(): void };
  try {
    // Also where the project's own .gitignore does not name this folder.
    writeFileSync(join(dir, '.sluice', '.gitignore'), '*\n');
    lock = takeLock(db, program, system);
    addColumns(db, 'commits', ADDED_TO_COMMITS);
  } catch (thrown) {
    db.close();
    throw thrown;
  }
  const readMeta = db.prepare('SELECT value FROM meta WHERE key = ?');
  const writeMeta = db.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)');
  const dropMeta = db.prepare('DELETE FROM meta WHERE key = ?');
  const insertCommit = db.prepare(
    'INSERT INTO commits (revision, commitId, origin, ops, at, back, changes, message) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  );
  // History reaches back this far; what is not in the files yet always stays.
  db.prepare(
    `DELETE FROM commits WHERE revision <= (SELECT max(revision) FROM commits) - ?
       AND revision <= (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'flushed')`,
  ).run(KEPT_COMMITS);
  let last = Number(db.prepare('SELECT coalesce(max(revision), 0) AS revision FROM commits').get()?.revision);

  const meta = (key: string) => {
    const row = readMeta.get(key);
    return row && String(row.value);
  };
  return {
    db,
    meta,
    setMeta: (key, value) => {
      if (value === undefined) dropMeta.run(key);
      else writeMeta.run(key, value);
    },
    revision: () => last,
    commit: ({ commitId, origin, ops, at, back, changes, changeCount, message = null }, also) => {
      const revision = last + 1;
      const texts = [ops, back, { changes, changeCount }].map((value) => JSON.stringify(value)) as [
        string,
        string,
        string,
      ];
      inTransaction(db, () => {
        insertCommit.run(revision, commitId, origin, texts[0], at, texts[1], texts[2], message);
        also?.(revision);
      });
      last = revision;
      return revision;
    },
    commitsAfter: (revision) =>
      db
        .prepare('SELECT revision, commitId, origin, ops, at FROM commits WHERE revision > ? ORDER BY revision')
        .all(revision)
        .map((row) => ({
          revision: Number(row.revision),
          commitId: String(row.commitId),
          origin: String(row.origin) as CommitOrigin,
          ops: JSON.parse(String(row.ops)) as Op[],
          at: String(row.at),
        })),
    baseFiles: () => textsOf(db.prepare('SELECT path AS key, text FROM baseFiles').all()),
    flushedRevision: () => Number(meta('flushed') ?? 0),
    setFlushed: (revision, changed, pending) =>
      inTransaction(db, () => {
        for (const [path, text] of Object.entries(changed)) {
          if (text === null) db.prepare('DELETE FROM baseFiles WHERE path = ?').run(path);
          else db.prepare('INSERT OR REPLACE INTO baseFiles (path, text) VALUES (?, ?)').run(path, text);
        }
        writeMeta.run('flushed', String(revision));
        if (pending) writeMeta.run('pendingTree', JSON.stringify(pending));
        else dropMeta.run('pendingTree');
      }),
    pendingTree: () => {
      const text = meta('pendingTree');
      return text === undefined ? undefined : toPlain(JSON.parse(text) as JsonObject as unknown as Tree & JsonObject);
    },
    pinTexts: () => textsOf(db.prepare('SELECT hash AS key, text FROM pinTexts').all()),
    keepPinText: (hash, text) => {
      db.prepare('INSERT OR IGNORE INTO pinTexts (hash, text) VALUES (?, ?)').run(hash, text);
    },
    close: () => {
      try {
        lock.release();
      } catch {
        // The disk is full: whoever comes next sees that its holder no longer lives.
      }
      db.close();
    },
  };
}

function textsOf(rows: Record<string, unknown>[]): Record<string, string> {
  return Object.fromEntries(rows.map((row) => [String(row.key), String(row.text)]));
}

function addColumns(db: DatabaseSync, table: string, names: string[]): void {
  const there = new Set(
    db
      .prepare(`SELECT name FROM pragma_table_info('${table}')`)
      .all()
      .map((row) => String(row.name)),
  );
  for (const name of names) if (!there.has(name)) db.exec(`ALTER TABLE ${table} ADD COLUMN ${name} TEXT`);
}

/** A project from elsewhere may bring links of these names, which would have us write outside of the project. */
function refuseLinks(folder: string): void {
  const refuse = (path: string, what: string) => {
    throw new SluiceError('project.invalid', `${path} is not a ${what}.`, {
      advice: `Take it away; a ${what} of this name is made when the project is opened.`,
    });
  };
  const own = lstatSync(folder, { throwIfNoEntry: false });
  if (own && !own.isDirectory()) refuse(folder, 'folder');
  for (const name of ['.gitignore', 'state.db', 'state.db-wal', 'state.db-shm']) {
    const stats = lstatSync(join(folder, name), { throwIfNoEntry: false });
    if (stats && !stats.isFile()) refuse(join(folder, name), 'file');
  }
}
