import type { Tree } from '../workflow/tree.ts';
import { applyOps, diffTrees, type Op } from './ops.ts';

/**
 * The ops that take these back, in the order in which they must be applied. Each one's `was` is what the op it takes back
 * left behind, so `applyOps` refuses to take back what somebody else has changed since (sync.md, trap 10: an undo inverts
 * its own changes only). To take back what can be, use `undo`.
 *
 * @param before the tree that the ops were applied to
 * @throws SluiceError project.rebase_required where the ops do not fit `before`
 */
export function invertOps(before: Tree, ops: readonly Op[]): Op[] {
  const back: Op[][] = [];
  let tree = before;
  for (const op of ops) {
    const next = applyOps(tree, [op]);
    back.unshift(diffTrees(next, tree).ops);
    tree = next;
  }
  return back.flat();
}
