import { randomUUID } from 'node:crypto';
import { breakOff, type DeployDeps, deploy } from './deploy.ts';
import { claimDeployments } from './deploymentClaimStore.ts';

/**
 * Takes up deployments that wait or were left in the middle, whatever the workspace.
 *
 * @returns how many were taken up
 */
export async function deployTick(deps: DeployDeps): Promise<number> {
  const owner = randomUUID();
  const claims = await deps.database.withClaims((sql) => claimDeployments(sql, owner, 5));
  await Promise.all(
    claims.map(({ workspaceId, deploymentId }) =>
      deploy(deps, { workspaceId, id: deploymentId }).catch(async (thrown: unknown) => {
        deps.logger.error('A deployment broke off because of a bug.', {
          workspaceId,
          deploymentId,
          error: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown),
        });
        // Where even this does not work, as without a database, the lease runs out and somebody takes it up again.
        await breakOff(deps, { workspaceId, id: deploymentId }).catch(() => undefined);
      }),
    ),
  );
  return claims.length;
}
