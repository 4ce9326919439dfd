import type { EnvironmentRecord } from '#shared/contract/cloud/common.ts';
import type { JsonObject } from '#shared/json.ts';
import type { Sql } from '../platform/database.ts';

type Row = {
  id: string;
  project_id: string;
  name: string;
  vars: JsonObject;
  bindings: Record<string, string>;
  revision: number;
};

const COLUMNS = 'id, project_id, name, vars, bindings, revision';

function toEnvironment(row: Row): EnvironmentRecord {
  const { id, project_id: projectId, name, vars, bindings, revision } = row;
  return { id, projectId, name, vars, bindings, revision };
}

type Place = { workspaceId: string; projectId: string };

export async function listEnvironments(sql: Sql, place: Place): Promise<EnvironmentRecord[]> {
  const { rows } = await sql.query<Row>(
    `select ${COLUMNS} from environment where workspace_id = $1 and project_id = $2 order by name`,
    [place.workspaceId, place.projectId],
  );
  return rows.map(toEnvironment);
}

/** `lock`: nobody else changes or deploys it before this transaction ends. */
export async function findEnvironment(
  sql: Sql,
  place: Place,
  by: { id: string } | { name: string },
  lock = false,
): Promise<EnvironmentRecord | undefined> {
  const { rows } = await sql.query<Row>(
    `select ${COLUMNS} from environment
      where workspace_id = $1 and project_id = $2 and ${'id' in by ? 'id' : 'name'} = $3 ${lock ? 'for update' : ''}`,
    [place.workspaceId, place.projectId, 'id' in by ? by.id : by.name],
  );
  return rows[0] && toEnvironment(rows[0]);
}

/** Makes the environment unless somebody made it meanwhile. */
export async function insertEnvironment(
  sql: Sql,
  place: Place,
  environment: { id: string; name: string; vars: JsonObject; bindings: Record<string, string> },
): Promise<void> {
  await sql.query(
    `insert into environment (workspace_id, id, project_id, name, vars, bindings, updated_at)
     values ($1, $2, $3, $4, $5::json, $6::jsonb, now()) on conflict (workspace_id, project_id, name) do nothing`,
    [
      place.workspaceId,
      environment.id,
      place.projectId,
      environment.name,
      JSON.stringify(environment.vars),
      JSON.stringify(environment.bindings),
    ],
  );
}

export async function updateEnvironment(
  sql: Sql,
  place: Place,
  environment: { id: string; vars: JsonObject; bindings: Record<string, string> },
): Promise<void> {
  await sql.query(
    `update environment set vars = $4::json, bindings = $5::jsonb, revision = revision + 1, updated_at = now()
      where workspace_id = $1 and project_id = $2 and id = $3`,
    [
      place.workspaceId,
      place.projectId,
      environment.id,
      JSON.stringify(environment.vars),
      JSON.stringify(environment.bindings),
    ],
  );
}
