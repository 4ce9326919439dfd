import { createHash } from 'node:crypto';
import { SluiceError } from '#shared/error.ts';
import { type Admission, compileAdmission, type RateOf, withoutRefusals } from '#shared/run/admission.ts';
import type { Workflow } from '#shared/workflow/tree.ts';
import { findVars } from '../deployments/deploymentStore.ts';
import { countHeld, findDebounced, findOpenSingles, type Hold } from './admissionClaims.ts';
import { cancelRun, endUnheldRun } from './endRun.ts';
import type { Allowances, Sql } from './ports.ts';
import { findPassed, findPassing, forgetPassing, type Gate, type Passing } from './runGateStore.ts';
import type { NewRun } from './runStore.ts';

export type Admitted = {
  /** An earlier run stands for this one: nothing is started. */
  repeatOf?: string;
  hold: Hold;
  /** To be written beside the run. */
  passings: Passing[];
  /** Runs that were ended for this one. */
  displaced: string[];
};

type Place = Pick<NewRun, 'workspaceId' | 'environment' | 'workflowId'>;

/** How many runs of a workspace may be held back by what their workflows demand, and for how long. */
const MOST_HELD = 1_000;
const LONGEST_HELD_MS = 7 * 86_400_000;

/**
 * Holds a run against what its workflow's settings demand (concurrency, rate, debounce, throttle, priority, singleton,
 * idempotency), in the transaction that accepts it. Of runs of one workflow that come at once, one after the other is looked
 * at. Undefined where they demand nothing; that costs no query.
 *
 * @throws SluiceError run.rate_exceeded, run.singleton, queue.full, expression.failed
 */
export async function admitRun(
  sql: Sql,
  run: NewRun,
  workflow: Workflow,
  allowances: Pick<Allowances, 'releaseRun'>,
): Promise<Admitted | undefined> {
  const compiled = compileAdmission(workflow);
  if (!compiled) return undefined;
  const { workspaceId, workflowId, triggerStepId, items } = run;
  const vars = compiled.readsVars ? await findVars(sql, workspaceId, run.deploymentId) : {};
  const nowMs = await lockAdmission(sql, run, workflow);
  const all = compiled.of({ workflowId, triggerStepId, items, vars, nowMs });
  const demanded = demandedOf(run, all);
  const admitted: Admitted = { hold: holdOf(run, demanded), passings: [], displaced: [] };
  return { ...admitted, ...(await passGates(sql, run, demanded, admitted, nowMs, allowances)) };
}

/**
 * Until the transaction ends nobody else is admitted to this workflow. Whoever holds a claim takes this first, so that two
 * never wait for each other.
 *
 * @returns the database's time, once it is ours
 */
export async function lockAdmission(sql: Sql, place: Place, { settings }: Workflow): Promise<number> {
  const { rate, throttle, debounce, singleton, idempotency } = settings;
  // How many execute at once is settled where they are handed out.
  if (!(rate || throttle || debounce || singleton || idempotency)) return Date.now();
  const { rows } = await sql.query<{ now: Date }>(
    `with mine as materialized (select pg_advisory_xact_lock(hashtextextended($1, 0)))
     select clock_timestamp() as now from mine`,
    [`admit:${place.workspaceId}:${place.workflowId}:${place.environment}`],
  );
  return (rows[0]?.now as Date).getTime();
}

/** A run that is done again is not refused; one that tells of a failure is not even kept waiting. */
function demandedOf(run: NewRun, all: Admission): Admission {
  if (run.trigger !== 'error') return run.retryOf === undefined ? all : withoutRefusals(all);
  const { throttle: _, ...rest } = withoutRefusals(all);
  return rest;
}

function holdOf(place: Place, { concurrency, priority, singleton, debounce }: Admission): Hold {
  return {
    rank: priority ?? 0,
    ...(concurrency ? { groupKey: hashOf('group', place, concurrency.key), groupLimit: concurrency.limit } : {}),
    ...(singleton ? { singletonKey: hashOf('singleton', place, singleton.key) } : {}),
    ...(debounce ? { debounceKey: hashOf('debounce', place, debounce.key) } : {}),
  };
}

