import { z } from 'zod';
import { StepId, Time, Uuid } from '../../ids.ts';
import type { HttpGroup } from '../contract.ts';
import { PageInput, page } from '../page.ts';

export const SearchKind = z.enum(['project', 'workflow', 'step', 'run']);
export type SearchKind = z.infer<typeof SearchKind>;

/** Something that was found, and where it is. */
export const SearchHit = z.strictObject({
  kind: SearchKind,
  title: z.string(),
  /** What it is: a step's type, how many steps a workflow has, how a run ended. */
  detail: z.string(),
  projectId: Uuid,
  projectName: z.string(),
  workflowId: Uuid.optional(),
  workflowName: z.string().optional(),
  stepId: StepId.optional(),
  runId: Uuid.optional(),
  /** The line of a step's config or notes that holds what was looked for. */
  excerpt: z.string().optional(),
  at: Time.optional(),
});
export type SearchHit = z.infer<typeof SearchHit>;

const Words = z.string().max(200);

/** Finding things in one's workspace by words: names, step types, connectors, text in configs, runs and their errors. */
export const search = {
  /** Every word has to be there; the last one may be the beginning of one. Best first. */
  find: {
    route: 'GET /v1/search',
    access: 'workflow:read',
    rate: 'read',
    input: z.strictObject({ q: Words, kind: SearchKind.optional(), projectId: Uuid.optional(), ...PageInput }),
    output: page(SearchHit),
  },
  /** Names that go on from what somebody has typed so far. */
  suggest: {
    route: 'GET /v1/search/suggestions',
    access: 'workflow:read',
    rate: 'read',
    input: z.strictObject({ q: Words }),
    output: z.strictObject({
      suggestions: z.array(z.strictObject({ text: z.string(), kind: SearchKind })),
    }),
  },
  /** Workflows of the workspace that do much the same, nearest first. `likeness` is 1 for the same parts, 0 for none. */
  similar: {
    route: 'GET /v1/projects/:projectId/workflows/:workflowId/similar',
    access: 'workflow:read',
    rate: 'read',
    input: z.strictObject({ projectId: Uuid, workflowId: Uuid }),
    output: z.strictObject({
      workflows: z.array(
        z.strictObject({
          projectId: Uuid,
          projectName: z.string(),
          workflowId: Uuid,
          name: z.string(),
          likeness: z.number(),
          /** What both have: step types, connectors, words of their names. */
          shared: z.array(z.string()),
        }),
      ),
    }),
  },
} as const satisfies HttpGroup;
