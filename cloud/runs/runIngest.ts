import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import type { Answer, RunEvent, RunLogLine } from '#shared/run/events.ts';
import { hasEnded, projectEvents, type RunChange } from '#shared/run/projectEvents.ts';
import type { Notices } from '../notifications/notices.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from '../platform/database.ts';
import type { VersionTrees } from '../versions/versionTrees.ts';
import { endClaim, findReleased, type LeasedRun, releaseClaim, renewLease } from './claimStore.ts';
import { readRequests } from './earlyAnswerStore.ts';
import { answerOfEnd, endUnheldRun } from './endRun.ts';
import { tellOfFailure } from './errorWorkflow.ts';
import { answerHook } from './hookAnswerStore.ts';
import { appendEvents, appendLogs, type Lease, readOpenWaits, updateRun } from './journalStore.ts';
import type { Allowances, Sql } from './ports.ts';
import { takeAnswers } from './resumeRun.ts';
import type { Signals } from './signals.ts';

export type Report = {
  workspaceId: string;
  runId: string;
  fence: number;
  events: RunEvent[];
  logs?: RunLogLine[];
  done?: boolean;
};

export type IngestDeps = {
  database: Database;
  allowances: Pick<Allowances, 'countRun' | 'countSteps' | 'releaseRun' | 'reserveRun' | 'planOf'>;
  versionTrees: VersionTrees;
  /** Absent: nobody is told. */
  notices?: Pick<Notices, 'runFailed' | 'approvalRequested'>;
  signals: Signals;
  clock: Clock;
  leaseMs: number;
};

const fenced = () =>
  new SluiceError('run.fenced', 'This run is no longer held by this runtime.', {
    advice: 'Stop executing it and discard what was not acknowledged.',
  });

/**
 * Stores what a runtime reports, in one transaction: the lease is renewed, new events join the journal, the run's row,
 * usage and the webhook's answer follow, and a run that is done is let go. Events that are known are ignored, so a
 * report may come twice.
 *
 * @throws SluiceError run.fenced, run.gap with `details.expected`
 */
export async function ingestReport(
  report: Report,
  { database, allowances, signals, clock, leaseMs, versionTrees, notices }: IngestDeps,
): Promise<{ ack: number; cancel?: boolean }> {
  const { workspaceId, runId } = report;
  const stored = await database.withWorkspaceSql({ workspaceId }, async (sql) => {
    const run = await renewLease(sql, { ...report, leaseMs });
    if (!run) return { ack: await ackOfRepeat(sql, report) };
    const events = newEvents(report, run.lastSeq);
    const change = projectEvents({ runId, status: run.status }, events);
    const answer =
      events.length > 0
        ? await store(sql, report, run, change, events, { allowances, clock, versionTrees, notices })
        : undefined;
    if (report.logs?.length) await appendLogs(sql, report, report.logs);
    const lastSeq = events.at(-1)?.seq ?? run.lastSeq;
    const isWork = report.done ? await letGo(sql, report, { ...run, lastSeq }, change, allowances) : false;
    return { ack: lastSeq, run, change, fresh: events.length > 0, answer, isWork };
  });
  if (!stored.run) return { ack: stored.ack };
  const { run, change, fresh, answer, isWork } = stored;
  const changed = change.status !== run.status || (report.done ?? false);
  if (fresh || changed) signals.publish({ kind: 'run', workspaceId, projectId: run.projectId, runId, changed });
  if (change.answer || change.ended) signals.publish({ kind: 'answer', workspaceId, runId, ...hintOf(answer) });
  if (isWork) signals.publish({ kind: 'work', workspaceId });
  return { ack: stored.ack, ...(run.cancelRequested && !change.ended ? { cancel: true } : {}) };
}

/** The answer to a report that had done its work before its answer was lost. */
async function ackOfRepeat(sql: Sql, report: Report): Promise<number> {
  const lastSeq = await findReleased(sql, report);
  const highest = report.events.at(-1)?.seq ?? 0;
  if (lastSeq === undefined || !report.done || highest > lastSeq) throw fenced();
  return lastSeq;
}

/** Those that are not stored yet. @throws SluiceError run.gap, request.invalid */
function newEvents(report: Report, lastSeq: number): RunEvent[] {
  const events = report.events.filter(({ seq }) => seq > lastSeq);
  for (const [index, event] of events.entries()) {
    const expected = lastSeq + 1 + index;
    if (event.seq !== expected) {
      throw new SluiceError('run.gap', `Event ${expected} of this run is missing; ${event.seq} came.`, {
        details: { expected },
        advice: `Send again from event ${expected}.`,
      });
    }
    if (event.runId !== report.runId || event.fence !== report.fence) {
      throw new SluiceError('request.invalid', `Event ${event.seq} is not of this run under this lease.`, {
        advice: 'Report each run under the fence it was handed out with.',
      });
    }
  }
  return events;
}

