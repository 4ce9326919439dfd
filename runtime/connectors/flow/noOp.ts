import { z } from 'zod';
import type { Json } from '#shared/json.ts';
import { PassedOn } from '../fields.ts';
import { defineStepType } from '../stepType.ts';

const common = { version: 1, category: 'flow', effect: 'pure', mode: 'once', output: PassedOn } as const;
const MOST_CHARACTERS = 2_000;

export const noOp = defineStepType({
  ...common,
  type: 'flow.noOp',
  title: 'No operation',
  description: 'Passes the items on as they are: a place to bring arrows together, or to say in a note what happens.',
  icon: 'circle-dashed',
  config: z.strictObject({}),
  runAll({ inputs: { main = [] } }) {
    return { main: main.map((item, from) => ({ ...item, from })) };
  },
});

export const debug = defineStepType({
  ...common,
  type: 'flow.debug',
  title: 'Debug',
  description: 'Writes some of the items into the log of the run, and passes all of them on as they are.',
  icon: 'bug',
  config: z.strictObject({
    level: z.enum(['debug', 'info', 'warn', 'error']).default('info').meta({
      title: 'Level',
      help: 'The workflow says from which level on lines are kept.',
      expression: false,
      order: 1,
    }),
    message: z.string().max(1_000).default('').meta({
      title: 'Message',
      help: 'Written before each item.',
      placeholder: 'Order {{ $json.id }}',
      order: 2,
    }),
    count: z.int().min(0).max(100).default(10).meta({ title: 'Items at most', expression: false, order: 3 }),
    data: z.boolean().default(true).meta({
      title: 'Write the data',
      help: 'Without, only the message and the names of the fields.',
      expression: false,
      order: 4,
    }),
  }),
  runAll({ inputs: { main = [] }, config: { level, count, data }, configFor, log }) {
    for (const [index, item] of main.slice(0, count).entries()) {
      const { message } = configFor(item);
      const files = Object.keys(item.binary ?? {});
      const shown = data ? shortened(item.json) : Object.keys(item.json).slice(0, 100).join(', ');
      log(
        level,
        [message, `item ${index}:`, shown, files.length > 0 ? `files: ${files.join(', ')}` : '']
          .filter(Boolean)
          .join(' '),
      );
    }
    if (main.length > count) log(level, `and ${main.length - count} more items`);
    return { main: main.map((item, from) => ({ ...item, from })) };
  },
});

function shortened(json: Json): string {
  const text = JSON.stringify(json);
  return text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS)}… (${text.length} characters)`;
}
