import { z } from 'zod';
import { Slug, StepId, Uuid } from '../../ids.ts';
import { RunEvent, RunLogLine } from '../../run/events.ts';
import { Item } from '../../workflow/tree.ts';
import type { HttpGroup } from '../contract.ts';
import { PageInput, page } from '../page.ts';
import { RunSummary } from './common.ts';

export const runs = {
  list: {
    route: 'GET /v1/runs',
    access: 'run:read',
    rate: 'read',
    input: z.strictObject({
      projectId: Uuid.optional(),
      workflowId: Uuid.optional(),
      status: z.enum(['queued', 'running', 'waiting', 'succeeded', 'failed', 'cancelled', 'timed_out']).optional(),
      ...PageInput,
    }),
    output: page(RunSummary),
  },
  get: {
    route: 'GET /v1/runs/:runId',
    access: 'run:read',
    rate: 'read',
    input: z.strictObject({ runId: Uuid }),
    output: RunSummary,
  },
  events: {
    route: 'GET /v1/runs/:runId/events',
    access: 'run:read',
    rate: 'read',
    input: z.strictObject({ runId: Uuid, after: z.coerce.number().int().min(0).default(0) }),
    output: z.strictObject({ events: z.array(RunEvent) }),
  },
  logs: {
    route: 'GET /v1/runs/:runId/logs',
    access: 'run:read',
    rate: 'read',
    input: z.strictObject({ runId: Uuid }),
    output: z.array(RunLogLine),
  },
  /** Starts a deployed workflow by its manual trigger, or any trigger with items of its own. Counts as a run. */
  start: {
    route: 'POST /v1/projects/:projectId/runs',
    access: 'workflow:execute',
    rate: 'write',
    input: z.strictObject({
      projectId: Uuid,
      environment: Slug,
      workflowId: Uuid,
      triggerStepId: StepId.optional(),
      items: z
        .array(Item)
        .max(1_000)
        .default([{ json: {} }]),
    }),
    output: RunSummary,
  },
  cancel: {
    route: 'POST /v1/runs/:runId/cancel',
    access: 'run:cancel',
    rate: 'write',
    input: z.strictObject({ runId: Uuid }),
    output: RunSummary,
  },
} as const satisfies HttpGroup;
