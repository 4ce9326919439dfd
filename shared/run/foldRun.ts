import { SluiceError } from '../error.ts';
import { isJsonObject } from '../json.ts';
import type { Answer, EventOf, Payload, RunEvent, RunStatus, StepError, WaitReason } from './events.ts';

export type StepStatus =
  | 'pending'
  | 'running'
  | 'succeeded'
  | 'failed'
  | 'skipped'
  | 'waiting'
  | 'retrying'
  | 'cancelled'
  | 'timed_out';

/** One step run. */
export type StepRunState = {
  status: StepStatus;
  iteration: number;
  attempt: number;
  startedAt?: string;
  endedAt?: string;
  durationMs?: number;
  /** What came in, by input port: which step runs sent it. */
  from: EventOf<'step.attempted'>['from'];
  /** Items that came in, by input port. */
  itemsIn: Record<string, number>;
  /** What went out, by port. */
  outputs?: Record<string, Payload>;
  /** Items that a source gave, batch after batch. */
  handedOut?: number;
  error?: StepError;
  retryAt?: string;
  wait?: { reason: WaitReason; until?: string };
  skipReason?: EventOf<'step.skipped'>['reason'];
  /** What it did last comes from a person's pin, or was taken over from an earlier run. Absent: it ran in this one. */
  source?: 'pin' | string;
};

/** A step over all its runs: what the box on the canvas shows. */
export type StepState = {
  /** Of the latest step run. */
  status: StepStatus;
  iterations: number;
  attempt: number;
  /** Items by port, added up over all step runs. */
  itemsIn: Record<string, number>;
  itemsOut: Record<string, number>;
  error?: StepError;
  startedAt?: string;
  endedAt?: string;
  /** Added up over all step runs that ended. */
  durationMs: number;
  retryAt?: string;
  wait?: { reason: WaitReason; until?: string };
  runs: StepRunState[];
};

/** A run as its journal says it so far. */
export type RunState = {
  runId: string;
  status: RunStatus;
  /** The last event that was folded in. */
  seq: number;
  workflowId?: string;
  versionId?: string;
  environment?: string;
  triggerStepId?: string;
  startedAt?: string;
  endedAt?: string;
  durationMs?: number;
  wait?: { stepId: string; reason: WaitReason; until?: string };
  /** By step id; steps of a workflow that a step called stand under `<path>/<stepId>`. */
  steps: Record<string, StepState>;
  /** Items that went over each edge, by its key. What a loop hands out is counted when the loop ends. */
  edges: Record<string, number>;
  /** Edges that carried batches of a loop that still runs, by `<step>:<iteration>.<port>`. */
  openBatches: Record<string, { edge: string; step: string; port: string }[]>;
  answer?: Answer;
  output?: Record<string, Payload>;
  error?: StepError;
};

/** A run of which nothing is known yet. */
export function emptyRun(runId: string): RunState {
  return { runId, status: 'queued', seq: 0, steps: {}, edges: {}, openBatches: {} };
}

/** How many items a payload stands for. */
export function itemCount(payload: Payload): number {
  return 'items' in payload ? payload.items.length : payload.count;
}

/**
 * The run after one more event. An event that was seen before changes nothing.
 *
 * @throws SluiceError run.gap with `details.expected` where an event is missing in between
 */
export function foldRun(state: RunState, event: RunEvent): RunState {
  if (event.seq <= state.seq) return state;
  if (event.seq !== state.seq + 1) {
    const advice = `Ask for the events from ${state.seq + 1} on.`;
    throw new SluiceError('run.gap', `Event ${event.seq} came, but ${state.seq + 1} is next.`, {
      advice,
      details: { expected: state.seq + 1 },
    });
  }
  return { ...foldType(state, event), seq: event.seq };
}

