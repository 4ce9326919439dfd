import { SluiceError } from '#shared/error.ts';
import { slugOf } from '#shared/ids.ts';
import type { ConflictRecord } from '#shared/merge/conflict.ts';
import { applyCommit, type Commit } from '#shared/merge/ops.ts';
import type { Permission } from '#shared/permission.ts';
import { merkleHash } from '#shared/workflow/hash.ts';
import { dataFault } from '#shared/workflow/plainData.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { Sql } from '../platform/database.ts';
import { changesOf } from './changes.ts';
import { appendCommit, type CommitAnswer } from './commitStore.ts';
import { placeHash } from './conflictPlace.ts';
import { insertConflicts } from './conflictStore.ts';
import { type Head, treeKey } from './head.ts';
import { ensureFits, ensureMayPush, ensureUnlocked } from './projectPolicy.ts';
import { insertSnapshot } from './projectStore.ts';
import type { TreeCache } from './treeCache.ts';

/** A revision is rebuilt from the snapshot before it and at most so many commits. */
export const SNAPSHOT_EVERY = 200;

export type Sender = { workspaceId: string; projectId: string; userId: string; permissions: ReadonlySet<Permission> };

export type Taken = CommitAnswer & { tree: Tree };

/**
 * The one way to move a head: checks a commit, puts it on the head, and keeps it with the conflicts that it carries. The
 * head must be locked by this transaction.
 *
 * @throws SluiceError project.locked, access.denied, project.rebase_required, project.invalid, client.upgrade_required,
 *   request.too_large
 */
export async function takeCommit(
  sql: Sql,
  sender: Sender,
  head: Head,
  commit: Commit,
  { conflicts = [], trees }: { conflicts?: readonly ConflictRecord[]; trees: TreeCache },
): Promise<Taken> {
  const place = { workspaceId: sender.workspaceId, projectId: sender.projectId };
  ensureUnlocked(head);
  ensureMayPush(sender.permissions, commit.ops);
  const { tree, rebased } = applyCommit(head, commit);
  const treeText = JSON.stringify(tree);
  ensureFits(treeText, tree, commit.ops);
  const revision = head.revision + 1;
  const hash = merkleHash(tree);
  const { name } = tree.project;
  await appendCommit(sql, { ...place, authorId: sender.userId }, commit, {
    ...changesOf(head.tree, tree, commit.ops),
    revision,
    hash,
    rebased,
    treeText,
    name,
    slug: slugOf(name),
  });
  if (conflicts.length > 0)
    await insertConflicts(
      sql,
      sender,
      conflicts.map((record) => left(record, tree)),
    );
  if (revision % SNAPSHOT_EVERY === 0) await insertSnapshot(sql, place, { revision, hash, treeText });
  // Where the transaction does not commit, nobody asks for this revision with this hash.
  trees.set(treeKey(place, { revision, hash }), tree);
  return { revision, hash, rebased, tree };
}

function left(record: ConflictRecord, tree: Tree): { record: ConflictRecord; placeHash: string } {
  const fault = dataFault(record);
  if (fault !== undefined) {
    throw new SluiceError('request.invalid', `The conflict at ${record.path.join('/')} cannot be kept: ${fault}.`);
  }
  return { record, placeHash: placeHash(tree, record.path) };
}
