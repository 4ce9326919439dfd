import type { Tree } from '../workflow/tree.ts';
import type { Conflict } from './conflict.ts';
import { mergeTrees } from './mergeTrees.ts';

/**
 * Takes one's own edit back out of a tree that may have changed since: what nobody touched after it is as it was before,
 * what somebody did touch stays (sync.md, trap 10). `invertOps` is the strict one: all or nothing.
 *
 * @param edit the tree before and after the edit
 * @returns `left`: where it could not be taken back as it was; nothing has to be decided there
 */
export function undo(edit: { before: Tree; after: Tree }, now: Tree): { tree: Tree; left: Conflict[] } {
  const { tree, conflicts } = mergeTrees({ base: edit.after, theirs: now, ours: edit.before });
  return { tree, left: conflicts };
}
