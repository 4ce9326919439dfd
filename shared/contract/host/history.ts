import { z } from 'zod';
import { Time } from '../../ids.ts';
import { Tree } from '../../workflow/tree.ts';
import { Change as ChangedPart } from '../cloud/history.ts';
import type { Group } from '../contract.ts';
import { PageInput, page } from '../page.ts';
import { Done, ofProject } from './common.ts';

export const HistoryWhere = z.enum(['cloud', 'local']);

/** One point of a project's history: `cloud` counts the revisions of the workspace, `local` those of this computer. */
export const HistoryEntry = z.strictObject({
  where: HistoryWhere,
  revision: z.int(),
  authorName: z.string().optional(),
  createdAt: Time,
  /** canvas, file, sync, restore, undo, git, merge, import. */
  origin: z.string(),
  message: z.string().optional(),
  /** What a person called it. */
  name: z.string().optional(),
  /** The first few parts it changed, and how many there are in all. */
  changes: z.array(ChangedPart),
  changeCount: z.int(),
});
export type HistoryEntry = z.infer<typeof HistoryEntry>;

export const history = {
  /** The workspace's where the project is in one and it answers, else this computer's own. Newest first. */
  list: {
    input: z.strictObject({ ...ofProject, where: HistoryWhere.optional(), ...PageInput }),
    output: page(HistoryEntry),
  },
  at: {
    input: z.strictObject({ ...ofProject, where: HistoryWhere, revision: z.int().min(0) }),
    output: z.strictObject({ revision: z.int(), tree: Tree }),
  },
  /** Makes the project what it was, as one new revision: everything since stays in the history. */
  restore: {
    input: z.strictObject({ ...ofProject, where: HistoryWhere, revision: z.int().min(0) }),
    output: z.strictObject({ revision: z.int() }),
  },
  name: {
    input: z.strictObject({
      ...ofProject,
      where: HistoryWhere,
      revision: z.int().min(0),
      name: z.string().trim().min(1).max(120).nullable(),
    }),
    output: Done,
  },
} as const satisfies Group;
