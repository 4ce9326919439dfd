import { z } from 'zod';
import { Slug, Uuid } from '../../ids.ts';
import { Deployment, MeterUsage, Version, Workspace } from '../cloud/common.ts';
import type { Group } from '../contract.ts';
import { PageInput, page } from '../page.ts';
import { ofProject } from './common.ts';

/** One line of "What changes" in the publish dialog. */
export const Change = z.strictObject({
  kind: z.enum(['added', 'changed', 'removed']),
  subject: z.enum(['workflow', 'step', 'edge', 'script', 'environment', 'connection', 'settings']),
  title: z.string(),
  where: z.string(),
  fields: z.array(z.strictObject({ path: z.string(), before: z.string().optional(), after: z.string().optional() })),
  authors: z.array(z.string()),
});
export type Change = z.infer<typeof Change>;

export const PublishPreview = z.strictObject({
  workspace: Workspace,
  environment: Slug,
  currentVersion: z.int().optional(),
  /** Absent: nothing that runs has changed, so there is nothing to publish. */
  nextVersion: z.int().optional(),
  changes: z.array(Change),
  /** Only the drawing or the notes differ. */
  layoutOnly: z.boolean(),
  usage: z.array(MeterUsage),
  /** Cents per month of the plan the workspace is on. */
  planPrice: z.int(),
  checks: z.array(
    z.strictObject({
      title: z.string(),
      status: z.enum(['ok', 'warning', 'error']),
      detail: z.string().optional(),
      advice: z.string().optional(),
    }),
  ),
});
export type PublishPreview = z.infer<typeof PublishPreview>;

export const publish = {
  preview: { input: z.strictObject({ ...ofProject, environment: Slug }), output: PublishPreview },
  /** Syncs, freezes a version and deploys it. `deployment.changed` tells the rest. */
  start: {
    input: z.strictObject({ ...ofProject, environment: Slug, note: z.string().max(280).default('') }),
    output: Deployment,
  },
  deployments: { input: z.strictObject({ ...ofProject, ...PageInput }), output: page(Deployment) },
  versions: { input: z.strictObject({ ...ofProject, ...PageInput }), output: page(Version) },
  /** Deploys an earlier version again. */
  rollback: { input: z.strictObject({ ...ofProject, environment: Slug, versionId: Uuid }), output: Deployment },
} as const satisfies Group;
