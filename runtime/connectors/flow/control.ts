import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { fileOf } from '../data/eachItem.ts';
import { AnyJson, FileKey, PassedOn } from '../fields.ts';
import { defineStepType } from '../stepType.ts';

const common = { version: 1, category: 'flow', effect: 'pure', mode: 'once', output: PassedOn } as const;

/** The longest that a run may wait for a time. */
const MAX_WAIT_MS = 365 * 86_400_000;

export const wait = defineStepType({
  ...common,
  type: 'flow.wait',
  title: 'Wait',
  description: 'Waits for a while or until a time; a waiting run holds no machine and survives a restart.',
  icon: 'hourglass',
  timeoutMs: null,
  config: z
    .strictObject({
      forMs: z
        .int()
        .min(0)
        .max(MAX_WAIT_MS)
        .optional()
        .meta({ title: 'For, in milliseconds', placeholder: '60000', order: 1 }),
      until: z.string().max(64).optional().meta({
        title: 'Until',
        help: 'A time with its zone. One that has passed is not waited for.',
        placeholder: '=$now.plus({ days: 1 }).toISO()',
        order: 2,
      }),
    })
    .refine(
      ({ forMs, until }) => (forMs === undefined) !== (until === undefined),
      'must have either a time span or a time',
    ),
  async runAll({ inputs, config, run }) {
    const { forMs, until } = config;
    await run.waitUntil(until === undefined ? run.startedAt + (forMs ?? 0) : timeOf(until, run.startedAt));
    return { main: passedOn(inputs.main) };
  },
});

export const respond = defineStepType({
  ...common,
  type: 'flow.respond',
  title: 'Respond',
  description: 'Answers whoever called the webhook or the route; the first answer counts, and the run goes on.',
  icon: 'reply',
  // It waits for nothing but the journal.
  timeoutMs: null,
  config: z.strictObject({
    status: z.int().min(200).max(599).default(200).meta({ title: 'Status', order: 1 }),
    headers: z.record(z.string(), z.string()).optional().meta({ title: 'Headers', widget: 'pairs', order: 2 }),
    body: AnyJson.optional().meta({
      title: 'Body',
      help: 'JSON, or text as it is. Empty: no body.',
      widget: 'json',
      order: 3,
    }),
    file: FileKey.optional().meta({
      title: 'File of the item',
      help: 'Its bytes are the body, to be saved under its name unless the headers say otherwise.',
      expression: false,
      order: 4,
    }),
  }),
  async runAll({ inputs, config: { status, headers, body, file }, run }) {
    for (const [name, value] of Object.entries(headers ?? {})) {
      if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name) || /[^\x20-\x7e\t]/.test(value)) {
        throw new SluiceError('config.invalid', `The header '${name}' cannot be sent.`, {
          advice: 'Use plain letters, digits and signs, without line breaks.',
        });
      }
    }
    if (file !== undefined) await run.respond({ status, ...fileAnswer(inputs.main?.[0], file, headers) });
    else await run.respond({ status, ...(headers ? { headers } : {}), ...(body === undefined ? {} : { body }) });
    return { main: passedOn(inputs.main) };
  },
});

export const runWorkflow = defineStepType({
  ...common,
  type: 'flow.runWorkflow',
  title: 'Run a workflow',
  description: 'Runs another workflow of this project with these items and goes on with what it gives.',
  icon: 'workflow',
  timeoutMs: null,
  config: z.strictObject({
    workflow: z.string().min(1).max(120).meta({ title: 'Workflow', widget: 'workflow', expression: false, order: 1 }),
    wait: z.boolean().default(true).meta({
      title: 'Wait for what it gives',
      help: 'Off: it becomes a run of its own, and this one goes on at once with its runId.',
      expression: false,
      order: 2,
    }),
  }),
  async runAll({ inputs, config, run }) {
    if (!config.wait) {
      const { runId } = await run.start({ workflowId: config.workflow, items: inputs.main ?? [] });
      return { main: [{ json: { runId } }] };
    }
    const given = await run.runWorkflow(config.workflow, inputs.main ?? []);
    // Its lineage points into lists of its own.
    return { main: given.map(({ from: _, ...item }) => item) };
  },
});

/** A file as an answer. Saved, not shown, by default: what somebody sent in must not become a page of ours. */
function fileAnswer(item: Item | undefined, name: string, headers: Record<string, string> = {}) {
  const file = fileOf(item ?? { json: {} }, name);
  const said = new Set(Object.keys(headers).map((header) => header.toLowerCase()));
  const shown = encodeURIComponent(file.name ?? name).replace(
    /['()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16)}`,
  );
  const all = {
    'content-type': file.mime,
    'content-disposition': `attachment; filename*=UTF-8''${shown}`,
    'x-content-type-options': 'nosniff',
  };
  const ours = Object.entries(all).filter(([header]) => !said.has(header));
  return { headers: { ...Object.fromEntries(ours), ...headers }, blob: file.blob };
}

function timeOf(text: string, now: number): number {
  // Without a zone a time would mean another moment on each machine.
  const at = /(?:Z|[+-]\d\d:?\d\d)$/i.test(text.trim()) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at)) {
    throw new SluiceError('config.invalid', `'${text}' is not a time with a zone.`, {
      advice: 'Write it as 2026-11-20T07:00:00Z, or use $now.',
    });
  }
  if (at - now > MAX_WAIT_MS) throw new SluiceError('limit.exceeded', `${text} is more than a year away.`);
  return at;
}

/** What came in, each item as the one at its place; the very list where all say so already. */
function passedOn(items: Item[] | undefined): Item[] {
  if (items?.every(({ from }, index) => from === index)) return items;
  return (items ?? []).map((item, from) => ({ ...item, from }));
}
