import { SluiceError } from '../error.ts';
import { merkleHash } from '../workflow/hash.ts';
import type { Tree } from '../workflow/tree.ts';
import { type Conflict, type ConflictRecord, conflictRecord } from './conflict.ts';
import { mergeTrees } from './mergeTrees.ts';
import { applyCommit, applyOps, type Commit, diffTrees } from './ops.ts';

/** A commit that was taken, with the revision it made and who sent it. */
export type TakenCommit = { revision: number; author?: string; commit: Commit };

/** `rebased`: anew against the newest revision, ready to be sent; undefined where the commit was taken already. */
export type Rebased = { tree: Tree; revision: number; rebased: Commit | undefined; conflicts: ConflictRecord[] };

/**
 * Puts a commit on top of newer ones. Where everything it touches is still as it was, that is what the server does itself,
 * and nothing meets; else the two are merged by structure. The commit keeps its id, so one that comes twice, or is
 * rebased twice, is one commit with one set of records: if it is among the newer ones, nothing is left to do.
 *
 * @param base the tree that the commit was made against, at `commit.baseRevision`
 * @param newer what was taken since, in order, without a gap
 * @param author who made the commit
 * @throws SluiceError project.rebase_required where `newer` does not lead on from `base`; project.invalid,
 *   client.upgrade_required
 */
export function rebaseCommit(base: Tree, newer: readonly TakenCommit[], commit: Commit, author?: string): Rebased {
  let revision = commit.baseRevision;
  let theirs = base;
  for (const taken of newer) {
    revision += 1;
    if (taken.revision !== revision) throw gap(revision, taken.revision);
    theirs = applyOps(theirs, taken.commit.ops);
  }
  if (newer.some((taken) => taken.commit.commitId === commit.commitId)) {
    return { tree: theirs, revision, rebased: undefined, conflicts: [] };
  }
  const quick = asItIs({ revision, tree: theirs }, commit);
  const ours = quick ? theirs : applyOps(base, commit.ops);
  const { tree, conflicts } = quick ? { tree: quick, conflicts: [] } : mergeTrees({ base, theirs, ours });
  const { ops, mustExist } = diffTrees(theirs, tree);
  const who = (conflict: Conflict) => {
    const sides = { theirs: lastAuthor(newer, conflict), ours: author };
    return Object.fromEntries(Object.entries(sides).filter(([, name]) => name !== undefined));
  };
  return {
    tree,
    revision,
    rebased: { ...commit, baseRevision: revision, ops, mustExist, resultHash: merkleHash(tree) },
    conflicts: conflicts.map((one) => conflictRecord(one, commit.commitId, who(one))),
  };
}

/** The tree with the commit as the server would take it, or undefined where it asks for a merge. */
function asItIs(head: { revision: number; tree: Tree }, commit: Commit): Tree | undefined {
  try {
    return applyCommit(head, commit).tree;
  } catch (thrown) {
    if (thrown instanceof SluiceError && thrown.code === 'project.rebase_required') return undefined;
    throw thrown;
  }
}

/** Who last changed something at, in or above the place of a conflict, or what else brought it about. */
function lastAuthor(newer: readonly TakenCommit[], { kind, path }: Conflict): string | undefined {
  const [part = '', workflowId = '', section = '', id = ''] = path;
  const places = [path];
  if (section === 'layout') places.push([part, workflowId, 'steps', id]);
  if (kind === 'cycle') places.push([part, workflowId, section]);
  for (const place of places) {
    const taken = newer.findLast(({ commit }) => commit.ops.some((op) => meets(op.path, place)));
    if (taken) return taken.author;
  }
  return undefined;
}

function meets(a: readonly string[], b: readonly string[]): boolean {
  return a.slice(0, b.length).every((key, i) => key === b[i]);
}

function gap(expected: number, found: number): SluiceError {
  return new SluiceError('project.rebase_required', `Revision ${expected} is missing; ${found} came instead.`, {
    advice: 'Fetch the project again.',
    details: { paths: [] },
  });
}
