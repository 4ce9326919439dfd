import { SluiceError } from '#shared/error.ts';
import type { Plan } from './plan.ts';
import { isInside, type Pending, type StepRun, type WorkScope } from './runState.ts';

/**
 * Steps of several inputs, and what has come for them so far, first come first served on each port. What was taken together
 * on record is taken together again, and by no other step run.
 */
export type Joins = {
  add(pending: Pending): void;
  /**
   * The deliveries for one step that need wait no longer: each connected port has one or can get none any more.
   *
   * @param atWork step runs that may still send something
   * @param stuck nothing is at work: joins that wait for each other go on with what they have, lowest step id first
   * @throws SluiceError run.not_deterministic when what something was taken with on record does not come
   */
  take(atWork: readonly StepRun[], stuck: boolean): Pending[] | undefined;
  isEmpty(): boolean;
  remove(matches: (pending: Pending) => boolean): Pending | undefined;
};

export function createJoins(plan: Plan): Joins {
  const waiting = new Map<string, Pending[]>();
  /** Most runs have nothing on record, and need not be looked through for it. */
  let hasRecorded = false;

  /** Deliveries meet in a lane: those of other batches of a map are none of it. */
  const isOf = (pending: Pending, lane: WorkScope) => isInside(lane, pending.scope.lane);
  const firstOn = (queue: Pending[], port: string, lane: WorkScope) =>
    queue.find((pending) => pending.ref.port === port && isOf(pending, lane));

  function canStillCome(stepId: string, port: string, lane: WorkScope, queue: Pending[], atWork: readonly StepRun[]) {
    const fromWork = atWork.some((run) => {
      if (!isInside(run.scope, lane) && !isInside(lane, run.scope.lane)) return false;
      // A loop cannot go on before the batch that this delivery belongs to has ended.
      const held = run.loop && queue.some(({ scope }) => isOfLoop(scope, run));
      return !held && plan.reaches(run.stepId, stepId, port);
    });
    return fromWork || [...waiting.keys()].some((other) => other !== stepId && plan.reaches(other, stepId, port));
  }

  function takeFrom(stepId: string, free: Pending[], ports: readonly string[], lane: WorkScope): Pending[] {
    return takeOut(
      stepId,
      ports.map((port) => firstOn(free, port, lane)).filter((pending) => pending !== undefined),
    );
  }

  function takeOut(stepId: string, taken: Pending[]): Pending[] {
    const left = waiting.get(stepId)?.filter((pending) => !taken.includes(pending)) ?? [];
    if (left.length > 0) waiting.set(stepId, left);
    else waiting.delete(stepId);
    return taken;
  }

  /** What was taken together on record, once all of it is there; in the order of the ports. */
  function metAgain(queue: Pending[], ports: readonly string[]): Pending[] | undefined {
    for (const { meeting } of queue) {
      if (!meeting) continue;
      const all = queue.filter((pending) => pending.meeting === meeting);
      if (all.length === meeting.deliveries.length)
        return all.sort((a, b) => ports.indexOf(a.ref.port) - ports.indexOf(b.ref.port));
    }
    return undefined;
  }

  return {
    add(pending) {
      hasRecorded ||= pending.meeting !== undefined;
      const queue = waiting.get(pending.to);
      if (queue) queue.push(pending);
      else waiting.set(pending.to, [pending]);
    },
    take(atWork, stuck) {
      const ids = [...waiting.keys()].sort();
      for (const stepId of ids) {
        const queue = waiting.get(stepId) ?? [];
        const ports = plan.steps.get(stepId)?.connected ?? [];
        const again = hasRecorded && metAgain(queue, ports);
        if (again) return takeOut(stepId, again);
        const free = hasRecorded ? queue.filter(isFree) : queue;
        for (const lane of new Set(free.map(({ scope }) => scope.lane))) {
          const complete = ports.every(
            (port) => firstOn(free, port, lane) || !canStillCome(stepId, port, lane, queue, atWork),
          );
          if (complete) return takeFrom(stepId, free, ports, lane);
        }
      }
      if (!stuck || ids[0] === undefined) return undefined;
      for (const stepId of ids) {
        const free = waiting.get(stepId)?.filter(isFree) ?? [];
        if (free[0]) return takeFrom(stepId, free, plan.steps.get(stepId)?.connected ?? [], free[0].scope.lane);
      }
      throw notMetAgain(ids[0]);
    },
    isEmpty: () => waiting.size === 0,
    remove(matches) {
      for (const [stepId, queue] of waiting) {
        const index = queue.findIndex(matches);
        if (index < 0) continue;
        const [found] = queue.splice(index, 1);
        if (queue.length === 0) waiting.delete(stepId);
        return found;
      }
      return undefined;
    },
  };
}

const isFree = ({ meeting }: Pending) => meeting === undefined;

function notMetAgain(stepId: string): SluiceError {
  return new SluiceError(
    'run.not_deterministic',
    `Not deterministic at step ${stepId}: what came to it together the first time does not come together again.`,
    {
      advice: 'Look for what sends something else each time, or set the durability of the workflow to step.',
      details: { stepId },
    },
  );
}

/** Whether a scope is a batch of a loop, or lies inside one. */
function isOfLoop(scope: WorkScope, loop: StepRun): boolean {
  for (let current: WorkScope | undefined = scope; current; current = current.parent) {
    if (current.loop === loop) return true;
  }
  return false;
}
