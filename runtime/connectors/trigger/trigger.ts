import { z } from 'zod';
import { JsonObject } from '#shared/json.ts';
import { parseCron } from '#shared/schedule/next.ts';
import { PassedOn } from '../fields.ts';
import { defineStepType } from '../stepType.ts';
import { WebhookConfig, webhook } from './webhookConfig.ts';

const common = { version: 1, category: 'trigger' as const, effect: 'pure' as const, inputs: [], mode: 'once' as const };

export const manual = defineStepType({
  ...common,
  type: 'trigger.manual',
  title: 'Start by hand',
  description: 'Starts when you press Run, from the command line or by an API call.',
  icon: 'play',
  config: z.strictObject({
    items: z.array(JsonObject).max(1_000).default([]).meta({
      title: 'Sample items',
      help: 'What a run by hand begins with when nothing is given.',
      widget: 'json',
      expression: false,
    }),
  }),
  output: PassedOn,
});

export const schedule = defineStepType({
  ...common,
  type: 'trigger.schedule',
  title: 'On a schedule',
  description: 'Starts at set times, in the time zone of the workflow.',
  icon: 'calendar-clock',
  config: z.strictObject({
    cron: z
      .string()
      .max(200)
      .refine(isCron, 'must be a schedule such as 0 7 * * 1-5: minute, hour, day of month, month, day of week')
      .meta({
        title: 'Times',
        help: 'Minute, hour, day of month, month, day of week; six fields begin with seconds.',
        placeholder: '0 7 * * 1-5',
        widget: 'cron',
        expression: false,
        order: 1,
      }),
    overlap: z.enum(['skip', 'queue_one', 'allow', 'cancel']).default('skip').meta({
      title: 'While the last run is still going',
      help: 'Skip this time, let one wait, run both, or cancel the older.',
      expression: false,
      order: 2,
    }),
    catchUpMinutes: z.int().min(0).max(10_080).default(0).meta({
      title: 'Make up for missed times, minutes back',
      help: '0: a time that was missed is left out.',
      expression: false,
      order: 3,
    }),
  }),
  output: z.object({ plannedAt: z.string(), startedAt: z.string() }),
});

export const hook = defineStepType({
  ...common,
  type: 'trigger.webhook',
  title: 'Webhook',
  description: 'Starts when another service calls its address; checks who is calling.',
  icon: 'webhook',
  connector: webhook,
  config: WebhookConfig,
  output: z.object({
    method: z.string(),
    path: z.string(),
    params: z.record(z.string(), z.string()),
    query: z.record(z.string(), z.unknown()),
    headers: z.record(z.string(), z.string()),
    body: z.unknown(),
    deliveryId: z.string().nullable(),
  }),
});

export const event = defineStepType({
  ...common,
  type: 'trigger.event',
  title: 'On an event',
  description: 'Starts when an event of this name is sent to the project.',
  icon: 'radio',
  config: z.strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9_.-]{0,99}$/, 'must hold only a-z, 0-9, dot, _ and - (at most 100)')
      .meta({ title: 'Name of the event', placeholder: 'order.created', expression: false }),
  }),
  output: z.object({ name: z.string(), id: z.string(), data: z.unknown() }),
});

function isCron(text: string): boolean {
  try {
    parseCron(text);
    return true;
  } catch {
    return false;
  }
}
