import { z } from 'zod';
import { Time, Uuid } from '../../ids.ts';

export const Empty = z.strictObject({});
export const Done = z.strictObject({ done: z.literal(true) });

export const ofProject = { projectId: Uuid };
export const ofWorkflow = { projectId: Uuid, workflowId: Uuid };

/** Where a project stands between this computer and the cloud (domain.md 8). */
export const SyncState = z.strictObject({
  state: z.enum(['local_only', 'synced', 'ahead', 'behind', 'conflict', 'needs_sign_in', 'cannot_sync']),
  /** The last revision both sides agreed on. */
  revision: z.int().optional(),
  /** Commits that wait to be sent. */
  pending: z.int(),
  workspaceId: Uuid.optional(),
  syncedAt: Time.optional(),
  /** Why it cannot sync, in words for a person. */
  reason: z.string().optional(),
  /** Open conflicts that a person has to answer. Absent: none. */
  conflicts: z.int().optional(),
  /** What the control plane did not take. It is kept here, shown, and can be exported like everything else. */
  refused: z
    .strictObject({
      code: z.string(),
      reason: z.string(),
      /** What happens next, and what a person can do about it. */
      next: z.string(),
      /** The places that were not taken; empty: all that waits. */
      paths: z.array(z.array(z.string())),
    })
    .optional(),
});
export type SyncState = z.infer<typeof SyncState>;

export const ProjectInfo = z.strictObject({
  id: Uuid,
  name: z.string(),
  /** The folder on this computer. */
  dir: z.string(),
  workflowCount: z.int(),
  /** Untrusted: view and edit only, nothing runs. */
  trusted: z.boolean(),
  /** Whoever is here may look at it and not change, publish or run it. */
  readOnly: z.boolean().optional(),
  sync: SyncState,
  openedAt: Time,
});
export type ProjectInfo = z.infer<typeof ProjectInfo>;
