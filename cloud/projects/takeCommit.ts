import { SluiceError } from '#shared/error.ts';
import { slugOf } from '#shared/ids.ts';
import { changedParts } from '#shared/merge/changedParts.ts';
import type { ConflictRecord } from '#shared/merge/conflict.ts';
import { placeHash } from '#shared/merge/decide.ts';
import { applyCommit, type Commit } from '#shared/merge/ops.ts';
import type { Permission } from '#shared/permission.ts';
import { derivedId, merkleHash } from '#shared/workflow/hash.ts';
import { dataFault } from '#shared/workflow/plainData.ts';
import type { Tree } from '#shared/workflow/tree.ts';
import type { Sql } from '../platform/database.ts';
import { appendCommit, type CommitAnswer, readPremises, renameProject } from './commitStore.ts';
import { insertConflicts } from './conflictStore.ts';
import { type Head, noProject } from './head.ts';
import { bytesAfter, ensureFits, ensureMayPush, ensureRoom, ensureUnlocked } from './projectPolicy.ts';
import { insertSnapshot } from './projectStore.ts';
import type { TreeCache } from './treeCache.ts';

/** A revision is rebuilt from the snapshot before it and at most so many commits, none of them large. */
export const SNAPSHOT_EVERY = 200;
export const SNAPSHOT_ABOVE = 256 * 1024;
/** The stored tree is never so many commits, and never so large ones, behind the head. */
const BURST = 20;
const BURST_BYTES = 16 * 1024;

export type Sender = { workspaceId: string; projectId: string; userId: string; permissions: ReadonlySet<Permission> };

/** `fresh`: not taken before. */
export type Beside = {
  conflicts?: readonly ConflictRecord[];
  trees: TreeCache;
  /** Another commit waits for this one: it will write the tree. */
  isBurst?: boolean;
};

export type Taken = CommitAnswer & { fresh: boolean };

/**
 * The one way to move a head: checks a commit, puts it on the head, and keeps it with the conflicts that it carries. One
 * that was taken before gets its first answer, and nothing else happens. The head must be locked by this transaction.
 *
 * @throws SluiceError project.not_found, project.locked, access.denied, project.rebase_required, project.invalid,
 *   client.upgrade_required, request.too_large, plan.limit_exceeded
 */
export async function takeCommit(
  sql: Sql,
  sender: Sender,
  head: Head,
  commit: Commit,
  { conflicts = [], trees, isBurst = false }: Beside,
): Promise<Taken> {
  const place = { workspaceId: sender.workspaceId, projectId: sender.projectId };
  const premises = await readPremises(sql, place, commit.commitId);
  if (!premises) throw noProject();
  if (premises.known) return { ...premises.known, fresh: false };
  ensureUnlocked(premises);
  ensureMayPush(sender.permissions, commit.ops);
  const { tree, rebased } = applyCommit(head, commit);
  const revision = head.revision + 1;
  const opsText = JSON.stringify(commit.ops);
  const isSnapshot = revision % SNAPSHOT_EVERY === 0 || opsText.length > SNAPSHOT_ABOVE;
  const isWritten = isSnapshot || !isBurst || revision - head.treeRevision >= BURST || opsText.length > BURST_BYTES;
  const treeText = isWritten ? JSON.stringify(tree) : undefined;
  const bytes = treeText === undefined ? bytesAfter(head, tree, commit.ops) : Buffer.byteLength(treeText);
  ensureFits(bytes, tree, commit.ops);
  ensureRoom(premises, head, { tree, bytes }, commit.ops);
  const hash = merkleHash(tree);
  await appendCommit(sql, { ...place, authorId: sender.userId }, commit, {
    ...changedParts(head.tree, tree, commit.ops),
    revision,
    hash,
    rebased,
    opsText,
    treeText,
    treeRevision: isWritten ? revision : head.treeRevision,
    bytes,
  });
  const { name } = tree.project;
  if (name !== head.tree.project.name) await renameProject(sql, place, name, slugOf(name));
  if (conflicts.length > 0)
    await insertConflicts(
      sql,
      sender,
      apart(conflicts).map((record) => left(record, tree)),
    );
  if (isSnapshot && treeText !== undefined) await insertSnapshot(sql, place, { revision, hash, treeText });
  // Where the transaction does not commit, nobody asks for this revision with this hash.
  trees.set(place, { revision, hash }, tree, bytes);
  return { revision, hash, rebased, fresh: true };
}

/**
 * A commit that was merged twice on its way may bring two records of one kind at one place, under the one id that follows
 * from these. Each holds answers that the other has not, so the later one gets an id of its own.
 */
function apart(records: readonly ConflictRecord[]): ConflictRecord[] {
  const found = new Map<string, ConflictRecord>();
  for (const record of records) {
    const first = found.get(record.id);
    if (first && merkleHash(first) === merkleHash(record)) continue;
    const id = first ? derivedId(record.id, merkleHash(record)) : record.id;
    found.set(id, { ...record, id });
  }
  return [...found.values()];
}

function left(record: ConflictRecord, tree: Tree): { record: ConflictRecord; placeHash: string } {
  const fault = dataFault(record);
  if (fault !== undefined) {
    throw new SluiceError('request.invalid', `The conflict at ${record.path.join('/')} cannot be kept: ${fault}.`);
  }
  return { record, placeHash: placeHash(tree, record.path) };
}
