import { z } from 'zod';
import { Uuid } from '../../ids.ts';
import { RunEvent } from '../../run/events.ts';
import { MeterUsage, RunSummary } from '../cloud/common.ts';
import { ofResume, ofRetries, ofRetry } from '../cloud/runs.ts';
import type { Group } from '../contract.ts';
import { PageInput, page } from '../page.ts';
import { Done, ofProject } from './common.ts';
import { Retries } from './runs.ts';

export const hosted = {
  runs: {
    input: z.strictObject({ ...ofProject, workflowId: Uuid.optional(), ...PageInput }),
    output: page(RunSummary),
  },
  /** One hosted run; its later events follow as `run.event`. */
  run: {
    input: z.strictObject({ ...ofProject, runId: Uuid }),
    output: z.strictObject({ run: RunSummary, events: z.array(RunEvent) }),
  },
  cancel: { input: z.strictObject({ ...ofProject, runId: Uuid }), output: Done },
  retry: { input: z.strictObject({ ...ofProject, ...ofRetry }), output: z.strictObject({ runId: Uuid }) },
  retryMany: { input: z.strictObject({ ...ofProject, ...ofRetries }), output: Retries },
  resume: { input: z.strictObject({ ...ofProject, ...ofResume }), output: Done },
  usage: {
    input: z.strictObject({ workspaceId: Uuid }),
    output: z.strictObject({ plan: z.string(), meters: z.array(MeterUsage) }),
  },
  /** The provider's page where the owner pays for a bigger plan. */
  upgrade: {
    input: z.strictObject({ workspaceId: Uuid, plan: z.enum(['starter', 'pro', 'business']) }),
    output: z.strictObject({ url: z.url(), opened: z.boolean() }),
  },
} as const satisfies Group;