function foldType(state: RunState, event: RunEvent): RunState {
  const nested = event.path !== undefined && event.path.length > 0;
  switch (event.type) {
    case 'run.started': {
      if (nested) return state;
      const { workflowId, versionId, environment, triggerStepId, at, input } = event;
      const started = {
        ...state,
        status: 'running' as const,
        workflowId,
        versionId,
        environment,
        triggerStepId,
        startedAt: at,
      };
      // A trigger has no step run of its own in the journal: the input is what it gave.
      const run = { stepId: triggerStepId, iteration: 0 };
      return withStepRun(started, run, (one) => ({
        ...one,
        status: 'succeeded',
        startedAt: at,
        endedAt: at,
        durationMs: 0,
        outputs: { main: input },
      }));
    }
    case 'step.attempted':
      return attempted(state, event);
    case 'effect.intended':
      return state;
    case 'effect.recorded':
      return event.kind === 'batch' ? handedOut(state, event) : state;
    case 'step.succeeded':
      return closeBatches(
        ended(state, event, { status: 'succeeded', outputs: event.outputs, ...sourceOf(event) }),
        event,
      );
    case 'step.failed': {
      const { error, retryAt } = event;
      if (retryAt === undefined) return ended(state, event, { status: failedStatus(error), error });
      return withStepRun(state, event, (run) => ({ ...run, status: 'retrying', error, retryAt }));
    }
    case 'step.skipped': {
      const key = keyOf(event);
      const step = state.steps[key];
      if (event.iteration !== undefined) {
        const { reason: skipReason, iteration } = event;
        return withStepRun(state, { ...event, iteration }, ({ retryAt: _, wait: __, ...run }) => ({
          ...run,
          status: 'cancelled',
          endedAt: event.at,
          skipReason,
        }));
      }
      // A step that ran in some iteration and not in a later one keeps what it did.
      if (step && step.runs.length > 0) return state;
      const skipped: StepState = { ...emptyStep(), status: 'skipped', endedAt: event.at };
      return { ...state, steps: { ...state.steps, [key]: skipped } };
    }
    case 'run.waiting': {
      const wait = event.until === undefined ? { reason: event.reason } : { reason: event.reason, until: event.until };
      const { error } = event;
      const waiting = withStepRun(state, { ...event, attempt: undefined }, (run) => ({
        ...run,
        status: 'waiting',
        wait,
        ...(error === undefined ? {} : { error }),
      }));
      return { ...waiting, status: 'waiting', wait: { stepId: event.stepId, ...wait } };
    }
    case 'run.resumed': {
      const { wait, ...rest } = withStepRun(state, { ...event, attempt: undefined }, ({ wait: _, ...run }) => ({
        ...run,
        status: run.status === 'waiting' ? 'running' : run.status,
      }));
      return { ...rest, status: 'running' };
    }
    case 'run.answered': {
      if (state.answer || nested) return state;
      const { status, headers, body, blob } = event;
      return { ...state, answer: { status, headers, body, blob } };
    }
    case 'run.ended': {
      if (nested) return state;
      const { wait, ...rest } = state;
      const steps = Object.fromEntries(
        Object.entries(rest.steps).map(([id, step]) => [id, stopped(step, event.status, event.at)]),
      );
      const durationMs = state.startedAt === undefined ? undefined : between(state.startedAt, event.at);
      return {
        ...rest,
        steps,
        status: event.status,
        endedAt: event.at,
        durationMs,
        output: event.output,
        error: event.error,
      };
    }
  }
}

function sourceOf({ pinned, source }: EventOf<'step.succeeded'>): Pick<StepRunState, 'source'> {
  if (pinned) return { source: 'pin' };
  return source === undefined ? {} : { source };
}

/** What an unfinished step becomes when its run ends. */
function stopped(step: StepState, status: EventOf<'run.ended'>['status'], at: string): StepState {
  if (!['running', 'waiting', 'retrying'].includes(step.status)) return step;
  const end: StepStatus =
    status === 'timed_out' ? 'timed_out' : status === 'failed' && step.error ? 'failed' : 'cancelled';
  const runs = step.runs.map((run) =>
    ['running', 'waiting', 'retrying'].includes(run.status)
      ? { ...run, status: end, endedAt: at, wait: undefined, retryAt: undefined }
      : run,
  );
  return summed(runs, step);
}

const failedStatus = (error: StepError): StepStatus =>
  error.code === 'run.cancelled'
    ? 'cancelled'
    : error.code === 'step.timed_out' || error.code === 'run.timed_out'
      ? 'timed_out'
      : 'failed';

const between = (from: string, to: string) => Math.max(0, Date.parse(to) - Date.parse(from));

const keyOf = ({ path, stepId }: { path?: string[]; stepId: string }) =>
  path?.length ? `${path.join('/')}/${stepId}` : stepId;

function emptyStep(): StepState {
  return { status: 'pending', iterations: 0, attempt: 0, itemsIn: {}, itemsOut: {}, durationMs: 0, runs: [] };
}

function attempted(state: RunState, event: EventOf<'step.attempted'>): RunState {
  const { iteration, attempt, at, from } = event;
  const known = state.steps[keyOf(event)]?.runs.find((run) => run.iteration === iteration);
  const next = withStepRun(state, event, (run) => {
    const { retryAt, error, wait, source: taken, ...rest } = run;
    // What an earlier run tried took its time there.
    const startedAt = taken !== undefined && event.source === undefined ? at : (run.startedAt ?? at);
    const source = event.source === undefined ? {} : { source: event.source };
    return { ...rest, ...source, status: 'running', attempt, from, startedAt };
  });
  if (known && known.from.length > 0) return next;
  // The first attempt of a step run is the moment its items arrive.
  return from.reduce((folded, delivery) => {
    const sender = keyOf({ path: event.path, stepId: delivery.stepId });
    const arrow = {
      edge: `${sender}.${delivery.outPort}->${event.stepId}.${delivery.port}`,
      step: keyOf(event),
      port: delivery.port,
    };
    const outputs = state.steps[sender]?.runs.find((run) => run.iteration === delivery.iteration)?.outputs;
    const payload = outputs?.[delivery.outPort];
    if (payload) return arrived(folded, arrow, itemCount(payload), event.iteration);
    if (delivery.batch === undefined) return arrived(folded, arrow, 0, event.iteration);
    const key = `${sender}:${delivery.iteration}.${delivery.outPort}`;
    const open = folded.openBatches[key] ?? [];
    const counted = arrived(folded, arrow, 0, event.iteration);
    if (open.some((one) => one.edge === arrow.edge)) return counted;
    return { ...counted, openBatches: { ...counted.openBatches, [key]: [...open, arrow] } };
  }, next);
}

