import { z } from 'zod';
import { Hash, Time, Uuid } from '../../ids.ts';
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
    input: z.strictObject({ projectId: Uuid, commit: Commit }),
    output: z.strictObject({ revision: z.int(), hash: Hash, rebased: z.boolean() }),
  },
} as const satisfies HttpGroup;
