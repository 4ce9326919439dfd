import type { Answer, RunStatus } from '#shared/run/events.ts';
import type { Sql } from '../platform/database.ts';

/** Where a webhook's address leads now. */
export type HookTarget = {
  hookId: string;
  projectId: string;
  environment: string;
  stepId: string;
  deploymentId: string;
  versionId: string;
  bindings: Record<string, string>;
};

/** Undefined where there is no such address, or nothing is deployed behind it. */
export async function findTarget(
  sql: Sql,
  place: { workspaceId: string; workflowId: string; keyHash: string },
): Promise<HookTarget | undefined> {
  const { rows } = await sql.query<{
    id: string;
    project_id: string;
    environment: string;
    step_id: string;
    deployment_id: string;
    version_id: string;
    bindings: Record<string, string>;
  }>(
    `select h.id, h.project_id, e.name as environment, h.step_id, d.id as deployment_id, d.version_id, d.bindings
       from hook_address h
       join environment e on e.workspace_id = h.workspace_id and e.id = h.environment_id
       join deployment d on d.workspace_id = h.workspace_id and d.environment_id = h.environment_id and d.status = 'active'
      where h.workspace_id = $1 and h.workflow_id = $2 and h.key_hash = $3 and h.enabled`,
    [place.workspaceId, place.workflowId, place.keyHash],
  );
  const row = rows[0];
  return (
    row && {
      hookId: row.id,
      projectId: row.project_id,
      environment: row.environment,
      stepId: row.step_id,
      deploymentId: row.deployment_id,
      versionId: row.version_id,
      bindings: row.bindings,
    }
  );
}

/** The ids of an environment's addresses by `<workflow id>:<step id>`. */
export async function listAddresses(
  sql: Sql,
  workspaceId: string,
  environmentId: string,
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await sql.query<{ id: string; workflow_id: string; step_id: string }>(
    'select id, workflow_id, step_id from hook_address where workspace_id = $1 and environment_id = $2 and enabled',
    [workspaceId, environmentId],
  );
  return new Map(rows.map((row) => [`${row.workflow_id}:${row.step_id}`, row.id]));
}

export type Delivery = { workspaceId: string; hookId: string; deliveryId: string };

/**
 * Puts a delivery into the inbox, if its deployment still takes the environment's traffic. Of two with the same id at
 * once, the second waits here for the first. The run follows in the same transaction. False: nothing was written.
 */
export async function insertDelivery(
  sql: Sql,
  delivery: Delivery,
  entry: { runId: string; bodyHash: string; answer: Answer | undefined; deploymentId: string },
): Promise<boolean> {
  const { rowCount } = await sql.query(
    `insert into hook_delivery (workspace_id, hook_id, delivery_id, run_id, body_hash, answer)
     select $1, $2, $3, $4, $5, $6::json
      where exists (select 1 from deployment where workspace_id = $1 and id = $7 and status = 'active')
     on conflict (workspace_id, hook_id, delivery_id) do nothing`,
    [
      delivery.workspaceId,
      delivery.hookId,
      delivery.deliveryId,
      entry.runId,
      entry.bodyHash,
      entry.answer === undefined ? null : JSON.stringify(entry.answer),
      entry.deploymentId,
    ],
  );
  return rowCount > 0;
}

export async function findDelivery(
  sql: Sql,
  delivery: Delivery,
): Promise<{ runId: string; answer: Answer | undefined } | undefined> {
  const { rows } = await sql.query<{ run_id: string; answer: Answer | null }>(
    'select run_id, answer from hook_delivery where workspace_id = $1 and hook_id = $2 and delivery_id = $3',
    [delivery.workspaceId, delivery.hookId, delivery.deliveryId],
  );
  return rows[0] && { runId: rows[0].run_id, answer: rows[0].answer ?? undefined };
}

/** What the caller of a delivery gets, once it is known. */
export async function findAnswer(sql: Sql, workspaceId: string, runId: string): Promise<Answer | undefined> {
  const { rows } = await sql.query<{ answer: Answer | null }>(
    'select answer from hook_delivery where workspace_id = $1 and run_id = $2',
    [workspaceId, runId],
  );
  return rows[0]?.answer ?? undefined;
}

/** What a run answered. It is locked, so that an answer that comes meanwhile finds whoever asks now. */
export async function findRunAnswer(
  sql: Sql,
  workspaceId: string,
  runId: string,
): Promise<{ answer: Answer | undefined; status: RunStatus }> {
  const { rows } = await sql.query<{ answer: Answer | null; status: RunStatus }>(
    'select answer, status from run where workspace_id = $1 and id = $2 for share',
    [workspaceId, runId],
  );
  return { answer: rows[0]?.answer ?? undefined, status: rows[0]?.status ?? 'queued' };
}

/** A delivery that was just put into the inbox belongs to a run that was there before. */
export async function moveDelivery(
  sql: Sql,
  delivery: Delivery,
  { runId, answer }: { runId: string; answer: Answer | undefined },
): Promise<void> {
  await sql.query(
    `update hook_delivery set run_id = $4, answer = $5::json
      where workspace_id = $1 and hook_id = $2 and delivery_id = $3`,
    [
      delivery.workspaceId,
      delivery.hookId,
      delivery.deliveryId,
      runId,
      answer === undefined ? null : JSON.stringify(answer),
    ],
  );
}
