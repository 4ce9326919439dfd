import type { SyncState } from '#shared/contract/host/common.ts';
import type { Refusal } from './refusal.ts';

/** What is known of a bound project, of which a person is told one thing. */
export type SyncFacts = {
  workspaceId: string;
  base: { revision: number; syncedAt: string };
  /** Local commits that the server does not have. */
  pending: number;
  /** Whether a commit is on its way. */
  isSending: boolean;
  /** The newest revision that the server spoke of. */
  heard: number;
  openConflicts: number;
  signedIn: boolean;
  refusal: Refusal | undefined;
  /** A branch that was switched to, and no word yet whether it shall be sent. */
  branch: { from: string; to: string } | undefined;
};

/** What the status bar says: of several things the one that a person has to do something about first. */
export function syncStateOf({ base, pending, refusal, branch, openConflicts: open, ...facts }: SyncFacts): SyncState {
  const about = {
    ...{ revision: base.revision, pending, workspaceId: facts.workspaceId },
    ...(base.syncedAt === '' ? {} : { syncedAt: base.syncedAt }),
    ...(open === 0 ? {} : { conflicts: open }),
  };
  if (branch) return { ...about, state: 'cannot_sync', reason: branchReason(branch) };
  if (!facts.signedIn) return { ...about, state: 'needs_sign_in' };
  if (refusal) {
    const { at: _, ...refused } = refusal;
    return { ...about, state: 'cannot_sync', reason: refused.reason, refused };
  }
  if (open > 0) return { ...about, state: 'conflict', reason: conflictReason(open) };
  if (pending > 0 || facts.isSending) return { ...about, state: 'ahead' };
  return { ...about, state: facts.heard > base.revision ? 'behind' : 'synced' };
}

function conflictReason(open: number): string {
  return open === 1
    ? 'Two answers met in one place. Both are kept; choose which stays.'
    : `Two answers met in ${open} places. Both are kept in each; choose which stays.`;
}

function branchReason({ from, to }: { from: string; to: string }): string {
  return `Git switched from ${from} to ${to}, which changed the project. Nothing is sent until you say whether the workspace shall follow.`;
}
