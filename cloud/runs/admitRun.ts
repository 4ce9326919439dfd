import { createHash } from 'node:crypto';
import { type Admission, compileAdmission } from '#shared/run/admission.ts';
import { admit, demandsOn, supersededBy } from '#shared/run/admit.ts';
import type { Workflow } from '#shared/workflow/tree.ts';
import { findVars } from '../deployments/deploymentStore.ts';
import { countHeld, findDebounced, findOpenSingles, type Hold } from './admissionClaims.ts';
import { cancelRun, endUnheldRun } from './endRun.ts';
import type { Allowances, Sql } from './ports.ts';
import { findPassed, findPassing, forgetPassing, type Gate, type Passing } from './runGateStore.ts';
import type { NewRun } from './runStore.ts';

export type LetIn = {
  /** An earlier run stands for this one: nothing is started. */
  repeatOf?: string;
  hold: Hold;
  /** To be written beside the run. */
  passings: Passing[];
  /** Runs that were ended for this one. */
  displaced: string[];
};

type Place = Pick<NewRun, 'workspaceId' | 'environment' | 'workflowId'>;

/** How many runs of a workspace may be held back by what their workflows demand. */
const MOST_HELD = 1_000;

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
): Promise<LetIn | undefined> {
  const compiled = compileAdmission(workflow);
  if (!compiled) return undefined;
  const { workspaceId, workflowId, triggerStepId, items } = run;
  const vars = compiled.readsVars ? await findVars(sql, workspaceId, run.deploymentId) : {};
  const nowMs = await lockAdmission(sql, run, workflow);
  const demands = demandsOn(run, compiled.of({ workflowId, triggerStepId, items, vars, nowMs }));
  return pass(sql, run, demands, nowMs, allowances);
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

async function pass(
  sql: Sql,
  run: NewRun,
  demands: Admission,
  nowMs: number,
  allowances: Pick<Allowances, 'releaseRun'>,
): Promise<LetIn> {
  const { workspaceId } = run;
  const { rate, throttle, debounce, singleton, idempotency, concurrency, priority } = demands;
  const gateOf = (kind: string, { key }: { key: string }): Gate => ({ workspaceId, gate: hashOf(kind, run, key) });
  const gates = {
    ...(idempotency ? { idempotency: gateOf('idempotency', idempotency) } : {}),
    ...(rate ? { rate: gateOf('rate', rate) } : {}),
    ...(throttle ? { throttle: gateOf('throttle', throttle) } : {}),
  };
  const hold: Hold = {
    rank: priority ?? 0,
    ...(concurrency ? { groupKey: hashOf('group', run, concurrency.key), groupLimit: concurrency.limit } : {}),
    ...(singleton ? { singletonKey: hashOf('singleton', run, singleton.key) } : {}),
    ...(debounce ? { debounceKey: hashOf('debounce', run, debounce.key) } : {}),
  };
  const { debounceKey } = hold;
  const debounced =
    debounceKey === undefined ? undefined : await findDebounced(sql, { workspaceId, debounceKey }, nowMs);
  const passedBefore =
    gates.idempotency && (await findPassed(sql, gates.idempotency, nowMs - (idempotency?.windowMs ?? 0)));
  const admitted = admit(demands, {
    nowMs,
    held: throttle || debounce ? await countHeld(sql, workspaceId, MOST_HELD) : 0,
    mostHeld: MOST_HELD,
    startsAtMs: run.startsAt?.getTime(),
    passedBefore,
    openSingles: singleton && (await findOpenSingles(sql, { workspaceId, ...hold }, singleton.mode === 'cancel')),
    rateFilledAtMs: gates.rate && (await findPassing(sql, gates.rate, rate?.count ?? 1)),
    debounced,
    throttleFilledAtMs:
      gates.throttle && (await findPassing(sql, gates.throttle, throttle?.count ?? 1, debounced?.runId)),
  });
  const letIn: LetIn = { hold, passings: [], displaced: [] };
  if ('repeatOf' in admitted) return { ...letIn, repeatOf: admitted.repeatOf };
  const { supersedes, displaces, startsAtMs, heldBy, heldSinceMs } = admitted;
  if (supersedes !== undefined) {
    const gone = await supersede(sql, { workspaceId, runId: supersedes }, run.id, allowances);
    if (gone) letIn.displaced.push(supersedes);
    if (gone && gates.throttle) await forgetPassing(sql, gates.throttle, supersedes);
  }
  if (startsAtMs !== undefined) hold.startsAt = new Date(startsAtMs);
  if (heldBy) hold.heldBy = heldBy;
  if (heldSinceMs !== undefined) hold.heldSince = new Date(heldSinceMs);
  for (const runId of displaces) {
    const outcome = await cancelRun(sql, { workspaceId, runId }, allowances);
    if (outcome === 'ended') letIn.displaced.push(runId);
    // A runtime is told at its next report; the new run begins when it has let go.
    if (outcome === 'asked' && hold.afterRunId === undefined) {
      Object.assign(hold, { afterRunId: runId, heldBy: 'singleton' });
    }
  }
  letIn.passings = admitted.passings.map(({ gate, atMs, forMs }) => ({
    gate: (gates[gate] as Gate).gate,
    runId: run.id,
    at: new Date(atMs),
    expiresAt: new Date(atMs + forMs),
  }));
  return letIn;
}

async function supersede(
  sql: Sql,
  place: { workspaceId: string; runId: string },
  by: string,
  allowances: Pick<Allowances, 'releaseRun'>,
): Promise<boolean> {
  return (await endUnheldRun(sql, place, { status: 'cancelled', error: supersededBy(by) }, allowances)) !== undefined;
}

/** What a key is, with whose it is: nobody who sees claims or gates learns what it was. */
function hashOf(kind: string, { workflowId, environment }: Place, key: string): string {
  return createHash('sha256').update([kind, workflowId, environment, key].join('\n')).digest('base64url');
}
