import { createHash, createHmac } from 'node:crypto';

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

export function hookUrl(publicUrl: string, workspaceId: string, workflowId: string, key: string): string {
  return `${publicUrl.replace(/\/+$/, '')}/v1/hooks/${workspaceId}/${workflowId}/${key}`;
}
