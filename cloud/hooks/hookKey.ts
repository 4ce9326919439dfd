import { createHash, createHmac } from 'node:crypto';
import type { JsonObject } from '#shared/json.ts';

export type HookPlace = { environmentId: string; workflowId: string; stepId: string };

/**
 * The last part of a webhook's address. Derived, so the address can be shown again and stays the same for ever; nobody
 * without the workspace's secret can guess it.
 */
export function hookKey(secret: Uint8Array, { environmentId, workflowId, stepId }: HookPlace): string {
  return createHmac('sha256', secret).update(`${environmentId}\n${workflowId}\n${stepId}`).digest('base64url');
}

/** What is stored and looked up: the key itself stands nowhere. */
export function hookKeyHash(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

function hookUrl(publicUrl: string, workspaceId: string, workflowId: string, key: string): string {
  return `${publicUrl.replace(/\/+$/, '')}/v1/hooks/${workspaceId}/${workflowId}/${key}`;
}

/**
 * Where a trigger is called: a webhook at an address of its own, which nobody guesses; routes and forms below the address of
 * their environment, which is no secret.
 */
export function addressOf(
  publicUrl: string,
  { workspaceId, environmentId, workflowId, stepId }: HookPlace & { workspaceId: string },
  { uses, config }: { uses: string; config: JsonObject },
  secret: Uint8Array,
): string {
  if (uses === 'trigger.webhook')
    return hookUrl(publicUrl, workspaceId, workflowId, hookKey(secret, { environmentId, workflowId, stepId }));
  const path = String(config.path).replace(/^\//, '');
  const what = uses === 'trigger.form' ? 'forms' : 'api';
  return `${publicUrl.replace(/\/+$/, '')}/v1/${what}/${workspaceId}/${environmentId}/${path}`;
}
