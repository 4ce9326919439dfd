import { SluiceError } from '#shared/error.ts';
import { applyOps } from '#shared/merge/ops.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { Sql } from '../platform/database.ts';
import { listOps } from './commitStore.ts';
import { findHeadMark, type HeadMark, readHeadTree } from './projectStore.ts';
import type { TreeCache } from './treeCache.ts';

type Place = { workspaceId: string; projectId: string };

export type Head = HeadMark & { tree: Tree };

/** So many commits of other processes are put onto a tree that is here; beyond that the whole one is read. */
const CATCH_UP = 50;

export const noProject = () =>
  new SluiceError('project.not_found', 'There is no such project in this workspace.', {
    advice: 'Check the project and the workspace you are in.',
  });

/**
 * The head with its tree, from the cache where this process has seen it or an earlier one.
 *
 * @param place with `lock`, nobody else moves the head before this transaction ends
 * @throws SluiceError project.not_found
 */
export async function readHead(
  sql: Sql,
  { workspaceId, projectId, lock }: Place & { lock?: boolean },
  trees: TreeCache,
): Promise<Head> {
  const place = { workspaceId, projectId };
  const mark = await findHeadMark(sql, workspaceId, projectId, lock);
  if (!mark) throw noProject();
  const known = trees.get(place, mark) ?? (await catchUp(sql, place, mark, trees));
  if (known) return { ...mark, tree: known };
  // Without the lock the head may have moved between the two reads.
  const read = await readHeadTree(sql, workspaceId, projectId);
  if (!read) throw noProject();
  const taken = await listOps(sql, place, { after: read.treeRevision, upTo: read.revision });
  const tree = taken.reduce((now, { ops }) => applyOps(now, ops), read.tree);
  if (taken.length > 0 && merkleHash(tree) !== read.hash)
    throw new Error(`The head of ${projectId} is not what its commits lead to.`);
  trees.set(place, read, tree, read.bytes);
  return { ...read, tree };
}

/** The tree of before with what was committed since: it shares all that stayed, so that hashing it costs little. */
async function catchUp(sql: Sql, place: Place, mark: HeadMark, trees: TreeCache): Promise<Tree | undefined> {
  const before = trees.latest(place);
  if (!before || before.revision >= mark.revision || mark.revision - before.revision > CATCH_UP) return undefined;
  const taken = await listOps(sql, place, { after: before.revision, upTo: mark.revision });
  try {
    const tree = taken.reduce((now, { ops }) => applyOps(now, ops), before.tree);
    if (merkleHash(tree) !== mark.hash) return undefined;
    trees.set(place, mark, tree, mark.bytes);
    return tree;
  } catch (thrown) {
    // It was a tree whose transaction came to nothing.
    if (thrown instanceof SluiceError) return undefined;
    throw thrown;
  }
}
