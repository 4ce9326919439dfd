import { randomUUID } from 'node:crypto';
import { breakOff, type DeployDeps, deploy } from './deploy.ts';
import { claimDeployments } from './deploymentClaimStore.ts';

/**
 * Takes up deployments that wait or were left in the middle, whatever the workspace.
 *
 * @returns one promise for each, which never fails: a container that starts slowly holds up no other deployment
 */
export async function deployTick(deps: DeployDeps): Promise<Promise<void>[]> {
  const claims = await deps.database.withClaims((sql) => claimDeployments(sql, randomUUID(), 5));
  return claims.map(({ workspaceId, deploymentId }) => deployOne(deps, { workspaceId, id: deploymentId }));
}

async function deployOne(deps: DeployDeps, place: { workspaceId: string; id: string }): Promise<void> {
  try {
    await deploy(deps, place);
  } catch (thrown) {
    deps.logger.error('A deployment broke off because of a bug.', {
      workspaceId: place.workspaceId,
      deploymentId: place.id,
      error: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown),
    });
    // Where even this does not work, as without a database, the lease runs out and somebody takes it up again.
    await breakOff(deps, place).catch(() => undefined);
  }
}
