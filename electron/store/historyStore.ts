import type { DatabaseSync } from 'node:sqlite';
import type { HistoryEntry } from '#shared/contract/host/history.ts';
import { SluiceError } from '#shared/error.ts';
import type { ChangedParts } from '#shared/merge/changedParts.ts';
import { applyOps, type Op } from '#shared/merge/ops.ts';
import type { Tree } from '#shared/workflow/tree.ts';

/** What this computer's commits of one project can tell. */
export type HistoryStore = {
  /** Newest first, those before a revision. */
  list(limit: number, before?: number): HistoryEntry[];
  /**
   * The tree as it was at a revision, from a known one that is newer or the same. Goes back step by step, so the past costs
   * more the farther it is away.
   *
   * @throws SluiceError revision.not_found where this computer did not keep it
   */
  at(revision: number, known: { revision: number; tree: Tree }): Tree;
  /** @throws SluiceError revision.not_found */
  name(revision: number, name: string | null): void;
};

export function openHistoryStore(db: DatabaseSync): HistoryStore {
  const page = db.prepare(
    `SELECT revision, origin, at, changes, message, name FROM commits
     WHERE back IS NOT NULL AND revision < ? ORDER BY revision DESC LIMIT ?`,
  );
  const backs = db.prepare(
    'SELECT revision, back FROM commits WHERE revision > ? AND revision <= ? ORDER BY revision DESC',
  );
  const rename = db.prepare('UPDATE commits SET name = ? WHERE revision = ? AND back IS NOT NULL');
  return {
    list: (limit, before = Number.MAX_SAFE_INTEGER) =>
      page.all(before, limit).map((row) => ({
        where: 'local',
        revision: Number(row.revision),
        createdAt: String(row.at),
        origin: String(row.origin),
        ...(JSON.parse(String(row.changes)) as ChangedParts),
        ...(row.message === null ? {} : { message: String(row.message) }),
        ...(row.name === null ? {} : { name: String(row.name) }),
      })),
    at: (revision, known) => {
      let tree = known.tree;
      let at = known.revision;
      for (const row of backs.iterate(revision, known.revision)) {
        if (Number(row.revision) !== at || row.back === null) break;
        try {
          tree = applyOps(tree, JSON.parse(String(row.back)) as Op[]);
        } catch {
          // What was committed then did not lead to what came after it, as after a crash: nothing before it is known.
          break;
        }
        at -= 1;
      }
      if (at !== revision) throw noRevision(revision);
      return tree;
    },
    name: (revision, name) => {
      if (rename.run(name, revision).changes === 0) throw noRevision(revision);
    },
  };
}

function noRevision(revision: number): SluiceError {
  return new SluiceError('revision.not_found', `This computer does not keep revision ${revision} of the project.`, {
    advice: 'Choose one of the list.',
  });
}
