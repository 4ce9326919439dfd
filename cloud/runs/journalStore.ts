import type { Json } from '#shared/json.ts';
import type { Answer, RunEvent, RunLogLine, RunStatus, StepError } from '#shared/run/events.ts';
import { sourcesOf } from '#shared/run/projectEvents.ts';
import type { Sql } from './ports.ts';

export type Lease = { workspaceId: string; runId: string; fence: number };

const HELD = `exists (select 1 from run_claim where workspace_id = $1 and run_id = $2 and fence = $3 and status = 'leased')`;

/** Appends to the journal under a fence, all in one statement. False, and nothing written, where the fence is stale. */
export async function appendEvents(sql: Sql, lease: Lease, events: RunEvent[]): Promise<boolean> {
  const { rowCount } = await sql.query(
    `insert into run_event (workspace_id, run_id, seq, type, step_id, iteration, attempt, payload, fence, at)
     select $1, $2, e.seq, e.type, e.step_id, e.iteration, e.attempt, e.payload::json, $3, e.at
       from unnest($4::int[], $5::text[], $6::text[], $7::int[], $8::int[], $9::text[], $10::timestamptz[])
            as e(seq, type, step_id, iteration, attempt, payload, at)
      where ${HELD}`,
    [
      lease.workspaceId,
      lease.runId,
      lease.fence,
      events.map((event) => event.seq),
      events.map((event) => event.type),
      events.map((event) => ('stepId' in event ? event.stepId : null)),
      events.map((event) => ('iteration' in event ? event.iteration : null)),
      events.map((event) => ('attempt' in event ? event.attempt : null)),
      events.map((event) => JSON.stringify(event)),
      events.map((event) => event.at),
    ],
  );
  return rowCount === events.length;
}

/** The journal after a sequence number, in order. */
export async function readEvents(
  sql: Sql,
  workspaceId: string,
  runId: string,
  after = 0,
  limit = 100_000,
): Promise<RunEvent[]> {
  const { rows } = await sql.query<{ payload: RunEvent }>(
    `select payload from run_event where workspace_id = $1 and run_id = $2 and seq > $3 order by seq limit $4`,
    [workspaceId, runId, after, limit],
  );
  return rows.map((row) => row.payload);
}

/** The waits of a run that nothing has ended yet. */
export async function readOpenWaits(
  sql: Sql,
  workspaceId: string,
  runId: string,
): Promise<Extract<RunEvent, { type: 'run.waiting' }>[]> {
  const { rows } = await sql.query<{ payload: RunEvent }>(
    `select payload from run_event
      where workspace_id = $1 and run_id = $2 and type in ('run.waiting', 'run.resumed') order by seq`,
    [workspaceId, runId],
  );
  const open = new Map<string, Extract<RunEvent, { type: 'run.waiting' }>>();
  for (const { payload } of rows) {
    if (payload.type !== 'run.waiting' && payload.type !== 'run.resumed') continue;
    const key = [...(payload.path ?? []), payload.stepId, payload.iteration].join('/');
    if (payload.type === 'run.waiting') open.set(key, payload);
    else open.delete(key);
  }
  return [...open.values()];
}

export type RunUpdate = {
  status: RunStatus;
  lastSeq: number;
  endedSteps: number;
  startedAt?: string;
  finishedAt?: string;
  wait?: Json;
  error?: StepError;
  output?: Json;
  answer?: Answer;
};

/**
 * Brings the run's row up to its journal, under a fence and by an allowed move only. False: the fence is stale or the
 * run has ended. The first answer stays.
 */
export async function updateRun(sql: Sql, lease: Lease, update: RunUpdate): Promise<boolean> {
  const { rowCount } = await sql.query(
    `update run set status = $4::run_status, last_seq = $5, step_count = step_count + $6,
            started_at = coalesce(started_at, $7::timestamptz), finished_at = coalesce($8::timestamptz, finished_at),
            duration_ms = case when $8::timestamptz is null then duration_ms else
              greatest(0, extract(epoch from $8::timestamptz - coalesce(started_at, $7::timestamptz, $8::timestamptz)) * 1000)::int end,
            wait = coalesce($9::json, wait), error = coalesce($10::json, error), output = coalesce($11::json, output),
            answer = coalesce(answer, $12::json)
      where workspace_id = $1 and id = $2 and status = any($13::run_status[]) and ${HELD}`,
    [
      lease.workspaceId,
      lease.runId,
      lease.fence,
      update.status,
      update.lastSeq,
      update.endedSteps,
      update.startedAt ?? null,
      update.finishedAt ?? null,
      json(update.wait),
      json(update.error),
      json(update.output),
      json(update.answer),
      sourcesOf(update.status),
    ],
  );
  return (rowCount ?? 0) > 0;
}

function json(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

/** Appends log lines. Logs are not journal, but a stale runtime writes none either. */
export async function appendLogs(sql: Sql, lease: Lease, lines: RunLogLine[]): Promise<void> {
  await sql.query(
    `insert into run_log (workspace_id, run_id, step_id, iteration, at, level, message)
     select $1, $2, l.step_id, l.iteration, l.at, l.level::log_level, l.message
       from unnest($4::text[], $5::int[], $6::timestamptz[], $7::text[], $8::text[])
            as l(step_id, iteration, at, level, message)
      where ${HELD}`,
    [
      lease.workspaceId,
      lease.runId,
      lease.fence,
      lines.map((line) => line.stepId ?? null),
      lines.map((line) => line.iteration ?? null),
      lines.map((line) => line.at),
      lines.map((line) => line.level),
      // Postgres has no text with U+0000.
      lines.map((line) => line.message.replaceAll('\0', '\ufffd')),
    ],
  );
}

export async function readLogs(sql: Sql, workspaceId: string, runId: string, limit = 10_000): Promise<RunLogLine[]> {
  const { rows } = await sql.query<{
    at: Date;
    level: RunLogLine['level'];
    step_id: string | null;
    iteration: number | null;
    message: string;
  }>(
    `select at, level, step_id, iteration, message from run_log
      where workspace_id = $1 and run_id = $2 order by id limit $3`,
    [workspaceId, runId, limit],
  );
  return rows.map((row) => ({
    runId,
    at: row.at.toISOString(),
    level: row.level,
    stepId: row.step_id ?? undefined,
    iteration: row.iteration ?? undefined,
    message: row.message,
  }));
}
