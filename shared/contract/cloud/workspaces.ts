import { z } from 'zod';
import type { HttpGroup } from '../contract.ts';
import { Empty, Workspace } from './common.ts';

export const workspaces = {
  list: { route: 'GET /v1/workspaces', access: 'session', rate: 'read', input: Empty, output: z.array(Workspace) },
  create: {
    route: 'POST /v1/workspaces',
    access: 'session',
    rate: 'write',
    input: z.strictObject({ name: z.string().trim().min(1).max(120) }),
    output: Workspace,
  },
} as const satisfies HttpGroup;
