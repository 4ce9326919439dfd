import type { Tree } from '#shared/workflow/tree.ts';
import { tenantKey } from '../platform/tenantKey.ts';

type Place = { workspaceId: string; projectId: string };
type Mark = { revision: number; hash: string };

/**
 * Trees that were read or made lately, each under the revision and hash that name it for ever. Sharing the very same value
 * spares parsing and hashing a large project at every commit; nobody changes a tree in place.
 */
export type TreeCache = {
  get(place: Place, mark: Mark): Tree | undefined;
  /** @param bytes of the tree's text, about */
  set(place: Place, mark: Mark, tree: Tree, bytes: number): void;
  /** The project's tree that was set last, if it is still here. It may be one whose transaction came to nothing. */
  latest(place: Place): (Mark & { tree: Tree }) | undefined;
};

const CAPACITY = 64;
const MAX_BYTES = 128 * 1024 * 1024;

export function createTreeCache({ capacity = CAPACITY, maxBytes = MAX_BYTES } = {}): TreeCache {
  const kept = new Map<string, { tree: Tree; bytes: number }>();
  const latest = new Map<string, Mark>();
  let total = 0;
  const projectKey = ({ workspaceId, projectId }: Place) => tenantKey(workspaceId, projectId);
  const keyOf = ({ workspaceId, projectId }: Place, { revision, hash }: Mark) =>
    tenantKey(workspaceId, projectId, revision, hash);

  function take(key: string): { tree: Tree; bytes: number } | undefined {
    const entry = kept.get(key);
    if (entry) {
      kept.delete(key);
      total -= entry.bytes;
    }
    return entry;
  }

  function put(key: string, entry: { tree: Tree; bytes: number }): void {
    kept.set(key, entry);
    total += entry.bytes;
  }

  function get(place: Place, mark: Mark): Tree | undefined {
    const key = keyOf(place, mark);
    const entry = take(key);
    if (entry) put(key, entry);
    return entry?.tree;
  }

  return {
    get,
    set(place, mark, tree, bytes) {
      const key = keyOf(place, mark);
      take(key);
      put(key, { tree, bytes });
      latest.delete(projectKey(place));
      latest.set(projectKey(place), { revision: mark.revision, hash: mark.hash });
      for (const oldest of kept.keys()) {
        if (kept.size <= capacity && (total <= maxBytes || kept.size === 1)) break;
        take(oldest);
      }
      for (const oldest of latest.keys()) {
        if (latest.size <= capacity) break;
        latest.delete(oldest);
      }
    },
    latest(place) {
      const mark = latest.get(projectKey(place));
      const tree = mark && get(place, mark);
      return mark && tree && { ...mark, tree };
    },
  };
}
