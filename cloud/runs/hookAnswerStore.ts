import type { Answer } from '#shared/run/events.ts';
import type { Sql } from './ports.ts';

/** Records what the caller of a webhook gets. The first answer stays. @returns whether it was this one */
export async function answerHook(sql: Sql, workspaceId: string, runId: string, answer: Answer): Promise<boolean> {
  const { rowCount } = await sql.query(
    'update hook_delivery set answer = $3::json where workspace_id = $1 and run_id = $2 and answer is null',
    [workspaceId, runId, JSON.stringify(answer)],
  );
  return rowCount > 0;
}
