import { z } from 'zod';
import { Slug, StepId, Uuid } from '../../ids.ts';
import { Json } from '../../json.ts';
import { RunEvent, RunLogLine } from '../../run/events.ts';
import { Item } from '../../workflow/tree.ts';
import type { HttpGroup } from '../contract.ts';
import { PageInput, page } from '../page.ts';
import { RunSummary } from './common.ts';

/** What doing a run again takes; `fromStepId` goes before `from`. */
export const ofRetry = {
  runId: Uuid,
  from: z.enum(['failed', 'start']).default('failed'),
  fromStepId: StepId.optional(),
  version: z.enum(['same', 'latest']).default('same'),
};
export const ofRetries = { runIds: z.array(Uuid).min(1).max(100), from: ofRetry.from, version: ofRetry.version };

/** What ending a wait takes. */
export const ofResume = {
  runId: Uuid,
  stepId: StepId,
  iteration: z.int().min(0).default(0),
  path: z.array(z.string()).optional(),
  /** Of an approval `{ approved, comment? }`; of a step that needs attention a `Decision`. */
  input: Json,
};

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
  /**
   * Does a run again as a new one: from its failed step, from a step, or from the start. What was recorded and still holds is
   * taken over. @throws run.not_finished, step.not_found
   */
  retry: {
    route: 'POST /v1/runs/:runId/retry',
    access: 'workflow:execute',
    rate: 'write',
    input: z.strictObject(ofRetry),
    output: RunSummary,
  },
  /** The same for many at once; each says for itself what became of it. */
  retryMany: {
    route: 'POST /v1/runs/retry',
    access: 'workflow:execute',
    rate: 'write',
    input: z.strictObject(ofRetries),
    output: z.strictObject({
      results: z.array(
        z.strictObject({
          runId: Uuid,
          retry: RunSummary.optional(),
          error: z.strictObject({ code: z.string(), message: z.string() }).optional(),
        }),
      ),
    }),
  },
  /**
   * Ends a wait: decides an approval, gives an answer that is waited for, or says what became of an effect that may have
   * happened. @throws run.not_waiting
   */
  resume: {
    route: 'POST /v1/runs/:runId/resume',
    access: 'approval:decide',
    rate: 'write',
    input: z.strictObject(ofResume),
    output: RunSummary,
  },
  /** The run's tape, gzipped, as base64: enough to replay it elsewhere with no network (formats.md 8). */
  tape: {
    route: 'GET /v1/runs/:runId/tape',
    access: 'run:debug',
    rate: 'read',
    input: z.strictObject({ runId: Uuid }),
    output: z.strictObject({ name: z.string(), base64: z.string() }),
  },
  cancel: {
    route: 'POST /v1/runs/:runId/cancel',
    access: 'run:cancel',
    rate: 'write',
    input: z.strictObject({ runId: Uuid }),
    output: RunSummary,
  },
} as const satisfies HttpGroup;
