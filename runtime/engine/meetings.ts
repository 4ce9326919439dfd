import type { RunEvent } from '#shared/run/events.ts';
import type { Plan } from './plan.ts';

/** Deliveries that a step of several inputs took together, as hashes; `cause` is what the step run is found by. */
export type Meeting = { cause: string; deliveries: readonly string[] };

/** What came together in a run where the order of branches decided it: as its journal says, and what that does not say yet. */
export type Meetings = ReturnType<typeof createMeetings>;

export function createMeetings() {
  const byDelivery = new Map<string, Meeting>();
  const causes = new Set<string>();
  let unsaid: string[][] = [];

  /** A workflow that failed and is called anew may have put others together since: the latest counts. */
  function note(meeting: Meeting): void {
    for (const delivery of meeting.deliveries) {
      const before = byDelivery.get(delivery);
      if (!before) continue;
      causes.delete(before.cause);
      for (const other of before.deliveries) byDelivery.delete(other);
    }
    causes.add(meeting.cause);
    for (const delivery of meeting.deliveries) byDelivery.set(delivery, meeting);
  }

  return {
    isEmpty: () => byDelivery.size === 0,
    /** On record, what a delivery was taken with. */
    of: (delivery: string) => byDelivery.get(delivery),
    isOnRecord: (cause: string) => causes.has(cause),
    /** Something came together. Whatever is written down next says so, before anything can be known of what follows. */
    add({ cause, deliveries }: Meeting): void {
      unsaid.push([cause, ...deliveries]);
    },
    /** The field of the event that is about to be written. */
    say(): { met?: string[][] } {
      if (unsaid.length === 0) return {};
      const met = unsaid;
      unsaid = [];
      return { met };
    },
    remember(event: RunEvent): void {
      // A run that takes over what an earlier one recorded may do other things before it.
      if (!('met' in event) || event.source !== undefined) return;
      for (const [cause = '', ...deliveries] of event.met ?? []) note({ cause, deliveries });
    },
  };
}

/** Runs of the same plan come one after the other. */
const known = new WeakMap<Plan, ReadonlySet<string>>();

/**
 * The steps at which the order of branches decides what comes together: more than one delivery can come to one port of them,
 * or of a step before them. Of all others the journal need not say it.
 */
export function orderedJoins(plan: Plan): ReadonlySet<string> {
  const before = known.get(plan);
  if (before) return before;
  const found = findOrderedJoins(plan);
  known.set(plan, found);
  return found;
}

function findOrderedJoins({ steps }: Plan): ReadonlySet<string> {
  const behind = new Map<string, string[]>();
  const edgesInto = new Map<string, number>();
  for (const { id, next } of steps.values()) {
    // What comes back to a loop starts no step run of it.
    const starts = [...next.values()].flat().filter(({ to, inPort }) => !isWayBack(to, inPort));
    behind.set(
      id,
      starts.map(({ to }) => to),
    );
    for (const { to, inPort } of starts) edgesInto.set(`${to}.${inPort}`, (edgesInto.get(`${to}.${inPort}`) ?? 0) + 1);
  }
  const found = new Set<string>();
  for (const { id, type, step, connected } of steps.values()) {
    const byPort = connected.map((port) => edgesInto.get(`${id}.${port}`) ?? 0);
    // One that is switched off lets each delivery through by itself.
    const hasSeveral = step.disabled ? byPort.length > 1 : byPort.some((count) => count > 1);
    if (hasSeveral) found.add(id);
    // The batches of a map compete for what comes from outside, and a cycle brings things again.
    if (hasSeveral || type.control === 'map' || follow(id, new Set()).has(id)) follow(id, found);
  }
  return found;

  function isWayBack(to: string, inPort: string): boolean {
    return inPort === 'next' && steps.get(to)?.type.control !== undefined;
  }

  /** Adds every step behind one. */
  function follow(from: string, seen: Set<string>): Set<string> {
    const open = [from];
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      for (const to of behind.get(id) ?? []) {
        if (seen.has(to)) continue;
        seen.add(to);
        open.push(to);
      }
    }
    return seen;
  }
}
