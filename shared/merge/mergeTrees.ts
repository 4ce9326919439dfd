import type { Json } from '../json.ts';
import type { Tree } from '../workflow/tree.ts';
import type { Conflict } from './conflict.ts';
import { closedCycles } from './cycles.ts';
import { followScripts } from './followScripts.ts';
import { keepDeleted } from './keepDeleted.ts';
import { conflictAt, mergeValue } from './mergeValue.ts';
import { renameAdded } from './renameAdded.ts';
import type { Trees } from './trees.ts';

/** What came of both sides, and everything of either side that is not in it. */
export type Merged = { tree: Tree; conflicts: Conflict[] };

/**
 * The three-way merge, one for every place that has two answers: desktop and cloud, canvas and files, two branches in Git,
 * a commit and a newer head, an undo and what came after it (sync.md 0 and 2).
 *
 * Every change of either side is in the tree or in a conflict. Where the three trees are structurally sound (every edge,
 * place and pin belongs to a step), so is the result. The trees that come in are never changed, and what they share with
 * the result is shared.
 *
 * @param trees `theirs` is the side whose values stand where both changed one place: the server's head, the file on disk.
 *   `base` is what both come from; where nobody knows it, what both have in common.
 */
export function mergeTrees(trees: Trees): Merged {
  const conflicts: Conflict[] = [];
  const apart = renameAdded(trees, conflicts);
  const kept = keepDeleted(apart, conflicts);
  const { base, theirs, ours } = followScripts(kept) as unknown as Record<keyof Trees, Json>;
  const tree = mergeValue(base, theirs, ours, [], conflicts) as unknown as Tree;
  noteCycles(tree, apart, conflicts);
  return { tree, conflicts };
}

function noteCycles(tree: Tree, { theirs, ours }: Trees, conflicts: Conflict[]): void {
  for (const [workflowId, workflow] of Object.entries(tree.workflows)) {
    const [there, here] = [theirs.workflows[workflowId], ours.workflows[workflowId]];
    if (!there || !here || workflow.edges === there.edges || workflow.edges === here.edges) continue;
    for (const key of closedCycles(workflow, there, here))
      conflicts.push(conflictAt(['workflows', workflowId, 'edges', key], 'cycle', { ours: {} }, 'both'));
  }
}
