import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { isJsonObject, Json, JsonObject } from '#shared/json.ts';
import { parse } from '#shared/parse.ts';
import { Decision, type EventOf, type RunEvent } from '#shared/run/events.ts';
import { hasEnded } from '#shared/run/projectEvents.ts';
import { toTime } from '#shared/time.ts';
import { failpoint } from '../failpoint.ts';
import type { RunStore, StoredRun } from '../journal/runStore.ts';
import type { createLocalJournal } from './localJournal.ts';

export type ResumeRequest = {
  runId: string;
  stepId: string;
  iteration?: number;
  path?: readonly string[];
  /** Who ends the wait. */
  by: string;
  input: Json;
};

export type LocalResumeDeps = {
  store: RunStore;
  journal: ReturnType<typeof createLocalJournal>;
  now: () => number;
  /** Told once it is on the disk. */
  onResumed(run: StoredRun, event: RunEvent): void;
};

/** An answer that came while a runtime held the run: written down as soon as it lets go. */
type Pending = Pick<ResumeRequest, 'by' | 'input'> & { stepId?: string; iteration?: number; path?: string[] };

const MOST_PENDING = 20;

const Approval = z.strictObject({
  approved: z.boolean(),
  comment: z.string().max(10_000).optional(),
  fields: JsonObject.optional(),
});

/**
 * Ends waits of stored runs. Only who holds a run's lease writes its journal: what comes meanwhile is kept with the run, and
 * written down when it is handed back or taken up by another.
 */
export function createLocalResume({ store, journal, now, onResumed }: LocalResumeDeps) {
  function find(runId: string): StoredRun {
    const run = store.findWhole(runId);
    if (!run) throw new SluiceError('run.not_found', 'There is no such run on this computer.');
    return run;
  }

  /** Raises the fence, so that a runtime whose lease ran out writes nothing any more. */
  function write(run: StoredRun, wait: EventOf<'run.waiting'>, { by, input }: Pick<Pending, 'by' | 'input'>) {
    const { stepId, iteration, path } = wait;
    const fence = run.fence + 1;
    const event: RunEvent = {
      type: 'run.resumed',
      runId: run.runId,
      seq: run.lastSeq + 1,
      at: toTime(now()),
      fence,
      stepId,
      iteration,
      ...(path ? { path } : {}),
      by,
      input,
    };
    store.appendEvents([event]);
    const change = { ...journal.changeBy(run, [event], true), fence, dueAt: undefined };
    store.updateRun(run.runId, change);
    failpoint('resume.before_commit');
    return { run: { ...run, ...change }, event };
  }

  function keep(run: StoredRun, pending: readonly Pending[]): StoredRun {
    const assignment = { ...(run.assignment as JsonObject), resumes: pending as unknown as Json };
    store.updateRun(run.runId, { assignment });
    return { ...run, assignment };
  }

  /** Writes down what came while the run was held. Call it inside a transaction, for a run that nobody holds. */
  function applyPending(run: StoredRun): { run: StoredRun; events: RunEvent[] } {
    const pending = pendingOf(run);
    if (pending.length === 0 || hasEnded(run.status)) return { run, events: [] };
    const events: RunEvent[] = [];
    const left: Pending[] = [];
    let current = run;
    for (const one of pending) {
      const known = [...store.events(run.runId)];
      const wait = one.stepId === undefined ? openWaits(known).find(isReply) : findWait(known, one as ResumeRequest);
      if (!wait) {
        // A reply may come before the step that waits for it.
        if (one.stepId === undefined) left.push(one);
        continue;
      }
      const written = write(current, wait, one);
      current = written.run;
      events.push(written.event);
    }
    return { run: events.length > 0 || left.length < pending.length ? keep(current, left) : current, events };
  }

  return {
    /**
     * Ends a wait. The same answer a second time changes nothing.
     *
     * @throws SluiceError run.not_found, run.not_waiting, request.invalid (the answer does not fit what is waited for)
     */
    resume(request: ResumeRequest): void {
      const { by } = request;
      failpoint('resume.before');
      const done = store.transaction(() => {
        const run = find(request.runId);
        const events = store.events(run.runId);
        const wait = hasEnded(run.status) ? undefined : findWait(events, request);
        if (!wait) {
          if (wasResumed(events, request)) return undefined;
          throw notWaiting(request);
        }
        const input = checkInput(wait, request.input);
        if (isHeld(run, now())) {
          const pending = pendingOf(run);
          if (pending.some((one) => isAt(one, request))) return undefined;
          const { stepId, iteration, path } = wait;
          keep(run, [...pending, { by, input, stepId, iteration, ...(path ? { path } : {}) }]);
          return undefined;
        }
        return write(run, wait, { by, input });
      });
      failpoint('resume.after');
      if (done) onResumed(done.run, done.event);
    },
    /** What came by the run's own address. Too early, it is kept until a step waits for it. @throws as `resume` */
    reply(runId: string, input: Json): void {
      const done = store.transaction(() => {
        const run = find(runId);
        if (hasEnded(run.status)) throw notWaiting({ stepId: undefined });
        const pending = pendingOf(run);
        const wait = isHeld(run, now()) ? undefined : openWaits(store.events(runId)).find(isReply);
        if (wait) return write(run, wait, { by: 'webhook', input });
        if (pending.length >= MOST_PENDING) throw notWaiting({ stepId: undefined });
        keep(run, [...pending, { by: 'webhook', input }]);
        return undefined;
      });
      if (done) onResumed(done.run, done.event);
    },
    applyPending,
  };
}

