import { createHmac, timingSafeEqual } from 'node:crypto';
import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import { Decision, type EventOf, type RunEvent } from '#shared/run/events.ts';
import { hasEnded } from '#shared/run/projectEvents.ts';
import { type Approver, checkApprover } from './approvers.ts';
import { claimUnheld, releaseClaim } from './claimStore.ts';
import { type EarlyAnswer, keepAnswers, lockClaim, readAnswers } from './earlyAnswerStore.ts';
import { appendEvents, type Lease, readOpenWaits, updateRun } from './journalStore.ts';
import type { Sql } from './ports.ts';
import { findRunPlace } from './runStore.ts';

export type Resume = {
  workspaceId: string;
  runId: string;
  /** Which wait; without it the one that waits for an answer from outside, now or later. */
  stepId?: string;
  iteration?: number;
  path?: readonly string[];
  by: string;
  /** The member who answers; nobody where it comes from outside. */
  approver?: Approver;
  input: Json;
};

type Wait = EventOf<'run.waiting'>;

/** So many answers are kept for a run that is still at work. */
const MOST_KEPT = 20;

const notWaiting = () =>
  new SluiceError('run.not_waiting', 'The run does not wait for this, or not any more.', {
    advice: 'Look at the run again: somebody may have answered already, or the time was over.',
  });

/**
 * Ends a wait of a run: writes it down as a lease holder of its own, and lets the run be taken up at once. What comes while a
 * runtime holds the run is kept, and written down when that lets go (`takeAnswers`). Of two who answer at the same time one
 * is the first, and the other is told so. After the commit, ring.
 *
 * @throws SluiceError run.not_found, run.not_waiting, request.invalid, access.denied (the approval asks others)
 */
export async function resumeRun(sql: Sql, resume: Resume): Promise<{ projectId: string; priority: number }> {
  const { workspaceId, runId, stepId, iteration, path, by, input } = resume;
  const claim = await lockClaim(sql, workspaceId, runId);
  const run = claim && (await findRunPlace(sql, workspaceId, runId));
  if (!run) throw new SluiceError('run.not_found', 'There is no such run in this workspace.');
  if (hasEnded(run.status)) throw notWaiting();
  const kept = await readAnswers(sql, workspaceId, runId);
  const waits = (await readOpenWaits(sql, workspaceId, runId)).filter(
    (one) => !kept.some((other) => isMeant(one, other)),
  );
  const wait = waits.find((one) => isMeant(one, resume));
  if (wait) {
    checkApprover(wait, resume.approver);
    checkAnswer(wait, input);
  }
  const { projectId } = run;
  const { priority } = claim;
  const fence = wait && !claim.held ? await claimUnheld(sql, workspaceId, runId) : undefined;
  if (wait && fence !== undefined) {
    const lease = { workspaceId, runId, fence };
    await writeAnswers(sql, lease, run.lastSeq, [{ wait, by, input }]);
    await releaseClaim(sql, lease, { status: 'ready' });
    return { projectId, priority };
  }
  // Who knows the run's own address may be quicker than the step that is to wait for it.
  if ((!wait && stepId !== undefined) || kept.length >= MOST_KEPT) throw notWaiting();
  await keepAnswers(sql, workspaceId, runId, [...kept, { by, input, stepId, iteration, ...(path ? { path } : {}) }]);
  return { projectId, priority };
}

/**
 * Ends the waits of a run for which answers were kept, under the lease of who lets go of it. Those that nothing waits for yet
 * stay.
 *
 * @returns whether the run has something to go on with
 */
export async function takeAnswers(
  sql: Sql,
  lease: Lease,
  lastSeq: number,
  waits: readonly Wait[],
  kept: readonly EarlyAnswer[],
): Promise<boolean> {
  const open = [...waits];
  const left: EarlyAnswer[] = [];
  const taken: { wait: Wait; by: string; input: Json }[] = [];
  for (const answer of kept) {
    const index = open.findIndex((one) => isMeant(one, answer));
    const wait = open[index];
    if (!wait) left.push(answer);
    else {
      open.splice(index, 1);
      taken.push({ wait, by: answer.by, input: answer.input });
    }
  }
  if (taken.length === 0) return false;
  await writeAnswers(sql, lease, lastSeq, taken);
  await keepAnswers(sql, lease.workspaceId, lease.runId, left);
  return true;
}

async function writeAnswers(
  sql: Sql,
  lease: Lease,
  lastSeq: number,
  answers: readonly { wait: Wait; by: string; input: Json }[],
): Promise<void> {
  const { runId, fence } = lease;
  const { rows } = await sql.query<{ now: Date }>('select now() as now');
  const at = rows[0]?.now.toISOString() ?? '';
  const events = answers.map(({ wait: { stepId, iteration, path }, by, input }, index): RunEvent => {
    const seq = lastSeq + 1 + index;
    return { type: 'run.resumed', runId, seq, at, fence, stepId, iteration, by, input, ...(path ? { path } : {}) };
  });
  await appendEvents(sql, lease, events);
  await updateRun(sql, lease, { status: 'running', lastSeq: lastSeq + events.length, endedSteps: 0 });
}

type Meant = Pick<Resume, 'stepId' | 'iteration' | 'path'>;

function isMeant(wait: Wait, { stepId, iteration = 0, path = [] }: Meant): boolean {
  if (stepId === undefined) return wait.reason === 'webhook_reply';
  const same = (wait.path ?? []).join('/') === path.join('/');
  return same && wait.stepId === stepId && wait.iteration === iteration && wait.reason !== 'delay';
}

function checkAnswer({ reason }: Wait, input: Json): void {
  if (reason === 'needs_attention' && !Decision.safeParse(input).success) {
    throw new SluiceError('request.invalid', 'A step that needs attention takes a decision.', {
      advice: 'Send { "decision": "retry" }, { "decision": "done", "result": … } or { "decision": "fail" }.',
    });
  }
  const approved = typeof input === 'object' && input !== null && !Array.isArray(input) ? input.approved : undefined;
  if (reason === 'approval' && typeof approved !== 'boolean') {
    throw new SluiceError('request.invalid', 'An approval takes yes or no.', {
      advice: 'Send { "approved": true } or { "approved": false }, with a "comment" if you like.',
    });
  }
}

/** The last part of the address where somebody outside answers a run. Derived, so it stands nowhere. */
export function resumeToken(secret: Uint8Array, runId: string): string {
  return createHmac('sha256', secret).update(`resume\n${runId}`).digest('base64url');
}

export function isResumeToken(secret: Uint8Array, runId: string, token: string): boolean {
  const [wanted, given] = [Buffer.from(resumeToken(secret, runId)), Buffer.from(token)];
  return wanted.length === given.length && timingSafeEqual(wanted, given);
}
