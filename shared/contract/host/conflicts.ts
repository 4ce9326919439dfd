import { z } from 'zod';
import { Hash, Uuid } from '../../ids.ts';
import { Json } from '../../json.ts';
import { ConflictChoice } from '../../merge/conflict.ts';
import { ConflictEntry as CloudConflict } from '../cloud/conflicts.ts';
import type { Group } from '../contract.ts';
import { ofProject } from './common.ts';

/** A conflict: of the workspace, for everybody; or of this computer alone, where the project is in none. */
export const ConflictEntry = CloudConflict.extend({
  where: z.enum(['cloud', 'local']),
  createdBy: z.string().optional(),
});
export type ConflictEntry = z.infer<typeof ConflictEntry>;

/** Places where two answers met (sync.md 2). Those of a project in a workspace are the workspace's, all others this computer's. */
export const conflicts = {
  /** Newest first; answered from what this computer knows, without waiting for anybody. */
  list: {
    input: z.strictObject({ ...ofProject, status: z.enum(['open', 'resolved', 'all']).default('open') }),
    output: z.array(ConflictEntry),
  },
  /** Puts an answer in the place and closes the record. Without a connection it is told to the others later. */
  resolve: {
    input: z.strictObject({
      ...ofProject,
      conflictId: Uuid,
      choice: ConflictChoice,
      /** With `edit`: what shall stand there; absent: nothing. */
      value: Json.optional(),
      /** `details.was` of a refusal with `conflict.place_changed`: the person has seen what stands there now. */
      was: Hash.optional(),
    }),
    output: z.strictObject({ revision: z.int(), conflict: ConflictEntry }),
  },
  resolveAll: {
    input: z.strictObject({ ...ofProject, choice: z.enum(['theirs', 'ours']) }),
    /** `left`: those whose place was changed since, which stay open. */
    output: z.strictObject({ revision: z.int(), resolved: z.array(Uuid), left: z.array(Uuid) }),
  },
} as const satisfies Group;
