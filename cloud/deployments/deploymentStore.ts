import type { DeploymentStatus } from '#shared/contract/cloud/common.ts';
import type { JsonObject } from '#shared/json.ts';
import type { Sql } from '../platform/database.ts';

/** A deployment's row, with the names a person knows. */
export type DeploymentRow = {
  id: string;
  workspaceId: string;
  projectId: string;
  environmentId: string;
  environment: string;
  versionId: string;
  versionNumber: number;
  runtimeHash: string;
  status: DeploymentStatus;
  previousId: string | undefined;
  requestedByName: string;
  vars: JsonObject;
  bindings: Record<string, string>;
  environmentRevision: number;
  error: string | undefined;
  createdAt: Date;
  startedAt: Date | undefined;
  finishedAt: Date | undefined;
};

type Raw = {
  id: string;
  workspace_id: string;
  project_id: string;
  environment_id: string;
  environment: string;
  version_id: string;
  version_number: number;
  runtime_hash: string;
  status: DeploymentStatus;
  previous_id: string | null;
  requested_by_name: string;
  vars: JsonObject;
  bindings: Record<string, string>;
  environment_revision: number;
  error: string | null;
  created_at: Date;
  started_at: Date | null;
  finished_at: Date | null;
};

const DEPLOYMENT = `select d.id, d.workspace_id, d.project_id, d.environment_id, e.name as environment, d.version_id,
    v.number as version_number, d.runtime_hash, d.status, d.previous_id, u.name as requested_by_name, d.vars, d.bindings,
    d.environment_revision, d.error, d.created_at, d.started_at, d.finished_at
  from deployment d
  join environment e on e.workspace_id = d.workspace_id and e.id = d.environment_id
  join version v on v.workspace_id = d.workspace_id and v.id = d.version_id
  join user_account u on u.id = d.requested_by_id`;

/** The environment's variables as a deployment froze them. */
export async function findVars(sql: Sql, workspaceId: string, deploymentId: string): Promise<JsonObject> {
  const { rows } = await sql.query<{ vars: JsonObject }>(
    'select vars from deployment where workspace_id = $1 and id = $2',
    [workspaceId, deploymentId],
  );
  return rows[0]?.vars ?? {};
}

function toRow(raw: Raw): DeploymentRow {
  return {
    id: raw.id,
    workspaceId: raw.workspace_id,
    projectId: raw.project_id,
    environmentId: raw.environment_id,
    environment: raw.environment,
    versionId: raw.version_id,
    versionNumber: raw.version_number,
    runtimeHash: raw.runtime_hash,
    status: raw.status,
    previousId: raw.previous_id ?? undefined,
    requestedByName: raw.requested_by_name,
    vars: raw.vars,
    bindings: raw.bindings,
    environmentRevision: raw.environment_revision,
    error: raw.error ?? undefined,
    createdAt: raw.created_at,
    startedAt: raw.started_at ?? undefined,
    finishedAt: raw.finished_at ?? undefined,
  };
}

export async function findDeployment(sql: Sql, workspaceId: string, id: string): Promise<DeploymentRow | undefined> {
  const { rows } = await sql.query<Raw>(`${DEPLOYMENT} where d.workspace_id = $1 and d.id = $2`, [workspaceId, id]);
  return rows[0] && toRow(rows[0]);
}

/** Newest first. One more than `limit` where there is a next page. */
export async function listDeployments(
  sql: Sql,
  place: { workspaceId: string; projectId: string },
  page: { limit: number; before?: string },
): Promise<DeploymentRow[]> {
  const { rows } = await sql.query<Raw>(
    `${DEPLOYMENT} where d.workspace_id = $1 and d.project_id = $2 and ($3::uuid is null or d.id < $3)
      order by d.id desc limit $4`,
    [place.workspaceId, place.projectId, page.before ?? null, page.limit + 1],
  );
  return rows.map(toRow);
}

/** The deployment that takes an environment's traffic. */
export async function findActive(
  sql: Sql,
  workspaceId: string,
  where: { environmentId: string } | { projectId: string; environment: string },
): Promise<DeploymentRow | undefined> {
  const [condition, values] =
    'environmentId' in where
      ? ['d.environment_id = $2', [where.environmentId]]
      : ['d.project_id = $2 and e.name = $3', [where.projectId, where.environment]];
  const { rows } = await sql.query<Raw>(
    `${DEPLOYMENT} where d.workspace_id = $1 and ${condition} and d.status = 'active'`,
    [workspaceId, ...values],
  );
  return rows[0] && toRow(rows[0]);
}

