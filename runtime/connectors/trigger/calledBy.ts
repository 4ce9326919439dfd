import { z } from 'zod';
import { JsonObject } from '#shared/json.ts';
import { PassedOn } from '../fields.ts';
import { defineStepType } from '../stepType.ts';

const common = { version: 1, category: 'trigger' as const, effect: 'pure' as const, inputs: [], mode: 'once' as const };

export const calledByWorkflow = defineStepType({
  ...common,
  type: 'trigger.workflow',
  title: 'Called by a workflow',
  description: 'Starts when another workflow runs this one; says what it must be given.',
  icon: 'workflow',
  config: z.strictObject({
    inputs: JsonObject.optional().meta({
      title: 'What each item must look like',
      help: 'A JSON Schema. Items that do not fit are refused where they come from.',
      widget: 'json',
      expression: false,
    }),
  }),
  output: PassedOn,
});

export const failedRun = defineStepType({
  ...common,
  type: 'trigger.error',
  title: 'When a run fails',
  description: 'Starts once for each failed run of the workflows that name this one as their error workflow.',
  icon: 'siren',
  config: z.strictObject({}),
  output: z.object({
    run: z.object({
      id: z.string(),
      workflowId: z.string(),
      workflowName: z.string(),
      status: z.string(),
      startedAt: z.string().nullable(),
      endedAt: z.string(),
    }),
    error: z.object({ code: z.string(), message: z.string(), stepId: z.string().optional() }),
    trigger: z.string(),
  }),
});
