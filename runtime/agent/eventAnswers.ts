import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { Json, jsonDepth } from '#shared/json.ts';
import { parse } from '#shared/parse.ts';
import { readBody } from '../connectors/trigger/readBody.ts';
import type { Reply } from './httpServer.ts';
import type { Begin, EventTrigger } from './servedTriggers.ts';

const EVENT_BYTES = 1_048_576;
/** Levels of an event's data. */
const MOST_NESTED = 100;

const EventBody = z.strictObject({ name: z.string().min(1).max(120), id: z.string().min(1).max(200), data: Json });

/** Answers events, sent by `POST /events`: a run for each trigger that waits for one of that name. */
export function createEventAnswers({ events, begin }: { events: readonly EventTrigger[]; begin: Begin }) {
  return async (request: IncomingMessage): Promise<Reply> => {
    if (request.method !== 'POST') {
      throw new SluiceError('hook.method_not_allowed', `/events takes POST, not ${request.method}.`, {
        details: { methods: ['POST'] },
        advice: 'Send { name, id, data } as JSON by POST.',
      });
    }
    const body = parse(EventBody, readJson(await readBody(request, EVENT_BYTES)), 'The event', 'hook.body_invalid');
    const { name, id, data } = body;
    const runs = await Promise.all(
      events
        .filter((trigger) => trigger.name === name)
        .map((trigger) =>
          begin(trigger, 'event', [{ json: { name, id, data } }], {
            hook: `${trigger.workflowId}:${trigger.stepId}`,
            deliveryId: id,
          }),
        ),
    );
    return {
      status: 202,
      body: { runIds: runs.map((run) => run.runId), repeated: runs.length > 0 && runs.every((run) => run.repeated) },
    };
  };
}

function readJson(bytes: Buffer): unknown {
  const text = bytes.toString('utf8');
  // Before it is parsed: what nests without end overflows whatever walks it later.
  if (jsonDepth(text, MOST_NESTED) > MOST_NESTED)
    throw new SluiceError('hook.body_invalid', `The body nests more than ${MOST_NESTED} deep.`);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SluiceError('hook.body_invalid', 'The body is not JSON.', { cause });
  }
}
