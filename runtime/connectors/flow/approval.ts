import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import { ROLES } from '#shared/permission.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { defineStepType } from '../stepType.ts';

/** The longest that a run may wait for an answer. */
const MAX_WAIT_MS = 365 * 86_400_000;

const timeoutMs = z.int().min(1_000).max(MAX_WAIT_MS).optional().meta({
  title: 'At the longest, in milliseconds',
  help: 'Then the items leave by expired. Empty: it waits until somebody answers.',
  placeholder: '86400000',
  order: 3,
});

export const approval = defineStepType({
  type: 'flow.approval',
  version: 1,
  title: 'Ask for approval',
  description: 'Waits until a person approves or rejects; a waiting run holds no machine and survives a restart.',
  category: 'flow',
  icon: 'user-check',
  effect: 'pure',
  mode: 'once',
  outputs: ['approved', 'rejected', 'expired'],
  timeoutMs: null,
  config: z.strictObject({
    message: z.string().min(1).max(10_000).meta({
      title: 'Message',
      help: 'What the person who decides is shown. No secrets.',
      placeholder: 'Publish {{ $items.length }} entries?',
      widget: 'multiline',
      order: 1,
    }),
    assignees: z.string().max(2_000).optional().meta({
      title: 'Who is asked',
      help: 'E-mail addresses of members or roles (owner, admin, editor), separated by commas: on a server nobody else may decide. Left empty: every member who may decide.',
      placeholder: 'ann@example.com, admin',
      order: 2,
    }),
    timeoutMs,
    fields: z
      .array(
        z.strictObject({
          name: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, 'must be a name such as reason'),
          title: z.string().max(200).optional(),
          type: z.enum(['text', 'number', 'boolean']).default('text'),
          required: z.boolean().default(false),
        }),
      )
      .max(20)
      .optional()
      .meta({ title: 'To fill in', help: 'Fields of the form beside the decision.', widget: 'json', order: 4 }),
  }),
  output: z.object({
    approval: z.object({
      approved: z.boolean(),
      by: z.string(),
      comment: z.string().optional(),
      at: z.string().optional(),
      fields: z.record(z.string(), z.unknown()).optional(),
    }),
  }),
  async runAll({ inputs, config, run }) {
    const { message, assignees, fields } = config;
    const listed = whoIsAsked(assignees);
    const details: JsonObject = {
      message,
      ...(listed.length > 0 ? { assignees: listed } : {}),
      ...(fields ? { fields: fields as unknown as Json } : {}),
    };
    const ended = await run.waitFor({
      reason: 'approval',
      details,
      ...(config.timeoutMs === undefined ? {} : { untilMs: run.startedAt + config.timeoutMs }),
    });
    const answer = isJsonObject(ended.input) ? ended.input : {};
    const port: string = ended.by === 'timer' ? 'expired' : answer.approved === true ? 'approved' : 'rejected';
    const given: JsonObject = {
      approved: port === 'approved',
      by: ended.by,
      ...(typeof answer.comment === 'string' ? { comment: answer.comment } : {}),
      ...(ended.at === undefined ? {} : { at: ended.at }),
      ...(isJsonObject(answer.fields) ? { fields: answer.fields } : {}),
    };
    return {
      [port]: (inputs.main ?? []).map((item, from) => ({ ...item, json: { ...item.json, approval: given }, from })),
    };
  },
});

/** Somebody whom nobody can be would let the run wait for ever. @throws SluiceError config.invalid */
function whoIsAsked(assignees = ''): string[] {
  const listed = assignees
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
  const unknown = listed.find((one) => !one.includes('@') && !(ROLES as readonly string[]).includes(one.toLowerCase()));
  if (unknown === undefined) return listed;
  throw new SluiceError('config.invalid', `"${unknown.slice(0, 100)}" is neither an e-mail address nor a role.`, {
    advice: `Write the e-mail address of a member, or one of the roles ${ROLES.join(', ')}.`,
    details: { field: 'assignees' },
  });
}

export const waitForReply = defineStepType({
  type: 'flow.waitFor',
  version: 1,
  title: 'Wait for a reply',
  description: 'Waits until the address $run.resumeUrl is called; the reply becomes the item.',
  category: 'flow',
  icon: 'webhook',
  effect: 'pure',
  mode: 'once',
  outputs: ['main', 'expired'],
  timeoutMs: null,
  config: z.strictObject({
    timeoutMs,
    message: z
      .string()
      .max(10_000)
      .optional()
      .meta({ title: 'What it waits for', help: 'Shown with the waiting run. No secrets.', order: 1 }),
  }),
  output: z.object({
    body: z.unknown(),
    query: z.record(z.string(), z.unknown()),
    headers: z.record(z.string(), z.string()),
  }),
  async runAll({ inputs, config, run }): Promise<Record<string, Item[]>> {
    const ended = await run.waitFor({
      reason: 'webhook_reply',
      ...(config.message === undefined ? {} : { details: { message: config.message } }),
      ...(config.timeoutMs === undefined ? {} : { untilMs: run.startedAt + config.timeoutMs }),
    });
    const items = inputs.main ?? [];
    if (ended.by === 'timer') return { expired: items.map((item, from) => ({ ...item, from })) };
    const reply: Item = { json: replyOf(ended.input) };
    if (items.length > 0) reply.from = 0;
    return { main: [reply] };
  },
});

/** What came by the address; what a person gives in its place is its body. */
function replyOf(input: Json | undefined): JsonObject {
  if (isJsonObject(input) && 'body' in input) return { query: {}, headers: {}, ...input };
  return { body: input ?? null, query: {}, headers: {} };
}
