import type { Json, JsonObject } from '../json.ts';
import { getIn, setIn } from '../workflow/plainData.ts';
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

/**
 * `setIn`, where a workflow's map of pins is there as long as it holds one, whoever took the others away.
 *
 * @returns undefined where the path's parent does not exist
 */
export function putAt(
  tree: Tree,
  path: readonly string[],
  value: Json | undefined,
  fresh?: Set<object>,
): Tree | undefined {
  const [kind, workflowId = '', stepId, ...deeper] = path;
  if (kind !== 'pins' || stepId === undefined || deeper.length > 0) return setIn(tree, path, value, fresh);
  const { [stepId]: _, ...others } = (getIn(tree, ['pins', workflowId]) ?? {}) as JsonObject;
  const pins = value === undefined ? others : { ...others, [stepId]: value };
  return setIn(tree, ['pins', workflowId], Object.keys(pins).length > 0 ? pins : undefined, fresh);
}