type Arrow = RunState['openBatches'][string][number];

/** Adds items to an edge, to the step behind it and, where it is known, to that step's run. */
function arrived(state: RunState, { edge, step, port }: Arrow, count: number, iteration?: number): RunState {
  const target = state.steps[step] ?? emptyStep();
  const plus = (all: Record<string, number>) => ({ ...all, [port]: (all[port] ?? 0) + count });
  const at = iteration === undefined ? -1 : target.runs.findLastIndex((run) => run.iteration === iteration);
  const run = target.runs[at];
  const runs = run ? target.runs.with(at, { ...run, itemsIn: plus(run.itemsIn) }) : target.runs;
  return {
    ...state,
    edges: { ...state.edges, [edge]: (state.edges[edge] ?? 0) + count },
    steps: { ...state.steps, [step]: { ...target, itemsIn: plus(target.itemsIn), runs } },
  };
}

/** Counts what a loop handed out in batches: all that came in, now that it has ended. */
function closeBatches(state: RunState, event: EventOf<'step.succeeded'>): RunState {
  const prefix = `${keyOf(event)}:${event.iteration}.`;
  const closed = Object.keys(state.openBatches).filter((key) => key.startsWith(prefix));
  if (closed.length === 0) return state;
  const run = state.steps[keyOf(event)]?.runs.findLast(({ iteration }) => iteration === event.iteration);
  let folded = state;
  for (const key of closed) {
    const { [key]: arrows = [], ...openBatches } = folded.openBatches;
    const count = run?.handedOut ?? run?.itemsIn.main ?? 0;
    folded = arrows.reduce((one, arrow) => arrived(one, arrow, count), { ...folded, openBatches });
  }
  return folded;
}

/** Counts a batch that a source gave. */
function handedOut(state: RunState, event: EventOf<'effect.recorded'>): RunState {
  const { items, count } = isJsonObject(event.result) ? event.result : {};
  const more = Array.isArray(items) ? items.length : typeof count === 'number' ? count : 0;
  return withStepRun(state, event, (run) => ({ ...run, handedOut: (run.handedOut ?? 0) + more }));
}

function ended(
  state: RunState,
  event: EventOf<'step.succeeded'> | EventOf<'step.failed'>,
  outcome: Partial<StepRunState>,
): RunState {
  return withStepRun(state, event, ({ retryAt, wait, error, ...run }) => ({
    ...run,
    ...outcome,
    endedAt: event.at,
    durationMs: between(run.startedAt ?? event.at, event.at),
  }));
}

type OfStepRun = { path?: string[]; stepId: string; iteration: number; attempt?: number };

function withStepRun(state: RunState, event: OfStepRun, change: (run: StepRunState) => StepRunState): RunState {
  const key = keyOf(event);
  const step = state.steps[key] ?? emptyStep();
  const at = step.runs.findLastIndex((run) => run.iteration === event.iteration);
  const known = at === -1 ? undefined : step.runs[at];
  const changed = change(
    known ?? { status: 'pending', iteration: event.iteration, attempt: event.attempt ?? 1, from: [], itemsIn: {} },
  );
  const runs = known ? step.runs.with(at, changed) : [...step.runs, changed];
  return { ...state, steps: { ...state.steps, [key]: summed(runs, step, known, changed) } };
}

/** The step's own figures after one of its runs changed. The latest run decides what is shown. */
function summed(runs: StepRunState[], step: StepState, was?: StepRunState, is?: StepRunState): StepState {
  const last = runs.at(-1) as StepRunState;
  const itemsOut = { ...step.itemsOut };
  if (was?.outputs !== is?.outputs) {
    for (const [port, payload] of Object.entries(was?.outputs ?? {}))
      itemsOut[port] = (itemsOut[port] ?? 0) - itemCount(payload);
    for (const [port, payload] of Object.entries(is?.outputs ?? {}))
      itemsOut[port] = (itemsOut[port] ?? 0) + itemCount(payload);
  }
  const durationMs = step.durationMs - (was?.durationMs ?? 0) + (is?.durationMs ?? 0);
  const { status, attempt, error, endedAt, retryAt, wait } = last;
  return {
    status,
    attempt,
    iterations: runs.length,
    itemsIn: step.itemsIn,
    itemsOut,
    durationMs,
    startedAt: runs[0]?.startedAt,
    error,
    endedAt,
    retryAt,
    wait,
    runs,
  };
}
