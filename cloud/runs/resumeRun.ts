import { createHmac, timingSafeEqual } from 'node:crypto';
import { SluiceError } from '#shared/error.ts';
import type { Json } from '#shared/json.ts';
import { Decision, type EventOf, type RunEvent } from '#shared/run/events.ts';
import { hasEnded } from '#shared/run/projectEvents.ts';
import { claimUnheld, releaseClaim } from './claimStore.ts';
import { appendEvents, readOpenWaits, updateRun } from './journalStore.ts';
import type { Sql } from './ports.ts';
import { findPlace, findRunPlace } from './runStore.ts';

export type Resume = {
  workspaceId: string;
  runId: string;
  /** Which wait; without it the one that waits for an answer from outside. */
  stepId?: string;
  iteration?: number;
  path?: readonly string[];
  by: string;
  input: Json;
};

const notWaiting = () =>
  new SluiceError('run.not_waiting', 'The run does not wait for this, or not any more.', {
    advice: 'Look at the run: somebody may have answered already, or its other branches are still at work.',
  });

/**
 * Ends a wait of a run that nobody holds: writes it down as a lease holder of its own, and lets the run be taken up at once.
 * Of two who answer at the same time one is the first, and the other is told so.
 *
 * @throws SluiceError run.not_found, run.not_waiting, request.invalid
 */
export async function resumeRun(sql: Sql, resume: Resume): Promise<void> {
  const { workspaceId, runId, by, input } = resume;
  const run = await findPlace(sql, workspaceId, runId);
  if (!run) throw new SluiceError('run.not_found', 'There is no such run in this workspace.');
  if (hasEnded(run.status)) throw notWaiting();
  const fence = await claimUnheld(sql, workspaceId, runId);
  const place = fence === undefined ? undefined : await findRunPlace(sql, workspaceId, runId);
  if (fence === undefined || !place) throw notWaiting();
  const waits = await readOpenWaits(sql, workspaceId, runId);
  const wait = waits.find((one) => isMeant(one, resume));
  if (!wait) throw notWaiting();
  checkAnswer(wait, input);
  const { rows } = await sql.query<{ now: Date }>('select now() as now');
  const { stepId, iteration, path } = wait;
  const resumed: RunEvent = {
    ...{ type: 'run.resumed', runId, seq: place.lastSeq + 1, at: rows[0]?.now.toISOString() ?? '', fence },
    ...{ stepId, iteration, by, input },
    ...(path ? { path } : {}),
  } as EventOf<'run.resumed'>;
  const lease = { workspaceId, runId, fence };
  await appendEvents(sql, lease, [resumed]);
  await updateRun(sql, lease, { status: 'running', lastSeq: resumed.seq, endedSteps: 0 });
  await releaseClaim(sql, lease, { status: 'ready' });
}

function isMeant(wait: EventOf<'run.waiting'>, { stepId, iteration = 0, path = [] }: Resume): boolean {
  if (stepId === undefined) return wait.reason === 'webhook_reply';
  const same = (wait.path ?? []).join('/') === path.join('/');
  return same && wait.stepId === stepId && wait.iteration === iteration && wait.reason !== 'delay';
}

function checkAnswer({ reason }: EventOf<'run.waiting'>, input: Json): void {
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
