import type { Json } from '../json.ts';
import { setIn } from '../workflow/plainData.ts';
import type { Tree } from '../workflow/tree.ts';

/** What both sides come from, and what each made of it. */
export type Trees = { base: Tree; theirs: Tree; ours: Tree };

/** Who took something away, and who has it still. */
export type Sides = { by: 'theirs' | 'ours'; other: 'theirs' | 'ours' };

/** A tree with something else in a place whose parent is there; undefined takes it away. */
export function put(tree: Tree, path: string[], value: unknown): Tree {
  const next = setIn(tree, path, value as Json | undefined);
  if (next === undefined) throw new Error(`A tree has no ${path.join('/')}.`);
  return next;
}