export function pendingOf({ assignment }: Pick<StoredRun, 'assignment'>): Pending[] {
  const resumes = isJsonObject(assignment) ? assignment.resumes : undefined;
  return Array.isArray(resumes) ? (resumes as unknown as Pending[]) : [];
}

const isReply = (wait: EventOf<'run.waiting'>) => wait.reason === 'webhook_reply';

const isHeld = ({ leaseUntil }: StoredRun, now: number) => leaseUntil !== undefined && leaseUntil >= now;

/** Waits that have not ended, oldest first. */
export function openWaits(events: readonly RunEvent[]): EventOf<'run.waiting'>[] {
  const open = new Map<string, EventOf<'run.waiting'>>();
  for (const event of events) {
    if (event.type === 'run.waiting') open.set(placeOf(event), event);
    else if (event.type === 'run.resumed') open.delete(placeOf(event));
  }
  return [...open.values()];
}

type Place = { stepId?: string; iteration?: number; path?: readonly string[] };

const placeOf = ({ stepId, iteration = 0, path = [] }: Place) => [...path, stepId, iteration].join('/');

const isAt = (one: Place, other: Place) => placeOf(one) === placeOf(other);

function findWait(events: readonly RunEvent[], place: Place) {
  return openWaits(events).find((wait) => isAt(wait, place));
}

/** A second click: the wait was ended by the same person with the same answer. */
function wasResumed(events: readonly RunEvent[], request: ResumeRequest): boolean {
  const last = events.findLast((event) => event.type === 'run.resumed' && isAt(event, request));
  return (
    last?.type === 'run.resumed' &&
    last.by === request.by &&
    JSON.stringify(last.input) === JSON.stringify(request.input)
  );
}

function checkInput(wait: EventOf<'run.waiting'>, input: Json): Json {
  const { reason, stepId } = wait;
  const what = `What ends the wait of ${stepId}`;
  if (reason === 'needs_attention') return parse(Decision, input, what, 'request.invalid') as Json;
  if (reason === 'approval') return parse(Approval, input, what, 'request.invalid') as Json;
  if (reason === 'webhook_reply') return parse(Json, input, what, 'request.invalid');
  throw new SluiceError('run.not_waiting', `Step ${stepId} waits for a time, and for nobody.`, {
    advice: 'Cancel the run, or wait.',
  });
}

function notWaiting({ stepId }: Place): SluiceError {
  const what = stepId === undefined ? 'The run' : `Step ${stepId}`;
  return new SluiceError('run.not_waiting', `${what} does not wait for an answer, or not any more.`, {
    advice: 'Look at the run again: somebody may have answered, or the time was over.',
  });
}
