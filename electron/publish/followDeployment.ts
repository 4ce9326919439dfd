import { setTimeout as sleep } from 'node:timers/promises';
import type { Deployment } from '#shared/contract/cloud/common.ts';
import type { CloudClient } from '../account/cloudClient.ts';

/** Most deployments take a second or two: looked at often at first, then ever more seldom. */
const FIRST_LOOK_MS = 250;
const LONGEST_LOOK_MS = 2_000;
const LONGEST_LOOK_WITH_FEED_MS = 10_000;
/** Longer than an image takes to arrive; then whoever asks sees it in the list. */
const PATIENCE_MS = 15 * 60_000;

/** Whether a deployment goes no further by itself. */
function isSettled({ status }: Deployment): boolean {
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
  let lookMs = FIRST_LOOK_MS;
  while (!isSettled(seen) && Date.now() < until && !deps.signal.aborted) {
    await sleep(lookMs, undefined, { signal: deps.signal }).catch(() => undefined);
    lookMs = Math.min(lookMs * 1.5, deps.feedIsUp() ? LONGEST_LOOK_WITH_FEED_MS : LONGEST_LOOK_MS);
    const { projectId, id: deploymentId } = first;
    const now = await deps.cloud.deployments.get({ projectId, deploymentId }).catch(() => undefined);
    if (!now) continue;
    seen = now;
    deps.onSeen(seen);
  }
  return seen;
}
