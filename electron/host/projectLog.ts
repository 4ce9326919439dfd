import { join } from 'node:path';
import type { ConflictEntry } from '#shared/contract/host/conflicts.ts';
import { SluiceError } from '#shared/error.ts';
import { changedParts } from '#shared/merge/changedParts.ts';
import { type Conflict, type ConflictRecord, conflictRecord } from '#shared/merge/conflict.ts';
import { diffTrees, type Op } from '#shared/merge/ops.ts';
import { undo } from '#shared/merge/undo.ts';
import { getIn } from '#shared/workflow/plainData.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { type ConflictStore, localEntry, openConflictStore } from '../store/conflictStore.ts';
import { type HistoryStore, openHistoryStore } from '../store/historyStore.ts';
import type { CommitOrigin, ProjectDb } from '../store/projectDb.ts';
import { inTransaction, sqliteFailure } from '../store/sqlite.ts';
import { openUndoStore, type UndoStep } from '../store/undoStore.ts';

/** Whose answers a conflict holds. */
export type Who = { theirs?: string; ours?: string };

export type About = {
  /** What the merge that led here could not keep. */
  conflicts?: readonly Conflict[];
  who?: (path: readonly string[]) => Who;
  /** What is known of conflicts from now on. */
  entries?: readonly ConflictEntry[];
  message?: string;
};

export type LogDeps = {
  dir: string;
  db: ProjectDb;
  now(): number;
  uuid(): string;
  /** After a commit. */
  onCommit(origin: CommitOrigin, ops: Op[]): void;
  /** Conflicts came or were answered. */
  onConflicts(open: number): void;
};

/** What an undo or a redo did. `left`: places that somebody changed since, which stay as they are. */
export type TakenBack = { done: boolean; left: Conflict[] };

/** A project's tree, and every change of it as a commit in the project's database. */
export type ProjectLog = {
  conflicts: ConflictStore;
  history: HistoryStore;
  tree(): Tree;
  /** The tree as the commits so far have left it. Only at the start: nothing is committed. */
  begin(tree: Tree): void;
  /** Durable when it returns, with its conflicts in the same transaction. @throws SluiceError disk.failed */
  commit(next: Tree, origin: CommitOrigin, about?: About): number;
  /** Keeps what is known of conflicts now, and the tree with their answers in it. */
  settleConflicts(next: Tree, entries: readonly ConflictEntry[]): number;
  /** Keeps records that are not known yet, without a commit. */
  addRecords(records: readonly ConflictRecord[]): void;
  canUndo(): boolean;
  canRedo(): boolean;
  undo(): TakenBack;
  redo(): TakenBack;
  /** The tree without what one revision did; undefined where the history does not reach back that far. */
  without(revision: number): Tree | undefined;
};

/** What this computer's person can take back: not what others did, and an undo only by a redo. */
const OWN: ReadonlySet<CommitOrigin> = new Set(['canvas', 'file', 'git', 'restore']);

export function createProjectLog({ dir, db, now, uuid, onCommit, onConflicts }: LogDeps): ProjectLog {
  const conflicts = openConflictStore(db.db);
  const history = openHistoryStore(db.db);
  const steps = openUndoStore(db.db);
  let tree: Tree;
  const isoNow = () => new Date(now()).toISOString();

  /** @param also what else is written in the transaction of the commit */
  function commit(next: Tree, origin: CommitOrigin, about: About = {}, also?: (revision: number) => void): number {
    const { conflicts: met = [], entries = [], who = () => ({}), message } = about;
    const { ops } = diffTrees(tree, next);
    const commitId = uuid();
    const at = isoNow();
    const records = met.map((one) => localEntry(conflictRecord(one, commitId, who(one.path)), at));
    if (ops.length === 0 && records.length + entries.length === 0) return db.revision();
    const back = diffTrees(next, tree).ops;
    const entry = { commitId, origin, ops, back, at, ...changedParts(tree, next, ops) };
    try {
      db.commit({ ...entry, ...(message === undefined ? {} : { message }) }, (revision) => {
        conflicts.put([...records, ...entries]);
        if (also) also(revision);
        else if (OWN.has(origin) && ops.length > 0) {
          // Only what is typed goes together; a file's change or an answer is a step of its own.
          const typed = origin === 'canvas' && entries.length === 0;
          steps.add({ revision, what: typed ? placeOf(ops) : '', at: now() });
        }
      });
    } catch (thrown) {
      throw sqliteFailure(join(dir, '.sluice', 'state.db'), thrown);
    }
    tree = next;
    onCommit(origin, ops);
    if (records.length > 0) onConflicts(conflicts.countOpen());
    return db.revision();
  }

  /** Takes a step back, or does it again, where that changes anything; one that others have overtaken is passed over. */
  function takeBack(next: () => UndoStep | undefined, undone: boolean): TakenBack {
    const left: Conflict[] = [];
    for (let step = next(); step; step = next()) {
      const { id } = step;
      const edit = editOf(step);
      const result = edit && undo(edit, tree);
      if (result) left.push(...result.left);
      if (result && diffTrees(tree, result.tree).ops.length > 0) {
        commit(result.tree, 'undo', {}, (revision) => steps.moved(id, undone, revision));
        return { done: true, left: result.left };
      }
      steps.drop(id);
    }
    return { done: false, left };
  }

  function editOf({ first, last }: Pick<UndoStep, 'first' | 'last'>): { before: Tree; after: Tree } | undefined {
    try {
      const after = history.at(last, { revision: db.revision(), tree });
      return { before: history.at(first - 1, { revision: last, tree: after }), after };
    } catch (thrown) {
      // The history does not reach back that far any more.
      if (thrown instanceof SluiceError) return undefined;
      throw thrown;
    }
  }

  return {
    conflicts,
    history,
    tree: () => tree,
    begin: (given) => {
      tree = given;
    },
    commit: (next, origin, about) => commit(next, origin, about),
    settleConflicts: (next, entries) => {
      const before = conflicts.countOpen();
      if (next === tree) inTransaction(db.db, () => conflicts.put(entries));
      else commit(next, 'canvas', { entries });
      if (conflicts.countOpen() !== before) onConflicts(conflicts.countOpen());
      return db.revision();
    },
    addRecords: (records) => {
      const fresh = records.filter(({ id }) => !conflicts.get(id)).map((record) => localEntry(record, isoNow()));
      if (fresh.length === 0) return;
      inTransaction(db.db, () => conflicts.put(fresh));
      onConflicts(conflicts.countOpen());
    },
    canUndo: () => steps.nextUndo() !== undefined,
    canRedo: () => steps.nextRedo() !== undefined,
    undo: () => takeBack(steps.nextUndo, true),
    redo: () => takeBack(steps.nextRedo, false),
    without: (revision) => {
      const edit = editOf({ first: revision, last: revision });
      return edit && undo(edit, tree).tree;
    },
  };
}

/** The one place that a commit sets, as the key that joins the next one to it; empty where it does more than that. */
function placeOf(ops: readonly Op[]): string {
  const [op] = ops;
  return ops.length === 1 && op && op.op !== 'del' ? op.path.join('\n') : '';
}

/** A change that fits nowhere any more, as a record of what it wanted. */
export function leftOver(op: Op, tree: Tree): Conflict {
  const theirs = getIn(tree, op.path);
  return {
    path: op.path,
    kind: 'value',
    ...(theirs === undefined ? {} : { theirs }),
    ...(op.op === 'set' ? { ours: op.value } : {}),
    chosen: 'theirs',
  };
}