/** Writes the deployment as `queued`, and what the worker finds it by. */
export async function insertDeployment(
  sql: Sql,
  deployment: {
    id: string;
    workspaceId: string;
    projectId: string;
    environmentId: string;
    environmentRevision: number;
    versionId: string;
    runtimeHash: string;
    previousId: string | undefined;
    requestedById: string;
    vars: JsonObject;
    bindings: Record<string, string>;
  },
): Promise<void> {
  await sql.query(
    `insert into deployment (workspace_id, id, project_id, environment_id, environment_revision, version_id, runtime_hash,
                             previous_id, requested_by_id, vars, bindings, updated_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::json, $11::json, now())`,
    [
      deployment.workspaceId,
      deployment.id,
      deployment.projectId,
      deployment.environmentId,
      deployment.environmentRevision,
      deployment.versionId,
      deployment.runtimeHash,
      deployment.previousId ?? null,
      deployment.requestedById,
      JSON.stringify(deployment.vars),
      JSON.stringify(deployment.bindings),
    ],
  );
  await sql.query('insert into deployment_claim (workspace_id, deployment_id) values ($1, $2)', [
    deployment.workspaceId,
    deployment.id,
  ]);
}

/** Moves the status if it still is what it was: compare and set. @returns whether it moved */
export async function moveDeployment(
  sql: Sql,
  { workspaceId, id }: { workspaceId: string; id: string },
  from: DeploymentStatus,
  to: DeploymentStatus,
  error?: string,
): Promise<boolean> {
  const { rowCount } = await sql.query(
    `update deployment set status = $4::deployment_status, error = coalesce($5, error), updated_at = now(),
            started_at = coalesce(started_at, case when $4 = 'validating' then now() end),
            finished_at = case when $4 in ('active', 'failed', 'stopped', 'superseded') then coalesce(finished_at, now()) end
      where workspace_id = $1 and id = $2 and status = $3::deployment_status`,
    [workspaceId, id, from, to, error ?? null],
  );
  if (rowCount === 0) return false;
  await sql.query(
    `insert into deployment_log (workspace_id, deployment_id, at, level, message) values ($1, $2, now(), $3::log_level, $4)`,
    [workspaceId, id, to === 'failed' ? 'error' : 'info', error ?? `The deployment is ${to}.`],
  );
  if (to === 'active' || to === 'failed') {
    await sql.query('delete from deployment_claim where workspace_id = $1 and deployment_id = $2', [workspaceId, id]);
  }
  return true;
}

/** Ids of the workflows that are deployed in other environments than this one. */
export async function findDeployedElsewhere(
  sql: Sql,
  workspaceId: string,
  environmentId: string,
): Promise<Set<string>> {
  const { rows } = await sql.query<{ id: string }>(
    `select distinct json_object_keys(v.tree -> 'workflows') as id
       from deployment d join version v on v.workspace_id = d.workspace_id and v.id = d.version_id
      where d.workspace_id = $1 and d.environment_id <> $2 and d.status = 'active'`,
    [workspaceId, environmentId],
  );
  return new Set(rows.map(({ id }) => id));
}

/** Keeps an address for each webhook of a version. Those that are there stay as they are. */
export async function upsertHooks(
  sql: Sql,
  place: { workspaceId: string; projectId: string; environmentId: string },
  hooks: { id: string; workflowId: string; stepId: string; keyHash: string }[],
): Promise<void> {
  await sql.query(
    `insert into hook_address (workspace_id, id, project_id, environment_id, workflow_id, step_id, key_hash)
     select $1, h.id, $2, $3, h.workflow_id, h.step_id, h.key_hash
       from unnest($4::uuid[], $5::uuid[], $6::text[], $7::text[]) as h(id, workflow_id, step_id, key_hash)
     on conflict (workspace_id, environment_id, workflow_id, step_id) do nothing`,
    [
      place.workspaceId,
      place.projectId,
      place.environmentId,
      hooks.map((hook) => hook.id),
      hooks.map((hook) => hook.workflowId),
      hooks.map((hook) => hook.stepId),
      hooks.map((hook) => hook.keyHash),
    ],
  );
}
