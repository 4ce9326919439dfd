import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { PortName } from '#shared/ids.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { AnyJson, failedItem, isYes, PassedOn } from '../fields.ts';
import { defineStepType } from '../stepType.ts';

const WHEN = {
  title: 'Condition',
  help: 'No are false, null, nothing, 0, empty text and the text false; everything else is yes.',
  placeholder: '=$json.amount > 100',
  widget: 'expression',
  needed: true,
};

const common = { version: 1, category: 'flow', effect: 'pure', mode: 'each', output: PassedOn } as const;

export const ifStep = defineStepType({
  ...common,
  type: 'flow.if',
  title: 'If',
  description: 'Sends each item one way where a condition holds and another where it does not.',
  icon: 'split',
  outputs: ['true', 'false'],
  config: z.strictObject({ when: AnyJson.optional().meta(WHEN) }),
  runAll({ inputs, configFor }) {
    return sorted(inputs.main, (item) => (isYes(configFor(item).when) ? 'true' : 'false'));
  },
});

export const filter = defineStepType({
  ...common,
  type: 'flow.filter',
  title: 'Filter',
  description: 'Passes on the items for which a condition holds and drops the others.',
  icon: 'funnel',
  config: z.strictObject({ when: AnyJson.optional().meta(WHEN) }),
  runAll({ inputs, configFor }) {
    return sorted(inputs.main, (item) => (isYes(configFor(item).when) ? 'main' : undefined));
  },
});

export const switchStep = defineStepType({
  ...common,
  type: 'flow.switch',
  title: 'Switch',
  description: 'Sends each item out by the first case that holds, or by else.',
  icon: 'git-fork',
  outputs: ({ cases }) => [...portsOf(cases), 'else'],
  outputsFrom: { list: 'cases', field: 'port' },
  config: z.strictObject({
    cases: z
      .array(
        z.strictObject({
          port: PortName.refine(
            (name) => name !== 'else' && name !== 'error',
            'is taken: every switch has else and error',
          ).meta({
            title: 'Port',
            help: 'Its name on the drawing.',
            expression: false,
          }),
          when: AnyJson.optional().meta(WHEN),
        }),
      )
      .min(1)
      .max(50)
      .refine(
        (cases) => new Set(cases.map(({ port }) => port)).size === cases.length,
        'must have a port of its own in each case',
      )
      .meta({ title: 'Cases', help: 'The first that holds wins.' }),
  }),
  runAll({ inputs, configFor }) {
    return sorted(inputs.main, (item) => configFor(item).cases.find(({ when }) => isYes(when))?.port ?? 'else');
  },
});

/** Each item onto the port that is chosen for it; one that cannot be decided onto `error`. */
function sorted(items: Item[] | undefined, choose: (item: Item) => string | undefined): Record<string, Item[]> {
  const ports: Record<string, Item[]> = {};
  for (const [from, item] of (items ?? []).entries()) {
    let port: string | undefined;
    let passed: Item = { ...item, from };
    try {
      port = choose(item);
    } catch (thrown) {
      port = 'error';
      passed = failedItem(thrown, item, from);
    }
    if (port === undefined) continue;
    ports[port] ??= [];
    ports[port]?.push(passed);
  }
  return ports;
}

/** Asked before the config is checked, so it takes what it finds. */
function portsOf(cases: unknown): string[] {
  if (!Array.isArray(cases)) return [];
  return cases.flatMap((one: { port?: unknown } | null) => (typeof one?.port === 'string' ? [one.port] : []));
}

export const stop = defineStepType({
  version: 1,
  category: 'flow',
  type: 'flow.stop',
  title: 'Stop with an error',
  description: 'Ends the run as failed, with a message of yours.',
  icon: 'octagon-x',
  effect: 'pure',
  mode: 'once',
  outputs: [],
  config: z.strictObject({
    message: z
      .string()
      .min(1)
      .max(2_000)
      .meta({ title: 'Message', widget: 'multiline', placeholder: 'The order {{ $json.id }} has no lines.' }),
  }),
  output: PassedOn,
  runAll({ config }) {
    throw new SluiceError('step.stopped', config.message, {
      advice: 'A step of the workflow stops the run here on purpose.',
    });
  },
});
