import type { Answer, EventOf, RunStatus, StepError } from '#shared/run/events.ts';
import { hasEnded } from '#shared/run/projectEvents.ts';
import { claimUnheld, releaseClaim, wakeFollowers } from './claimStore.ts';
import { answerHook } from './hookAnswerStore.ts';
import { appendEvents, updateRun } from './journalStore.ts';
import type { Allowances, Sql } from './ports.ts';

type Row = { status: RunStatus; last_seq: number; queued_at: Date; started_at: Date | null };

/** What the caller of a webhook gets when no step answered. */
export function answerOfEnd(runId: string, status: RunStatus): Answer {
  return { status: status === 'succeeded' ? 200 : 500, body: { runId } };
}

/**
 * Ends a run that no runtime holds, as a lease holder of its own: the journal gets its last event, a place in the
 * allowance that was not used is given back, the caller of a webhook is answered.
 *
 * @returns its last event; undefined where a runtime holds the run or it has ended
 */
export async function endUnheldRun(
  sql: Sql,
  { workspaceId, runId }: { workspaceId: string; runId: string },
  end: { status: 'cancelled' | 'failed'; error?: StepError },
  allowances: Pick<Allowances, 'releaseRun'>,
): Promise<EventOf<'run.ended'> | undefined> {
  const fence = await claimUnheld(sql, workspaceId, runId);
  if (fence === undefined) return undefined;
  const { rows } = await sql.query<Row & { now: Date }>(
    'select status, last_seq, queued_at, started_at, now() as now from run where workspace_id = $1 and id = $2',
    [workspaceId, runId],
  );
  const run = rows[0];
  if (!run || hasEnded(run.status)) return undefined;
  const lease = { workspaceId, runId, fence };
  const seq = run.last_seq + 1;
  const at = run.now.toISOString();
  const ended: EventOf<'run.ended'> = { runId, seq, at, fence, type: 'run.ended', ...end };
  await appendEvents(sql, lease, [ended]);
  await updateRun(sql, lease, { status: end.status, lastSeq: seq, endedSteps: 0, finishedAt: at, error: end.error });
  if (!run.started_at) await allowances.releaseRun(sql, workspaceId, run.queued_at);
  await answerHook(sql, workspaceId, runId, answerOfEnd(runId, end.status));
  await releaseClaim(sql, lease, { status: 'done' });
  await wakeFollowers(sql, workspaceId, runId);
  return ended;
}

/**
 * Asks for a run's end: at once where nobody holds it, else the runtime is told in the answer to its next report.
 *
 * @returns `ended`, `asked`, or `over` where it had ended before
 */
export async function cancelRun(
  sql: Sql,
  place: { workspaceId: string; runId: string },
  allowances: Pick<Allowances, 'releaseRun'>,
): Promise<'ended' | 'asked' | 'over'> {
  // First the claim, then the run, in the order in which a report takes them: so the two never wait for each other.
  await sql.query('select 1 from run_claim where workspace_id = $1 and run_id = $2 for update', [
    place.workspaceId,
    place.runId,
  ]);
  const { rowCount } = await sql.query(
    `update run set cancel_requested_at = coalesce(cancel_requested_at, now())
      where workspace_id = $1 and id = $2 and status in ('queued', 'running', 'waiting')`,
    [place.workspaceId, place.runId],
  );
  if (rowCount === 0) return 'over';
  return (await endUnheldRun(sql, place, { status: 'cancelled' }, allowances)) ? 'ended' : 'asked';
}