/** @returns what the trigger's caller gets, where this report says it first */
async function store(
  sql: Sql,
  lease: Lease,
  run: LeasedRun,
  change: RunChange,
  events: RunEvent[],
  { allowances, clock, versionTrees, notices }: Pick<IngestDeps, 'allowances' | 'clock' | 'versionTrees' | 'notices'>,
): Promise<Answer | undefined> {
  const { workspaceId, runId } = lease;
  if (!(await appendEvents(sql, lease, events))) throw fenced();
  const { started, ended, answer } = change;
  const updated = await updateRun(sql, lease, {
    status: change.status,
    lastSeq: events.at(-1)?.seq ?? run.lastSeq,
    endedSteps: change.endedSteps.length,
    startedAt: started?.at,
    finishedAt: ended?.at,
    wait: change.waited && change.status === 'waiting' ? waitOf(events) : undefined,
    error: ended?.error,
    output: ended?.output as Json | undefined,
    answer,
  });
  if (!updated) throw fenced();
  // The month is ours to say: a container's clock may be off.
  const steps = { sourceIds: change.endedSteps, at: clock.now() };
  if (started) await allowances.countRun(sql, workspaceId, { runId, queuedAt: run.queuedAt }, steps);
  else {
    if (ended && !run.startedAt) await allowances.releaseRun(sql, workspaceId, run.queuedAt);
    await allowances.countSteps(sql, workspaceId, steps);
  }
  if (ended && run.trigger !== 'error' && (ended.status === 'failed' || ended.status === 'timed_out')) {
    await tellOfFailure(sql, lease, ended, { allowances, versionTrees });
    const reason = ended.error?.message ?? `It ${ended.status === 'failed' ? 'failed' : 'took longer than it may'}.`;
    await notices?.runFailed(sql, { workspaceId, runId, reason });
  }
  for (const event of events) {
    if (event.type !== 'run.waiting' || event.reason !== 'approval') continue;
    const { stepId, iteration, details } = event;
    await notices?.approvalRequested(sql, { workspaceId, runId, stepId, iteration, details });
  }
  if (run.trigger !== 'webhook' && run.trigger !== 'route') return undefined;
  const given = answer ?? (ended && answerOfEnd(runId, ended.status));
  return given && (await answerHook(sql, workspaceId, runId, given)) ? given : undefined;
}

function waitOf(events: RunEvent[]): Json | undefined {
  const waits = events.filter((event) => event.type === 'run.waiting');
  const first = waits.at(-1);
  if (!first) return undefined;
  const { reason, stepId, iteration, path, until, error, details } = first;
  return JSON.parse(JSON.stringify({ reason, stepId, iteration, path, until, error, details })) as Json;
}

/** The answer itself, where it is small, so that nobody need look for it. */
function hintOf(answer: Answer | undefined): { answer?: Answer } {
  return answer && JSON.stringify(answer).length <= MOST_HINTED ? { answer } : {};
}
const MOST_HINTED = 4_000;

/**
 * The runtime gives the run back: it ended, it waits, or somebody else shall go on with it.
 *
 * @returns whether there is a run to take now, for which this one made room
 */
async function letGo(
  sql: Sql,
  lease: Lease,
  run: LeasedRun,
  change: RunChange,
  allowances: IngestDeps['allowances'],
): Promise<boolean> {
  const { workspaceId, runId } = lease;
  if (hasEnded(change.status)) {
    const { followers, ready } = await endClaim(sql, lease);
    return followers || ready;
  }
  const waits = change.status === 'waiting' ? await readOpenWaits(sql, workspaceId, runId) : [];
  const { cancelRequested, answers } = await readRequests(sql, workspaceId, runId);
  const goesOn = answers.length > 0 && (await takeAnswers(sql, lease, run.lastSeq, waits, answers));
  if (goesOn || waits.length === 0 || cancelRequested) {
    await releaseClaim(sql, lease, { status: 'ready' });
    // A run that is to be cancelled is not left to sleep.
    if (cancelRequested) await endUnheldRun(sql, lease, { status: 'cancelled' }, allowances);
    return true;
  }
  const times = waits.flatMap(({ until }) => (until === undefined ? [] : [until])).sort();
  await releaseClaim(sql, lease, { status: 'waiting', until: times[0] });
  return true;
}