async function passGates(
  sql: Sql,
  run: NewRun,
  { rate, throttle, debounce, singleton, idempotency }: Admission,
  { hold, passings, displaced }: Admitted,
  nowMs: number,
  allowances: Pick<Allowances, 'releaseRun'>,
): Promise<Partial<Admitted>> {
  const { workspaceId } = run;
  if (idempotency) {
    const gate = { workspaceId, gate: hashOf('idempotency', run, idempotency.key) };
    const before = await findPassed(sql, gate, nowMs - idempotency.windowMs);
    if (before !== undefined) return { repeatOf: before };
    passings.push(passing(gate, run.id, nowMs, idempotency.windowMs));
  }
  if (singleton) await makeSingle(sql, run, singleton.mode, hold, displaced, allowances);
  if (rate) {
    const gate = { workspaceId, gate: hashOf('rate', run, rate.key) };
    const earliest = await roomAt(sql, gate, rate);
    if (earliest !== undefined && earliest > nowMs) throw rateExceeded(rate, earliest - nowMs);
    passings.push(passing(gate, run.id, nowMs, rate.perMs));
  }
  let startMs = Math.max(nowMs, run.startsAt?.getTime() ?? nowMs);
  const throttled = throttle && { workspaceId, gate: hashOf('throttle', run, throttle.key) };
  if (debounce && hold.debounceKey !== undefined) {
    const held = await findDebounced(sql, { workspaceId, debounceKey: hold.debounceKey }, nowMs);
    const since = held?.heldSince.getTime() ?? nowMs;
    if (held && (await supersede(sql, { workspaceId, runId: held.runId }, run.id, allowances))) {
      displaced.push(held.runId);
      if (throttled) await forgetPassing(sql, throttled, held.runId);
    }
    startMs = Math.max(startMs, Math.min(nowMs + debounce.waitMs, since + (debounce.maxMs ?? Infinity)));
    Object.assign(hold, { heldBy: 'debounce', heldSince: new Date(since) });
  }
  if (throttle && throttled) {
    const earliest = (await roomAt(sql, throttled, throttle)) ?? startMs;
    if (earliest > startMs) {
      startMs = earliest;
      hold.heldBy ??= 'throttle';
    }
    if (startMs - nowMs > LONGEST_HELD_MS) throw tooManyHeld();
    passings.push(passing(throttled, run.id, startMs, throttle.perMs));
  }
  if (startMs > nowMs) hold.startsAt = new Date(startMs);
  if (hold.heldBy !== undefined && (await countHeld(sql, workspaceId, MOST_HELD)) >= MOST_HELD) throw tooManyHeld();
  return {};
}

/** When one more may pass: a gate's newest passings fill the time. Undefined where they do not. */
async function roomAt(sql: Sql, gate: Gate, { count, perMs }: RateOf): Promise<number | undefined> {
  const filling = await findPassing(sql, gate, count);
  return filling && filling.getTime() + perMs;
}

const passing = (gate: Gate, runId: string, atMs: number, perMs: number): Passing => ({
  gate: gate.gate,
  runId,
  at: new Date(atMs),
  expiresAt: new Date(atMs + perMs),
});

async function makeSingle(
  sql: Sql,
  run: NewRun,
  mode: 'skip' | 'cancel',
  hold: Hold,
  displaced: string[],
  allowances: Pick<Allowances, 'releaseRun'>,
): Promise<void> {
  const { workspaceId } = run;
  const open = await findOpenSingles(sql, { workspaceId, ...hold }, mode === 'cancel');
  const [first] = open;
  if (first === undefined) return;
  if (mode === 'skip') {
    throw new SluiceError('run.singleton', 'A run of this workflow is at work already, and it takes one at a time.', {
      details: { runId: first },
      advice: 'Try again when it has ended.',
    });
  }
  for (const runId of open) {
    const outcome = await cancelRun(sql, { workspaceId, runId }, allowances);
    if (outcome === 'ended') displaced.push(runId);
    // A runtime is told at its next report; the new run begins when it has let go.
    if (outcome === 'asked' && hold.afterRunId === undefined) {
      Object.assign(hold, { afterRunId: runId, heldBy: 'singleton' });
    }
  }
}

async function supersede(
  sql: Sql,
  place: { workspaceId: string; runId: string },
  by: string,
  allowances: Pick<Allowances, 'releaseRun'>,
): Promise<boolean> {
  const error = {
    code: 'run.superseded',
    message: 'A newer run took the place of this one, which was being held.',
    details: { runId: by },
  };
  return (await endUnheldRun(sql, place, { status: 'cancelled', error }, allowances)) !== undefined;
}

function rateExceeded({ count, perMs }: RateOf, retryAfterMs: number): SluiceError {
  return new SluiceError('run.rate_exceeded', `This workflow takes ${count} runs in ${perMs} ms, and had them.`, {
    details: { limit: count, perMs, retryAfterMs, retryAfterSeconds: Math.ceil(retryAfterMs / 1_000) },
    advice: `Try again in ${Math.ceil(retryAfterMs / 1_000)} s.`,
  });
}

function tooManyHeld(): SluiceError {
  return new SluiceError('queue.full', 'Too many runs are being held back already by what their workflows demand.', {
    details: { limit: MOST_HELD, retryAfterSeconds: 30 },
    advice: 'Send more slowly, or let the workflow’s throttle pass more.',
  });
}

/** What a key is, with whose it is: nobody who sees claims or gates learns what it was. */
function hashOf(kind: string, { workflowId, environment }: Place, key: string): string {
  return createHash('sha256').update([kind, workflowId, environment, key].join('\n')).digest('base64url');
}
