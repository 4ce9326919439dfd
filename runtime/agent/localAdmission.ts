import { createHash } from 'node:crypto';
import { type Admission, compileAdmission } from '#shared/run/admission.ts';
import { admit, demandsOn, supersededBy } from '#shared/run/admit.ts';
import type { RunEvent } from '#shared/run/events.ts';
import { hasEnded } from '#shared/run/projectEvents.ts';
import type { RunStore, StoredRun } from '../journal/runStore.ts';
import type { NewRun } from './localControl.ts';
import type { createLocalJournal } from './localJournal.ts';

export type LocalAdmitted = {
  /** An earlier run stands for this one: nothing is started. */
  repeatOf?: string;
  /** The run as it is to be stored. */
  row: StoredRun;
  /** Runs that were ended for this one, and what ended them. */
  ended: [StoredRun, RunEvent][];
};

type LocalAdmissionDeps = {
  store: RunStore;
  journal: ReturnType<typeof createLocalJournal>;
  now: () => number;
};

/** How many runs of this computer may be held back by what their workflows demand. */
const MOST_HELD = 10_000;

/** Holds runs against what their workflows' settings demand: the same as a control plane does of hosted ones. */
export function createLocalAdmission({ store, journal, now }: LocalAdmissionDeps) {
  return {
    /** Whether anything is demanded of a run. One of a part of a workflow is a try, of which nothing is. */
    isAsked: ({ tree, workflowId, partial }: NewRun): boolean => {
      const workflow = tree.workflows[workflowId];
      return partial === undefined && workflow !== undefined && compileAdmission(workflow) !== undefined;
    },
    /**
     * Lets a run in, and writes down what it passed. Call it inside the transaction that stores the run.
     *
     * @throws SluiceError run.rate_exceeded, run.singleton, queue.full, expression.failed; nothing is to be stored then
     */
    admit(run: NewRun, row: StoredRun): LocalAdmitted {
      const workflow = run.tree.workflows[run.workflowId];
      const compiled = workflow && compileAdmission(workflow);
      if (!compiled) return { row, ended: [] };
      const nowMs = now();
      const { workflowId, triggerStepId, items, environment } = run;
      const demands = demandsOn(run, compiled.of({ workflowId, triggerStepId, items, vars: environment.vars, nowMs }));
      return pass(row, demands, nowMs);
    },
  };

  function pass(row: StoredRun, demands: Admission, nowMs: number): LocalAdmitted {
    const { runId } = row;
    const { rate, throttle, idempotency, singleton, debounce, concurrency, priority } = demands;
    const gates = {
      idempotency: idempotency ? keyOf('idempotency', row, idempotency.key) : '',
      rate: rate ? keyOf('rate', row, rate.key) : '',
      throttle: throttle ? keyOf('throttle', row, throttle.key) : '',
    };
    const singletonKey = singleton && keyOf('singleton', row, singleton.key);
    const debounceKey = debounce && keyOf('debounce', row, debounce.key);
    const debounced = debounceKey === undefined ? undefined : store.findDebounced(debounceKey, nowMs);
    const passedBefore = idempotency && store.findPassed(gates.idempotency, nowMs - idempotency.windowMs);
    const rateFilledAtMs = rate && store.findPassing(gates.rate, rate.count, nowMs);
    const throttleFilledAtMs = throttle && store.findPassing(gates.throttle, throttle.count, nowMs, debounced?.runId);
    const admitted = admit(demands, {
      nowMs,
      held: throttle || debounce ? store.countHeld(nowMs, MOST_HELD) : 0,
      mostHeld: MOST_HELD,
      startsAtMs: row.dueAt,
      passedBefore,
      openSingles: singletonKey === undefined ? [] : store.openSingles(singletonKey, debounceKey),
      ...{ rateFilledAtMs, debounced, throttleFilledAtMs },
    });
    if ('repeatOf' in admitted) return { repeatOf: admitted.repeatOf, row, ended: [] };
    const { supersedes, displaces, passings, startsAtMs, heldBy, heldSinceMs } = admitted;
    const ended: [StoredRun, RunEvent][] = [];
    if (supersedes !== undefined) {
      ended.push(...endOne(supersedes, supersededBy(runId)));
      if (throttle) store.forgetPassing(gates.throttle, supersedes);
    }
    const asked = displaces.filter((other) => {
      const gone = endOne(other);
      ended.push(...gone);
      return gone.length === 0;
    });
    for (const { gate, atMs, forMs } of passings) {
      store.insertPassing({ gate: gates[gate], runId, atMs, untilMs: atMs + forMs }, nowMs);
    }
    const hold = {
      ...(priority ? { rank: priority } : {}),
      ...(concurrency ? { groupKey: keyOf('group', row, concurrency.key), groupLimit: concurrency.limit } : {}),
      ...{ singletonKey, debounceKey, heldBy, heldSince: heldSinceMs },
      // A runtime is told at its next report; the new run begins when it has let go.
      ...(asked[0] === undefined ? {} : { afterRunId: asked[0], heldBy: 'singleton' as const }),
    };
    return { row: { ...row, ...hold, dueAt: startsAtMs ?? row.dueAt }, ended };
  }

  /** Ends a run that nobody holds; tells the runtime that holds it to, which has not happened when this returns. */
  function endOne(runId: string, error?: ReturnType<typeof supersededBy>): [StoredRun, RunEvent][] {
    const run = store.findWhole(runId);
    if (!run || hasEnded(run.status)) return [];
    if (run.leaseUntil !== undefined && run.leaseUntil >= now()) {
      store.updateRun(runId, { cancel: true });
      return [];
    }
    return [[run, error ? journal.endUnheld(run, 'cancelled', error) : journal.endCancelled(run)]];
  }
}

/** What a key is, with whose it is. */
function keyOf(kind: string, { projectId, workflowId, environment }: StoredRun, key: string): string {
  return createHash('sha256').update([kind, projectId, workflowId, environment, key].join('\n')).digest('base64url');
}
