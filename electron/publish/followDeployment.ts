import { setTimeout as sleep } from 'node:timers/promises';
import type { Deployment } from '#shared/contract/cloud/common.ts';
import type { CloudClient } from '../account/cloudClient.ts';

const LOOK_MS = 1_000;
const LOOK_WITH_FEED_MS = 10_000;
/** Longer than an image takes to arrive; then whoever asks sees it in the list. */
const PATIENCE_MS = 15 * 60_000;

/** Whether a deployment goes no further by itself. */
export function isSettled({ status }: Deployment): boolean {
  return status === 'active' || status === 'failed' || status === 'stopped' || status === 'superseded';
}

/**
 * Looks at a deployment until it is active or failed. The feed tells as well; this is for when it is down, or missed it.
 *
 * @param onSeen told each time it was looked at
 * @returns the last that was seen
 */
export async function followDeployment(
  first: Deployment,
  deps: { cloud: CloudClient; feedIsUp(): boolean; onSeen(deployment: Deployment): void; signal: AbortSignal },
): Promise<Deployment> {
  const until = Date.now() + PATIENCE_MS;
  let seen = first;
  while (!isSettled(seen) && Date.now() < until && !deps.signal.aborted) {
    const lookMs = deps.feedIsUp() ? LOOK_WITH_FEED_MS : LOOK_MS;
    await sleep(lookMs, undefined, { signal: deps.signal }).catch(() => undefined);
    const { projectId, id: deploymentId } = first;
    const now = await deps.cloud.deployments.get({ projectId, deploymentId }).catch(() => undefined);
    if (!now) continue;
    seen = now;
    deps.onSeen(seen);
  }
  return seen;
}
