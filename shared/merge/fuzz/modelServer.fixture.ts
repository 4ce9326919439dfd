import { merkleHash } from '../../workflow/hash.ts';
import type { Tree } from '../../workflow/tree.ts';
import type { ConflictRecord } from '../conflict.ts';
import { applyCommit, applyOps, type Commit } from '../ops.ts';
import type { TakenCommit } from '../rebaseCommit.ts';

export type Answer = { revision: number; hash: string; rebased: boolean };

/** A project's head as the control plane keeps it: one row, moved by one commit after the other. */
export type ModelServer = {
  head(): { revision: number; tree: Tree };
  /** What was taken after a revision, in order. */
  since(revision: number): TakenCommit[];
  /**
   * Takes a commit, rebased where nothing it touches has changed; one that it has taken already gets the answer of then.
   *
   * @param records what the sender's merge could not keep, for everybody to see
   * @throws SluiceError project.rebase_required and what else the control plane refuses
   */
  push(commit: Commit, author: string, records: readonly ConflictRecord[]): Answer;
  records(): ConflictRecord[];
};

export function createModelServer(first: Tree): ModelServer {
  const log: TakenCommit[] = [];
  const answers = new Map<string, Answer>();
  const records = new Map<string, ConflictRecord>();
  let tree = first;
  return {
    head: () => ({ revision: log.length, tree }),
    since: (revision) => log.slice(revision),
    push(commit, author, brought) {
      const known = answers.get(commit.commitId);
      if (known) return known;
      const taken = applyCommit({ revision: log.length, tree }, commit);
      tree = taken.tree;
      log.push({ revision: log.length + 1, author, commit });
      for (const record of brought) records.set(record.id, record);
      const answer = { revision: log.length, hash: merkleHash(tree), rebased: taken.rebased };
      answers.set(commit.commitId, answer);
      return answer;
    },
    records: () => [...records.values()],
  };
}

/** A tree after what others sent. */
export const after = (tree: Tree, taken: readonly TakenCommit[]): Tree =>
  taken.reduce((now, { commit }) => applyOps(now, commit.ops), tree);
