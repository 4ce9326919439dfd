import type { Tree } from '#shared/workflow/tree.ts';

/**
 * Trees that were read or made lately, by a key that names one content for ever. Sharing the very same value spares
 * parsing and hashing a large project at every commit; nobody changes a tree in place.
 */
export type TreeCache = {
  get(key: string): Tree | undefined;
  set(key: string, tree: Tree): void;
};

export function createTreeCache(capacity = 32): TreeCache {
  const kept = new Map<string, Tree>();
  return {
    get(key) {
      const tree = kept.get(key);
      if (tree) {
        kept.delete(key);
        kept.set(key, tree);
      }
      return tree;
    },
    set(key, tree) {
      kept.delete(key);
      kept.set(key, tree);
      for (const oldest of kept.keys()) {
        if (kept.size <= capacity) break;
        kept.delete(oldest);
      }
    },
  };
}
