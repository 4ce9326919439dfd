import { z } from 'zod';
import { PassedOn } from '../fields.ts';
import { defineStepType } from '../stepType.ts';

const common = { version: 1, category: 'flow', effect: 'pure', mode: 'once', output: PassedOn } as const;

const Batch = z.int().min(1).max(10_000).default(1);

/** The engine drives them: `runtime/engine/executeGraph.ts`. */
export const loop = defineStepType({
  ...common,
  type: 'flow.loop',
  title: 'Loop',
  description: 'Works through the items in batches; what comes back to next leaves by done at the end.',
  icon: 'repeat',
  control: 'loop',
  inputs: ['main', 'next'],
  outputs: ['loop', 'done'],
  // The steps of its batches have limits of their own.
  timeoutMs: null,
  config: z.strictObject({
    batch: Batch.meta({ title: 'Items at a time', help: 'The next batch starts when this one has ended.' }),
  }),
});

export const map = defineStepType({
  ...common,
  type: 'flow.map',
  title: 'Parallel map',
  description:
    'Works on several batches of items at once; what comes back to next leaves by done at the end, in the order of the items. After a crash, batches that had ended are not done again.',
  icon: 'columns-3',
  control: 'map',
  inputs: ['main', 'next'],
  outputs: ['item', 'done'],
  timeoutMs: null,
  config: z.strictObject({
    concurrency: z.int().min(1).max(1_000).default(10).meta({ title: 'Batches at once', order: 1 }),
    batch: Batch.meta({ title: 'Items in a batch', order: 2 }),
  }),
});

export const tryGroup = defineStepType({
  ...common,
  type: 'flow.try',
  title: 'Try',
  description:
    'Runs the steps behind try as a group. If one of them fails for good, the rest of the group is stopped and the items leave by catch with the error; else what comes back to next leaves by done.',
  icon: 'shield-alert',
  control: 'try',
  inputs: ['main', 'next'],
  outputs: ['try', 'catch', 'done'],
  timeoutMs: null,
  config: z.strictObject({}),
});
