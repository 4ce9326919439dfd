import { z } from 'zod';
import { Hash, Time, Uuid } from '../../ids.ts';
import { Json } from '../../json.ts';
import { ConflictChoice, ConflictRecord } from '../../merge/conflict.ts';
import type { HttpGroup } from '../contract.ts';
import { PageInput, page } from '../page.ts';

/** A conflict as everybody in the workspace sees it. One that needs no person is never open. */
export const ConflictEntry = ConflictRecord.extend({
  status: z.enum(['open', 'resolved']),
  createdAt: Time,
  createdBy: z.string(),
  resolvedAt: Time.optional(),
  resolvedBy: z.string().optional(),
  resolution: ConflictChoice.optional(),
});
export type ConflictEntry = z.infer<typeof ConflictEntry>;

export const conflicts = {
  /** Newest first. */
  list: {
    route: 'GET /v1/projects/:projectId/conflicts',
    access: 'workflow:read',
    rate: 'read',
    input: z.strictObject({
      projectId: Uuid,
      status: z.enum(['open', 'resolved', 'all']).default('open'),
      ...PageInput,
    }),
    output: page(ConflictEntry),
  },
  /**
   * Decides one, as a commit of the server's own. The answer that stands already is kept as it is now, whatever was
   * changed there since; another one is refused with `conflict.place_changed` where the place is no longer as the merge
   * left it, or no longer as `was` says.
   */
  resolve: {
    route: 'POST /v1/projects/:projectId/conflicts/:conflictId/resolve',
    access: 'sync:write',
    rate: 'write',
    input: z.strictObject({
      projectId: Uuid,
      conflictId: Uuid,
      choice: ConflictChoice,
      /** With `edit` only: what is to stand there. */
      value: Json.optional(),
      /** `details.was` of a refusal: the person has seen what stands there now. */
      was: Hash.optional(),
    }),
    output: z.strictObject({ revision: z.int(), hash: Hash, conflict: ConflictEntry }),
  },
  /** Decides all open ones the same way, in one commit. `left`: those whose place was changed since, which stay open. */
  resolveAll: {
    route: 'POST /v1/projects/:projectId/conflicts/resolve',
    access: 'sync:write',
    rate: 'write',
    input: z.strictObject({ projectId: Uuid, choice: z.enum(['theirs', 'ours']) }),
    output: z.strictObject({ revision: z.int(), hash: Hash, resolved: z.array(Uuid), left: z.array(Uuid) }),
  },
} as const satisfies HttpGroup;
