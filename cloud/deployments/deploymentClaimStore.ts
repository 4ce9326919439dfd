import type { Sql } from '../platform/database.ts';

/** A container may take its time to start. */
const LEASE = '90 s';

/**
 * Takes deployments on their way that nobody works on, by the database's clock.
 *
 * @param sql of the dispatcher
 */
export async function claimDeployments(
  sql: Sql,
  owner: string,
  limit: number,
): Promise<{ workspaceId: string; deploymentId: string }[]> {
  const { rows } = await sql.query<{ workspace_id: string; deployment_id: string }>(
    `update deployment_claim c set owner = $1, lease_until = now() + interval '${LEASE}'
       from (select workspace_id, deployment_id from deployment_claim
              where due_at <= now() and (lease_until is null or lease_until < now())
              order by due_at limit $2 for update skip locked) due
      where c.workspace_id = due.workspace_id and c.deployment_id = due.deployment_id
     returning c.workspace_id, c.deployment_id`,
    [owner, limit],
  );
  return rows.map((row) => ({ workspaceId: row.workspace_id, deploymentId: row.deployment_id }));
}
