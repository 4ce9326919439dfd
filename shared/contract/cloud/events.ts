import { z } from 'zod';
import { Slug, Uuid } from '../../ids.ts';
import { Json } from '../../json.ts';
import type { HttpGroup } from '../contract.ts';

export const events = {
  /** Starts every deployed `trigger.event` of that name; a repeated `id` starts nothing new. */
  publish: {
    route: 'POST /v1/projects/:projectId/events',
    access: 'workflow:execute',
    rate: 'write',
    input: z.strictObject({
      projectId: Uuid,
      environment: Slug,
      name: z.string().min(1).max(120),
      id: z.string().min(1).max(200),
      data: Json,
    }),
    output: z.strictObject({ runIds: z.array(Uuid), repeated: z.boolean() }),
  },
} as const satisfies HttpGroup;
