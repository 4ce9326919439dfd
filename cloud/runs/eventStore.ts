import type { Sql } from './ports.ts';

type Publication = { workspaceId: string; projectId: string; environment: string; name: string; eventId: string };

const key = (publication: Publication) => [
  publication.workspaceId,
  publication.projectId,
  publication.environment,
  publication.name,
  publication.eventId,
];

/** @returns false where this event was published before */
export async function claimPublication(sql: Sql, publication: Publication): Promise<boolean> {
  const { rowCount } = await sql.query(
    `insert into event_publication (workspace_id, project_id, environment, name, event_id, run_ids)
     values ($1, $2, $3, $4, $5, '{}') on conflict do nothing`,
    key(publication),
  );
  return rowCount > 0;
}

export async function findPublication(sql: Sql, publication: Publication): Promise<string[]> {
  const { rows } = await sql.query<{ run_ids: string[] }>(
    `select run_ids from event_publication
      where workspace_id = $1 and project_id = $2 and environment = $3 and name = $4 and event_id = $5`,
    key(publication),
  );
  return rows[0]?.run_ids ?? [];
}

export async function recordPublishedRuns(sql: Sql, publication: Publication, runIds: string[]): Promise<void> {
  await sql.query(
    `update event_publication set run_ids = $6::uuid[]
      where workspace_id = $1 and project_id = $2 and environment = $3 and name = $4 and event_id = $5`,
    [...key(publication), runIds],
  );
}
