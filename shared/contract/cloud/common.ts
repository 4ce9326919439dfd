import { z } from 'zod';
import { Hash, Slug, StepId, Time, Uuid } from '../../ids.ts';
import { JsonObject } from '../../json.ts';
import { ROLES } from '../../permission.ts';
import { PLAN_SLUGS } from '../../plan.ts';
import { RunStatus, StepError, WaitReason } from '../../run/events.ts';

/** Nothing to say, or nothing to add. */
export const Empty = z.strictObject({});
export const Done = z.strictObject({ done: z.literal(true) });

export const User = z.strictObject({
  id: Uuid,
  email: z.string(),
  name: z.string(),
  emailVerified: z.boolean(),
});
export type User = z.infer<typeof User>;

export const Workspace = z.strictObject({
  id: Uuid,
  name: z.string(),
  slug: Slug,
  role: z.enum(ROLES),
  plan: z.enum(PLAN_SLUGS),
});
export type Workspace = z.infer<typeof Workspace>;

export const Project = z.strictObject({
  id: Uuid,
  name: z.string(),
  slug: Slug,
  revision: z.int(),
  createdAt: Time,
  updatedAt: Time,
  /** Nobody may change it now. */
  locked: z.strictObject({ at: Time, byName: z.string() }).optional(),
});
export type Project = z.infer<typeof Project>;

export const Version = z.strictObject({
  id: Uuid,
  projectId: Uuid,
  number: z.int(),
  revision: z.int(),
  contentHash: Hash,
  execHash: Hash,
  /** Of the runtime that the control plane had when it was made. */
  runtimeHash: Hash,
  note: z.string(),
  createdById: Uuid,
  createdByName: z.string(),
  createdAt: Time,
});
export type Version = z.infer<typeof Version>;

export const EnvironmentRecord = z.strictObject({
  id: Uuid,
  projectId: Uuid,
  name: Slug,
  vars: JsonObject,
  bindings: z.record(Slug, Slug),
  revision: z.int(),
});
export type EnvironmentRecord = z.infer<typeof EnvironmentRecord>;

export const DeploymentStatus = z.enum([
  'queued',
  'validating',
  'provisioning',
  'active',
  'stopped',
  'superseded',
  'failed',
]);
export type DeploymentStatus = z.infer<typeof DeploymentStatus>;

export const Deployment = z.strictObject({
  id: Uuid,
  projectId: Uuid,
  environmentId: Uuid,
  environment: Slug,
  versionId: Uuid,
  versionNumber: z.int(),
  runtimeHash: Hash,
  status: DeploymentStatus,
  previousId: Uuid.optional(),
  requestedByName: z.string(),
  error: z.string().optional(),
  createdAt: Time,
  startedAt: Time.optional(),
  finishedAt: Time.optional(),
  /** Where its webhooks and routes are called, and its forms shown. A route's has the parts `:name` of its path. */
  hooks: z.array(z.strictObject({ workflowId: Uuid, stepId: StepId, url: z.url() })),
  schedules: z.array(
    z.strictObject({
      workflowId: Uuid,
      stepId: StepId,
      cron: z.string(),
      timezone: z.string(),
      nextRunAt: Time.optional(),
    }),
  ),
});
export type Deployment = z.infer<typeof Deployment>;

export const ConnectionRecord = z.strictObject({
  id: Uuid,
  name: Slug,
  connector: z.string(),
  hosts: z.array(z.string()),
  status: z.enum(['configuring', 'connected', 'disconnected', 'error']),
  lastUsedAt: Time.optional(),
  /** Of one that a person connects with the service in the browser, by OAuth. */
  signIn: z.enum(['needed', 'done']).optional(),
  /** When its secret stops being good, where that is known. */
  expiresAt: Time.optional(),
  /** It is kept and not used: the plan has room for others and not for it. */
  rests: z.literal(true).optional(),
  createdAt: Time,
  /** Counts how often it was set; it is also the ETag. */
  revision: z.int(),
});
export type ConnectionRecord = z.infer<typeof ConnectionRecord>;

export const RunSummary = z.strictObject({
  id: Uuid,
  projectId: Uuid,
  workflowId: Uuid,
  workflowName: z.string(),
  versionNumber: z.int().optional(),
  environment: z.string(),
  trigger: z.enum([
    'manual',
    'schedule',
    'webhook',
    'event',
    'api',
    'sub_workflow',
    'route',
    'form',
    'error',
    'machine',
  ]),
  triggerStepId: StepId,
  status: RunStatus,
  wait: z
    .strictObject({
      reason: WaitReason,
      stepId: StepId,
      iteration: z.int().optional(),
      path: z.array(z.string()).optional(),
      until: Time.optional(),
      error: StepError.optional(),
      details: JsonObject.optional(),
    })
    .optional(),
  /** Why a queued run has not begun: something of its workflow's settings holds it. */
  heldBy: z.enum(['concurrency', 'throttle', 'debounce', 'singleton']).optional(),
  error: StepError.optional(),
  /** The run that this one does again. */
  retryOf: Uuid.optional(),
  attempt: z.int(),
  queuedAt: Time,
  startedAt: Time.optional(),
  finishedAt: Time.optional(),
  durationMs: z.int().optional(),
  stepCount: z.int(),
});
export type RunSummary = z.infer<typeof RunSummary>;

export const MeterUsage = z.strictObject({
  meter: z.string(),
  period: z.enum(['day', 'month']),
  used: z.number(),
  /** Accepted and not yet counted. */
  reserved: z.number(),
  /** Absent: no limit. */
  included: z.number().optional(),
  resetsAt: Time,
});
export type MeterUsage = z.infer<typeof MeterUsage>;
