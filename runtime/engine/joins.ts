import type { Plan } from './plan.ts';
import { isInside, type Pending, type StepRun } from './runState.ts';

/** Steps of several inputs, and what has come for them so far, first come first served on each port. */
export type Joins = {
  add(pending: Pending): void;
  /**
   * The deliveries for one step that need wait no longer: each connected port has one or can get none any more.
   *
   * @param atWork step runs that may still send something
   * @param stuck nothing is at work: joins that wait for each other go on with what they have, lowest step id first
   */
  take(atWork: readonly StepRun[], stuck: boolean): Pending[] | undefined;
  isEmpty(): boolean;
  remove(matches: (pending: Pending) => boolean): Pending | undefined;
};

export function createJoins(plan: Plan): Joins {
  const waiting = new Map<string, Pending[]>();

  const firstOn = (queue: Pending[], port: string) => queue.find((pending) => pending.ref.port === port);

  function canStillCome(stepId: string, port: string, queue: Pending[], atWork: readonly StepRun[]): boolean {
    const fromWork = atWork.some((run) => {
      // A loop cannot go on before the batch that this delivery belongs to has ended.
      const held =
        run.loop?.scope && queue.some((pending) => isInside(pending.scope, run.loop?.scope ?? pending.scope));
      return !held && plan.reaches(run.stepId, stepId, port);
    });
    return fromWork || [...waiting.keys()].some((other) => other !== stepId && plan.reaches(other, stepId, port));
  }

  function takeFrom(stepId: string, queue: Pending[], ports: readonly string[]): Pending[] {
    const taken = ports.map((port) => firstOn(queue, port)).filter((pending) => pending !== undefined);
    const left = queue.filter((pending) => !taken.includes(pending));
    if (left.length > 0) waiting.set(stepId, left);
    else waiting.delete(stepId);
    return taken;
  }

  return {
    add(pending) {
      const queue = waiting.get(pending.to);
      if (queue) queue.push(pending);
      else waiting.set(pending.to, [pending]);
    },
    take(atWork, stuck) {
      const ids = [...waiting.keys()].sort();
      for (const stepId of ids) {
        const queue = waiting.get(stepId) ?? [];
        const ports = plan.steps.get(stepId)?.connected ?? [];
        const complete = ports.every((port) => firstOn(queue, port) || !canStillCome(stepId, port, queue, atWork));
        if (complete) return takeFrom(stepId, queue, ports);
      }
      const first = ids[0];
      if (!stuck || first === undefined) return undefined;
      return takeFrom(first, waiting.get(first) ?? [], plan.steps.get(first)?.connected ?? []);
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
