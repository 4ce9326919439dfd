import { applyOps, diffTrees, type Op } from '#shared/merge/ops.ts';
import { tornParts } from '#shared/merge/structure.ts';
import type { Tree } from '#shared/workflow/tree.ts';

/**
 * What can be sent of a tree without some places: those stay as they are in the base, and so does what would hang in the air
 * without them, as an edge to a step that is not sent.
 *
 * @param held places, each with everything below it
 */
export function leaveOut(base: Tree, tree: Tree, held: readonly (readonly string[])[]): Tree {
  if (held.length === 0) return tree;
  const torn = new Set(tornParts(tree).map((path) => path.join('\n')));
  const out = [...held];
  for (;;) {
    const { ops } = diffTrees(base, tree);
    const next = applyOps(
      base,
      ops.filter((op) => !out.some((path) => meets(op, path))),
    );
    const hanging = tornParts(next).filter((path) => !torn.has(path.join('\n')) && !out.some((one) => same(one, path)));
    if (hanging.length === 0) return next;
    out.push(...hanging);
  }
}

/** Whether an op changes something at, in or above a place. */
function meets({ path }: Op, place: readonly string[]): boolean {
  return place.slice(0, path.length).every((key, i) => key === path[i]);
}

const same = (a: readonly string[], b: readonly string[]) => a.length === b.length && a.every((key, i) => key === b[i]);
