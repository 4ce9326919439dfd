import { z } from 'zod';
import { Hash, Time, Uuid } from '../../ids.ts';
import { Origin } from '../../merge/ops.ts';
import { Tree } from '../../workflow/tree.ts';
import type { HttpGroup } from '../contract.ts';
import { PageInput, page } from '../page.ts';

/** A step, script or other part that a commit changed, by the name it had then. */
export const Change = z.strictObject({
  path: z.array(z.string()),
  name: z.string(),
  what: z.enum(['added', 'changed', 'removed']),
});
export type Change = z.infer<typeof Change>;

const RevisionName = z.string().trim().min(1).max(120);

/** One revision of a project, without its tree. */
export const HistoryEntry = z.strictObject({
  revision: z.int(),
  hash: Hash,
  authorName: z.string(),
  createdAt: Time,
  origin: Origin,
  message: z.string().optional(),
  /** What somebody called it. */
  name: z.string().optional(),
  /** The first few parts it changed, and how many there are in all. */
  changes: z.array(Change),
  changeCount: z.int(),
});
export type HistoryEntry = z.infer<typeof HistoryEntry>;

export const history = {
  /** Newest first. */
  list: {
    route: 'GET /v1/projects/:projectId/history',
    access: 'workflow:read',
    rate: 'read',
    input: z.strictObject({ projectId: Uuid, ...PageInput }),
    output: page(HistoryEntry),
  },
  at: {
    route: 'GET /v1/projects/:projectId/revisions/:revision',
    access: 'workflow:read',
    rate: 'read',
    input: z.strictObject({ projectId: Uuid, revision: z.coerce.number().int().min(0).max(2_147_483_647) }),
    output: z.strictObject({ revision: z.int(), hash: Hash, tree: Tree }),
  },
  /** null takes the name away. */
  name: {
    route: 'PUT /v1/projects/:projectId/revisions/:revision/name',
    access: 'sync:write',
    rate: 'write',
    input: z.strictObject({
      projectId: Uuid,
      revision: z.coerce.number().int().min(1).max(2_147_483_647),
      name: RevisionName.nullable(),
    }),
    output: HistoryEntry,
  },
} as const satisfies HttpGroup;
