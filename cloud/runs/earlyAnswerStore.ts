import type { Json } from '#shared/json.ts';
import type { Sql } from './ports.ts';

/** An answer that came while a runtime held the run. Without a step it is for whatever waits for a reply first. */
export type EarlyAnswer = { by: string; input: Json; stepId?: string; iteration?: number; path?: readonly string[] };

/** Locks a run's claim: who holds the lock decides between writing an answer down and keeping it. */
export async function lockClaim(
  sql: Sql,
  workspaceId: string,
  runId: string,
): Promise<{ held: boolean; priority: number } | undefined> {
  const { rows } = await sql.query<{ held: boolean; priority: number }>(
    `select status = 'leased' and lease_until >= now() as held, priority from run_claim
      where workspace_id = $1 and run_id = $2 for update`,
    [workspaceId, runId],
  );
  return rows[0];
}

export async function readAnswers(sql: Sql, workspaceId: string, runId: string): Promise<EarlyAnswer[]> {
  const { rows } = await sql.query<{ early_answers: EarlyAnswer[] | null }>(
    'select early_answers from run where workspace_id = $1 and id = $2',
    [workspaceId, runId],
  );
  return rows[0]?.early_answers ?? [];
}

export async function keepAnswers(
  sql: Sql,
  workspaceId: string,
  runId: string,
  answers: readonly EarlyAnswer[],
): Promise<void> {
  await sql.query('update run set early_answers = $3::json where workspace_id = $1 and id = $2', [
    workspaceId,
    runId,
    answers.length === 0 ? null : JSON.stringify(answers),
  ]);
}

/** What came for a run since its lease was renewed: the renewal saw the row as it was before it had the lock. */
export async function readRequests(
  sql: Sql,
  workspaceId: string,
  runId: string,
): Promise<{ cancelRequested: boolean; answers: EarlyAnswer[] }> {
  const { rows } = await sql.query<{ cancel: boolean; early_answers: EarlyAnswer[] | null }>(
    'select cancel_requested_at is not null as cancel, early_answers from run where workspace_id = $1 and id = $2',
    [workspaceId, runId],
  );
  return { cancelRequested: rows[0]?.cancel ?? false, answers: rows[0]?.early_answers ?? [] };
}
