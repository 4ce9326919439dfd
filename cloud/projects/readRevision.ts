import { applyOps } from '#shared/merge/ops.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { Sql } from '../platform/database.ts';
import { listOps } from './commitStore.ts';
import { noProject, readHead } from './head.ts';
import { findRevision, findSnapshot } from './historyStore.ts';
import { findHeadMark } from './projectStore.ts';
import type { TreeCache } from './treeCache.ts';

/**
 * The tree of any revision: the snapshot before it with the commits since. What comes out has the hash that the revision
 * was given when it was made.
 *
 * @returns undefined where there is no such revision, or nothing to rebuild it from
 * @throws SluiceError project.not_found
 */
export async function readRevision(
  sql: Sql,
  place: { workspaceId: string; projectId: string },
  revision: number,
  trees: TreeCache,
): Promise<{ revision: number; hash: string; tree: Tree } | undefined> {
  const mark = await findHeadMark(sql, place.workspaceId, place.projectId);
  if (!mark) throw noProject();
  if (revision > mark.revision) return undefined;
  if (revision === mark.revision) {
    const head = await readHead(sql, place, trees);
    if (head.revision === revision) return { revision, hash: head.hash, tree: head.tree };
  }
  const known = await findRevision(sql, place, revision);
  // One that was pruned: the tree before it is another revision's. The first of all has no commit.
  if (!known && revision > 0) return undefined;
  const cached = known && trees.get(place, known);
  if (known && cached) return { revision, hash: known.hash, tree: cached };
  const snapshot = await findSnapshot(sql, place, revision);
  if (!snapshot) return undefined;
  let { hash, tree } = snapshot;
  for (const commit of await listOps(sql, place, { after: snapshot.revision, upTo: revision })) {
    tree = applyOps(tree, commit.ops);
    hash = commit.hash;
  }
  const found = merkleHash(tree);
  if (found !== hash || (known && found !== known.hash))
    throw new Error(`Revision ${revision} of ${place.projectId} gives ${found} and not ${hash}.`);
  return { revision, hash, tree };
}
