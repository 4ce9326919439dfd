import { z } from 'zod';
import type { Item } from '#shared/workflow/tree.ts';
import { PassedOn } from '../fields.ts';
import { defineStepType } from '../stepType.ts';

const MOST_ITEMS = 10_000_000;

/** A source: the engine hands out its batches as a loop does. */
export const generate = defineStepType({
  version: 1,
  type: 'items.generate',
  title: 'Generate items',
  description:
    'Makes numbered items, batch after batch, so that any number of them takes no more room than one batch; what comes back to next leaves by done at the end.',
  category: 'items',
  icon: 'list-ordered',
  effect: 'pure',
  mode: 'once',
  control: 'loop',
  inputs: ['main', 'next'],
  outputs: ['loop', 'done'],
  timeoutMs: null,
  config: z.strictObject({
    count: z.int().min(0).max(MOST_ITEMS).meta({
      title: 'How many',
      help: 'Items have the numbers from 0 on, in the field n.',
      order: 1,
    }),
    batch: z.int().min(1).max(10_000).default(1_000).meta({
      title: 'Items at a time',
      help: 'The next batch starts when this one has ended.',
      order: 2,
    }),
  }),
  output: PassedOn,
  nextBatch({ config: { count, batch } }, cursor) {
    const first = typeof cursor === 'number' ? cursor : 0;
    const end = Math.min(first + batch, count);
    const items: Item[] = [];
    for (let n = first; n < end; n++) items.push({ json: { n } });
    return end < count ? { items, cursor: end } : { items };
  },
});
