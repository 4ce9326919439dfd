import { randomUUID } from 'node:crypto';
import { lstatSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { SluiceError } from '#shared/error.ts';
import { openSqlite, sqliteFailure } from '../store/sqlite.ts';
import { type Binding, tokensOf } from './syncStore.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS bindings (token TEXT PRIMARY KEY, projectId TEXT NOT NULL, cloudUrl TEXT NOT NULL,
    workspaceId TEXT NOT NULL, place TEXT NOT NULL) STRICT;
`;

/** A folder that was, or is about to be, bound. */
type Bound = Binding & { projectId: string; dir: string };

/**
 * Which folders this computer put into a workspace: `bindings.db` in the data folder. What a folder says of itself may
 * come from anybody who gave it to us (docs/decisions/0017-own-bindings.md).
 */
export type OwnBindings = {
  /**
   * Whether a binding was made here, in this folder. One that was moved or renamed is the same; one whose original is
   * still where it was is a copy. Never throws: what cannot be looked up is not ours.
   *
   * @param tokens what the folder's own database keeps
   */
  holds(bound: Bound, tokens: readonly string[]): boolean;
  /** Remembers it. @returns the token to keep in the folder @throws SluiceError disk.failed */
  add(bound: Bound): string;
};

export function ownBindings(dataDir: string): OwnBindings {
  const file = join(dataDir, 'bindings.db');
  // Needed when a folder is opened or bound, and by several programs at once: nobody keeps it open.
  function withDb<T>(work: (db: DatabaseSync) => T): T {
    const { db } = openSqlite(file, SCHEMA);
    try {
      return work(db);
    } catch (thrown) {
      throw sqliteFailure(file, thrown);
    } finally {
      db.close();
    }
  }

  function holdsOne(db: DatabaseSync, token: string, { projectId, cloudUrl, workspaceId, dir }: Bound): boolean {
    const row = db
      .prepare('SELECT place FROM bindings WHERE token = ? AND projectId = ? AND cloudUrl = ? AND workspaceId = ?')
      .get(token, projectId, cloudUrl, workspaceId);
    if (!row) return false;
    const [before, place] = [String(row.place), realpathSync.native(dir)];
    if (before === place) return true;
    if (isIn(before, token, place)) return false;
    db.prepare('UPDATE bindings SET place = ? WHERE token = ?').run(place, token);
    return true;
  }

  return {
    holds: (bound, tokens) => {
      if (tokens.length === 0) return false;
      try {
        return withDb((db) => tokens.some((token) => holdsOne(db, token, bound)));
      } catch (thrown) {
        if (thrown instanceof SluiceError) return false;
        throw thrown;
      }
    },
    add: ({ projectId, cloudUrl, workspaceId, dir }) => {
      const token = randomUUID();
      withDb((db) => {
        const insert = db.prepare(
          'INSERT INTO bindings (token, projectId, cloudUrl, workspaceId, place) VALUES (?, ?, ?, ?, ?)',
        );
        insert.run(token, projectId, cloudUrl, workspaceId, realpathSync.native(dir));
      });
      return token;
    },
  };
}

/** Whether a folder that is not `place` still has the token, so that `place` is a copy of it. */
function isIn(folder: string, token: string, place: string): boolean {
  const [file, here] = [folder, place].map((dir) => join(dir, '.sluice', 'state.db')) as [string, string];
  if (!lstatSync(file, { throwIfNoEntry: false })?.isFile()) return false;
  const [there, own] = [statSync(file, { bigint: true }), statSync(here, { bigint: true })];
  // One folder by two names.
  if (there.dev === own.dev && there.ino === own.ino) return false;
  try {
    const db = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
    try {
      return tokensOf(db.prepare(`SELECT value FROM meta WHERE key = 'sync.tokens'`).get()?.value).includes(token);
    } finally {
      db.close();
    }
  } catch {
    // Whatever it is, it is there: better asked once too often.
    return true;
  }
}
