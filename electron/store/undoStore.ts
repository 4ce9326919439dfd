import type { DatabaseSync } from 'node:sqlite';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS undoSteps (
    id INTEGER PRIMARY KEY AUTOINCREMENT, first INTEGER NOT NULL, last INTEGER NOT NULL, undone INTEGER NOT NULL,
    what TEXT NOT NULL, at INTEGER NOT NULL
  ) STRICT;
`;
const MOST_STEPS = 200;
/** Changes of one place that follow each other this closely, like the keys of a word, are one step. */
const JOIN_MS = 1_500;

/** One thing to take back: what the local revisions from `first` to `last` did. */
export type UndoStep = { id: number; first: number; last: number };

/** What this computer's person did, in order, and what of it is taken back now. It survives restarts. */
export type UndoStore = {
  /** A change of one's own. What had been taken back before it can no longer be redone. */
  add(step: { revision: number; what: string; at: number }): void;
  nextUndo(): UndoStep | undefined;
  nextRedo(): UndoStep | undefined;
  /** The step is taken back, or done again, by the commit of this revision. */
  moved(id: number, undone: boolean, revision: number): void;
  /** Nothing of it can be taken back any more. */
  drop(id: number): void;
};

export function openUndoStore(db: DatabaseSync): UndoStore {
  db.exec(SCHEMA);
  const forget = db.prepare('DELETE FROM undoSteps WHERE undone = 1');
  const newest = db.prepare(
    'SELECT id, first, last, what, at FROM undoSteps WHERE undone = 0 ORDER BY id DESC LIMIT 1',
  );
  // The one that was taken back last is the oldest of those that are.
  const oldest = db.prepare('SELECT id, first, last FROM undoSteps WHERE undone = 1 ORDER BY id LIMIT 1');
  const insert = db.prepare('INSERT INTO undoSteps (first, last, undone, what, at) VALUES (?, ?, 0, ?, ?)');
  const extend = db.prepare('UPDATE undoSteps SET last = ?, at = ? WHERE id = ?');
  const move = db.prepare('UPDATE undoSteps SET first = ?, last = ?, undone = ?, what = ? WHERE id = ?');
  const drop = db.prepare('DELETE FROM undoSteps WHERE id = ?');
  const prune = db.prepare(`DELETE FROM undoSteps WHERE id <= (SELECT max(id) FROM undoSteps) - ${MOST_STEPS}`);
  const stepOf = (row: Record<string, unknown> | undefined): UndoStep | undefined =>
    row && { id: Number(row.id), first: Number(row.first), last: Number(row.last) };
  return {
    add: ({ revision, what, at }) => {
      forget.run();
      const top = newest.get();
      const joins =
        top &&
        what !== '' &&
        String(top.what) === what &&
        Number(top.last) === revision - 1 &&
        at - Number(top.at) < JOIN_MS;
      if (top && joins) extend.run(revision, at, Number(top.id));
      else {
        insert.run(revision, revision, what, at);
        prune.run();
      }
    },
    nextUndo: () => stepOf(newest.get()),
    nextRedo: () => stepOf(oldest.get()),
    moved: (id, undone, revision) => {
      move.run(revision, revision, undone ? 1 : 0, '', id);
    },
    drop: (id) => {
      drop.run(id);
    },
  };
}
