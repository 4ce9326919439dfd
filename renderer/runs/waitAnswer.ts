import { z } from 'zod';
import type { Json, JsonObject } from '#shared/json.ts';
import type { Decision } from '#shared/run/events.ts';

/** A field that an approval asks to be filled in beside the decision. */
const ApprovalField = z.object({
  name: z.string(),
  title: z.string().optional(),
  type: z.enum(['text', 'number', 'boolean']).default('text'),
  required: z.boolean().default(false),
});
export type ApprovalField = z.infer<typeof ApprovalField>;

const Details = z.object({
  message: z.string().optional().catch(undefined),
  assignees: z.array(z.string()).optional().catch(undefined),
  fields: z.array(ApprovalField).optional().catch(undefined),
});

/** What a wait's details say to the person who may end it; what has another shape is left out. */
export function waitDetails(details: JsonObject | undefined): z.infer<typeof Details> {
  return Details.parse(details ?? {});
}

/** Whether somebody is among those whom an approval asks, by proven e-mail address or by role; nobody named is everybody. */
export function isAsked(
  assignees: readonly string[],
  member: { email?: string; emailVerified?: boolean; role?: string },
): boolean {
  const asked = assignees.map((one) => one.toLowerCase());
  if (asked.length === 0 || asked.includes(member.role ?? '')) return true;
  return member.emailVerified === true && asked.includes(member.email?.toLowerCase() ?? '');
}

/** What was typed into the fields of an approval, by name. */
export type Typed = Record<string, string | boolean>;

/** The problem of each field that cannot be sent as it is, by name. */
export function fieldFaults(fields: readonly ApprovalField[], typed: Typed): Record<string, string> {
  const faults: Record<string, string> = {};
  for (const { name, type, required } of fields) {
    const value = typed[name];
    const text = typeof value === 'string' ? value.trim() : '';
    if (type === 'boolean') continue;
    if (text === '') {
      if (required) faults[name] = 'This is asked for.';
    } else if (type === 'number' && !Number.isFinite(Number(text))) faults[name] = `"${text}" is not a number.`;
  }
  return faults;
}

/** What ends the wait of an approval. */
export function approvalAnswer(
  approved: boolean,
  comment: string,
  fields: readonly ApprovalField[],
  typed: Typed,
): JsonObject {
  const filled: JsonObject = {};
  for (const { name, type } of fields) {
    const value = typed[name];
    if (type === 'boolean') filled[name] = value === true;
    else if (typeof value === 'string' && value.trim() !== '')
      filled[name] = type === 'number' ? Number(value.trim()) : value.trim();
  }
  return {
    approved,
    ...(comment.trim() === '' ? {} : { comment: comment.trim() }),
    ...(Object.keys(filled).length > 0 ? { fields: filled } : {}),
  };
}

export type Choice = Decision['decision'];

/** What ends the wait of a step whose effect may have happened; `result` is the JSON typed for what came of it. */
export function decisionOf(choice: Choice, result: string): { decision: Decision } | { fault: string } {
  if (choice !== 'done') return { decision: { decision: choice } };
  const read = readJson(result);
  if ('fault' in read) return read;
  return { decision: { decision: 'done', ...(read.value === undefined ? {} : { result: read.value }) } };
}

/** JSON as somebody typed it; nothing typed is no value. */
export function readJson(text: string): { value: Json | undefined } | { fault: string } {
  if (text.trim() === '') return { value: undefined };
  try {
    return { value: JSON.parse(text) as Json };
  } catch {
    return { fault: 'This is not JSON. Texts stand in "double quotes".' };
  }
}
