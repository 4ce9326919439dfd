import { z } from 'zod';
import { Hash, Slug, StepId, Uuid } from '../../ids.ts';
import { RunEvent, RunLogLine } from '../../run/events.ts';
import { Item } from '../../workflow/tree.ts';
import { RunSummary } from '../cloud/common.ts';
import { ofResume, ofRetries, ofRetry } from '../cloud/runs.ts';
import type { Group } from '../contract.ts';
import { PageInput, page } from '../page.ts';
import { Done, ofProject, ofWorkflow } from './common.ts';

/** For each run the one that does it again, or why there is none. */
export const Retries = z.strictObject({
  results: z.array(
    z.strictObject({
      runId: Uuid,
      retry: Uuid.optional(),
      error: z.strictObject({ code: z.string(), message: z.string() }).optional(),
    }),
  ),
});
export type RetryResult = z.infer<typeof Retries>['results'][number];

export const runs = {
  /**
   * Runs on this computer. `fromStepId` reuses what `basedOn` recorded for everything before it; `stopAfterStepId` ends after
   * that step; both the same: one step. Pinned steps give their pin.
   */
  start: {
    input: z.strictObject({
      ...ofWorkflow,
      triggerStepId: StepId.optional(),
      items: z.array(Item).max(1_000).optional(),
      fromStepId: StepId.optional(),
      stopAfterStepId: StepId.optional(),
      basedOn: Uuid.optional(),
      environment: Slug.default('local'),
    }),
    output: z.strictObject({ runId: Uuid }),
  },
  cancel: { input: z.strictObject({ runId: Uuid }), output: Done },
  /** Does a run again, as `cloudApi.runs.retry`; `latest` is the project as it is now. */
  retry: { input: z.strictObject(ofRetry), output: z.strictObject({ runId: Uuid }) },
  retryMany: { input: z.strictObject(ofRetries), output: Retries },
  /** Ends a wait, as `cloudApi.runs.resume`. */
  resume: { input: z.strictObject(ofResume), output: Done },
  list: {
    input: z.strictObject({ ...ofProject, workflowId: Uuid.optional(), ...PageInput }),
    output: page(RunSummary),
  },
  get: {
    input: z.strictObject({ runId: Uuid }),
    output: z.strictObject({ run: RunSummary, events: z.array(RunEvent), logs: z.array(RunLogLine) }),
  },
  /** Items that an event keeps as a blob; at most the first 1,000. */
  items: {
    input: z.strictObject({ runId: Uuid, blob: Hash }),
    output: z.strictObject({ items: z.array(Item), count: z.int() }),
  },
} as const satisfies Group;
