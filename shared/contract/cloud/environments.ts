import { z } from 'zod';
import { Slug, Uuid } from '../../ids.ts';
import { JsonObject } from '../../json.ts';
import type { HttpGroup } from '../contract.ts';
import { EnvironmentRecord } from './common.ts';

export const environments = {
  list: {
    route: 'GET /v1/projects/:projectId/environments',
    access: 'workflow:read',
    rate: 'read',
    input: z.strictObject({ projectId: Uuid }),
    output: z.array(EnvironmentRecord),
  },
  /** Makes the environment or changes it; what is set here wins over the project's file. */
  set: {
    route: 'PUT /v1/projects/:projectId/environments/:name',
    access: 'deployment:write',
    rate: 'write',
    input: z.strictObject({
      projectId: Uuid,
      name: Slug,
      vars: JsonObject.default({}),
      bindings: z.record(Slug, Slug).default({}),
      expectedRevision: z.int().optional(),
    }),
    output: EnvironmentRecord,
  },
} as const satisfies HttpGroup;
