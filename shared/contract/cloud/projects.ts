import { z } from 'zod';
import { Hash, Time, Uuid } from '../../ids.ts';
import { ConflictRecord } from '../../merge/conflict.ts';
import { Commit } from '../../merge/ops.ts';
import { Tree } from '../../workflow/tree.ts';
import type { HttpGroup } from '../contract.ts';
import { PageInput, page } from '../page.ts';
import { Project } from './common.ts';

export const projects = {
  list: {
    route: 'GET /v1/projects',
    access: 'workflow:read',
    rate: 'read',
    input: z.strictObject(PageInput),
    output: page(Project),
  },
  /** The id is made by the desktop; one that is taken elsewhere answers as missing. */
  create: {
    route: 'POST /v1/projects',
    access: 'project:write',
    rate: 'write',
    input: z.strictObject({ id: Uuid, name: z.string().min(1).max(120) }),
    output: Project,
  },
  head: {
    route: 'GET /v1/projects/:projectId/head',
    access: 'workflow:read',
    rate: 'read',
    input: z.strictObject({ projectId: Uuid }),
    output: z.strictObject({ revision: z.int(), hash: Hash, tree: Tree }),
  },
  commits: {
    route: 'GET /v1/projects/:projectId/commits',
    access: 'workflow:read',
    rate: 'read',
    input: z.strictObject({ projectId: Uuid, since: z.coerce.number().int().min(0) }),
    output: z.strictObject({
      revision: z.int(),
      hash: Hash,
      commits: z.array(z.strictObject({ revision: z.int(), authorName: z.string(), createdAt: Time, commit: Commit })),
    }),
  },
  push: {
    route: 'POST /v1/projects/:projectId/commits',
    access: 'sync:write',
    rate: 'write',
    input: z.strictObject({
      projectId: Uuid,
      commit: Commit,
      /** What the merge that this commit carries could not decide: kept with it, or not at all. */
      conflicts: z.array(ConflictRecord).max(500).default([]),
    }),
    output: z.strictObject({ revision: z.int(), hash: Hash, rebased: z.boolean() }),
  },
  /** Nobody changes the project until it is unlocked: pushes are answered with `project.locked`. */
  lock: {
    route: 'POST /v1/projects/:projectId/lock',
    access: 'workspace:write',
    rate: 'write',
    input: z.strictObject({ projectId: Uuid }),
    output: Project,
  },
  unlock: {
    route: 'POST /v1/projects/:projectId/unlock',
    access: 'workspace:write',
    rate: 'write',
    input: z.strictObject({ projectId: Uuid }),
    output: Project,
  },
} as const satisfies HttpGroup;
