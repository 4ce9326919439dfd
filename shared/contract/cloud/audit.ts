import { z } from 'zod';
import { Time, Uuid } from '../../ids.ts';
import { JsonObject } from '../../json.ts';
import type { HttpGroup } from '../contract.ts';
import { PageInput, page } from '../page.ts';

export const audit = {
  list: {
    route: 'GET /v1/audit',
    access: 'audit:read',
    rate: 'read',
    input: z.strictObject(PageInput),
    output: page(
      z.strictObject({
        id: Uuid,
        action: z.string(),
        resource: z.string(),
        resourceId: z.string().optional(),
        actorName: z.string().optional(),
        outcome: z.enum(['ok', 'denied', 'failed']),
        metadata: JsonObject,
        at: Time,
      }),
    ),
  },
} as const satisfies HttpGroup;
