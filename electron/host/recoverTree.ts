import { type Merged, mergeTrees } from '#shared/merge/mergeTrees.ts';
import { applyOps, type Op } from '#shared/merge/ops.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import { leftOver } from './projectLog.ts';

/** What a process left behind that ended. */
export type Left = {
  /** What the files said when files and tree last agreed. */
  agreed: Tree;
  /** The tree that was flushed then, where some file could not be written with it. */
  pending: Tree | undefined;
  /** What was committed since, oldest first. */
  commits: readonly { ops: Op[] }[];
};

/**
 * What was committed and not written when the last process ended meets what the files say now.
 *
 * @returns `ours`: the project as it was committed; `merged`: what becomes of it
 */
export function recoverTree({ agreed, pending, commits }: Left, files: Tree): { ours: Tree; merged: Merged } {
  let ours = pending ?? agreed;
  const unfit: Op[] = [];
  for (const { ops } of commits) {
    try {
      ours = applyOps(ours, ops);
    } catch {
      // They were made on a state that is not there any more: kept, like all that gives way.
      unfit.push(...ops);
    }
  }
  const { tree, conflicts } = mergeTrees({ base: agreed, theirs: files, ours });
  return { ours, merged: { tree, conflicts: [...conflicts, ...unfit.map((op) => leftOver(op, tree))] } };
}
