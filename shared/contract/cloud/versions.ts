import { z } from 'zod';
import { Uuid } from '../../ids.ts';
import { Tree } from '../../workflow/tree.ts';
import type { HttpGroup } from '../contract.ts';
import { PageInput, page } from '../page.ts';
import { Version } from './common.ts';

export const versions = {
  create: {
    route: 'POST /v1/projects/:projectId/versions',
    access: 'deployment:write',
    rate: 'write',
    input: z.strictObject({ projectId: Uuid, expectedRevision: z.int(), note: z.string().max(280).default('') }),
    output: Version,
  },
  list: {
    route: 'GET /v1/projects/:projectId/versions',
    access: 'workflow:read',
    rate: 'read',
    input: z.strictObject({ projectId: Uuid, ...PageInput }),
    output: page(Version),
  },
  tree: {
    route: 'GET /v1/projects/:projectId/versions/:versionId/tree',
    access: 'workflow:read',
    rate: 'read',
    input: z.strictObject({ projectId: Uuid, versionId: Uuid }),
    output: Tree,
  },
} as const satisfies HttpGroup;
