import { z } from 'zod';
import { StepId, Uuid } from '../../ids.ts';
import type { Group } from '../contract.ts';
import { Present } from '../feed.ts';
import { Done, ofProject } from './common.ts';

/** Where somebody is in a project, as the others see it. */
export const Presence = z.strictObject({
  ...Present.shape,
  workflowId: Uuid.optional(),
  cursor: z.tuple([z.number(), z.number()]).optional(),
  selection: z.array(StepId),
  editing: StepId.optional(),
});
export type Presence = z.infer<typeof Presence>;

export const presence = {
  /** Where this person is now, for the others in the workspace; nothing is kept. */
  tell: {
    input: z.strictObject({
      ...ofProject,
      workflowId: Uuid.optional(),
      cursor: z.tuple([z.number(), z.number()]).optional(),
      selection: z.array(StepId).max(100).default([]),
      editing: StepId.optional(),
    }),
    output: Done,
  },
} as const satisfies Group;
