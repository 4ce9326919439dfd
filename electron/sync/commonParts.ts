import { isJsonObject, type Json } from '#shared/json.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import type { Tree } from '#shared/workflow/tree.ts';

/**
 * What two trees have in common: the base of their merge where nobody knows where they came from, as with two checkouts of
 * one repository. What only one has counts as added by it, so nothing is taken for deleted.
 */
export function commonParts(a: Tree, b: Tree): Tree {
  return common(a as unknown as Json, b as unknown as Json) as unknown as Tree;
}

function common(a: Json, b: Json): Json | undefined {
  if (isJsonObject(a) && isJsonObject(b)) {
    if (merkleHash(a) === merkleHash(b)) return a;
    const shared: Record<string, Json> = Object.create(null);
    for (const key of Object.keys(a)) {
      const [ours, theirs] = [a[key], b[key]];
      const both = ours === undefined || theirs === undefined ? undefined : common(ours, theirs);
      if (both !== undefined) shared[key] = both;
    }
    return shared;
  }
  return merkleHash(a) === merkleHash(b) ? a : undefined;
}
