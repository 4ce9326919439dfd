import { SluiceError } from '#shared/error.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { Sql } from '../platform/database.ts';
import { findHeadMark, type HeadMark, readHeadTree } from './projectStore.ts';
import type { TreeCache } from './treeCache.ts';

export type Head = HeadMark & { tree: Tree };

export const noProject = () =>
  new SluiceError('project.not_found', 'There is no such project in this workspace.', {
    advice: 'Check the project and the workspace you are in.',
  });

/** What a cache calls the tree of a revision. */
export function treeKey(
  place: { workspaceId: string; projectId: string },
  mark: { revision: number; hash: string },
): string {
  return `head:${place.workspaceId}:${place.projectId}:${mark.revision}:${mark.hash}`;
}

/** The head with its tree, from the cache where this process has seen it. @throws SluiceError project.not_found */
export async function readHead(
  sql: Sql,
  { workspaceId, projectId, lock }: { workspaceId: string; projectId: string; lock?: boolean },
  trees: TreeCache,
): Promise<Head> {
  const mark = await findHeadMark(sql, workspaceId, projectId, lock);
  if (!mark) throw noProject();
  const tree = trees.get(treeKey({ workspaceId, projectId }, mark));
  if (tree) return { ...mark, tree };
  // Without the lock the head may have moved between the two reads.
  const read = await readHeadTree(sql, workspaceId, projectId);
  if (!read) throw noProject();
  trees.set(treeKey({ workspaceId, projectId }, read), read.tree);
  return read;
}
