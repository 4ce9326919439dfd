import { z } from 'zod';
import { Hash, Time } from '../../ids.ts';
import type { HttpGroup } from '../contract.ts';
import { Empty } from './common.ts';

export const containers = {
  get: {
    route: 'GET /v1/container',
    access: 'workspace:read',
    rate: 'read',
    input: Empty,
    output: z.strictObject({
      status: z.enum(['stopped', 'starting', 'running', 'sleeping', 'upgrading', 'stopping', 'error', 'suspended']),
      driver: z.enum(['docker', 'process']),
      runtimeHash: Hash.optional(),
      ramBytes: z.int(),
      cpu: z.number(),
      lastActiveAt: Time.optional(),
      error: z.string().optional(),
    }),
  },
} as const satisfies HttpGroup;
