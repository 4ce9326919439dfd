import type { IncomingMessage } from 'node:http';
import type { BoundConnection } from '#shared/contract/agentApi.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { hookItem } from '../connectors/trigger/hookItem.ts';
import { readBody } from '../connectors/trigger/readBody.ts';
import { secretHeaders, verifyHook } from '../connectors/trigger/verifyHook.ts';
import { heldAnswer } from './heldAnswer.ts';
import type { Reply } from './httpServer.ts';
import type { LocalControl } from './localControl.ts';
import { type Begin, findHook, type Hook, secretsOf } from './servedTriggers.ts';

export type HookAnswersDeps = {
  hooks: readonly Hook[];
  connections: Record<string, BoundConnection>;
  control: LocalControl;
  blobsDir: string;
  begin: Begin;
};

/** Answers what is sent to the project's webhooks, each at `/hooks/<path>`. */
export function createHookAnswers({ hooks, connections, control, blobsDir, begin }: HookAnswersDeps) {
  return async (request: IncomingMessage, { path, query }: { path: string; query: string }): Promise<Reply> => {
    const method = request.method ?? 'GET';
    const { hook, params } = findHook(hooks, method, path);
    const rawBody = await readBody(request, hook.config.maxBytes);
    const secrets = secretsOf(hook, connections);
    const { headers } = request;
    const { deliveryId } = await verifyHook({ config: hook.config, secrets, headers, rawBody, nowMs: Date.now() });
    const made = hookItem({
      method,
      path: `/hooks/${path}`,
      params,
      query,
      headers,
      rawBody,
      deliveryId,
      hide: secretHeaders({ config: hook.config, secrets }),
    });
    const item: Item = { json: made.json };
    if (made.binary) {
      const { bytes, mime, name } = made.binary;
      item.binary = {
        body: { blob: await control.blobs.put(bytes), bytes: bytes.length, mime, ...(name ? { name } : {}) },
      };
    }
    const dedupe = deliveryId === undefined ? undefined : { hook: `${hook.workflowId}:${hook.stepId}`, deliveryId };
    const isHeld = hook.config.answer === 'respond';
    const { runId, repeated } = await begin(hook, 'webhook', [item], dedupe, isHeld);
    const reply = isHeld ? await heldAnswer(control, blobsDir, runId) : { status: 202, body: { runId } };
    return repeated ? { ...reply, repeated } : reply;
  };
}
