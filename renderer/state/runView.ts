import type { Delivery, Payload, RunEvent, RunStatus, StepError, WaitReason } from '#shared/run/events.ts';
import { edgeKey, type Item, type Workflow } from '#shared/workflow/tree.ts';
import type { StateName } from '../look/Badge.tsx';

/** One run of a step inside a run: its iteration, with the latest attempt. Times are milliseconds since 1970. */
export type StepRun = {
  iteration: number;
  attempt: number;
  state: StateName;
  from: Delivery[];
  startedAt: number;
  endedAt?: number;
  outputs?: Record<string, Payload>;
  error?: StepError;
  retryAt?: number;
  wait?: { reason: WaitReason; until?: number };
};

/** What a card shows of a step. */
export type StepState = { state: StateName; runs: StepRun[] };

/** A run as the canvas draws it, from its events. */
export type RunView = {
  runId: string;
  where: 'local' | 'hosted';
  workflowId: string;
  status: RunStatus;
  environment: string;
  triggerStepId: string;
  input?: Payload;
  startedAt: number;
  endedAt?: number;
  error?: StepError;
  answer?: { status: number };
  steps: Record<string, StepState>;
  /** Items that went over each edge. */
  edges: Record<string, number>;
  lastSeq: number;
};

export function payloadCount(payload: Payload | undefined): number {
  if (!payload) return 0;
  return 'items' in payload ? payload.items.length : payload.count;
}

/** How many items left a step, over all its runs and ports. */
export function itemsOut(step: StepState): number {
  return step.runs.reduce((sum, run) => sum + Object.values(run.outputs ?? {}).reduce((all, one) => all + payloadCount(one), 0), 0);
}

/** How long a step has been at work, over all its runs. */
export function timeSpent(step: StepState, now: number): number {
  return step.runs.reduce((sum, run) => sum + ((run.endedAt ?? now) - run.startedAt), 0);
}

/**
 * The run after one more event. Only what the event is about becomes a new object, so one event redraws one card.
 *
 * @param workflow the drawing the run was started from: it says how big the batches of a loop are
 */
export function applyRunEvent(view: RunView | undefined, event: RunEvent, where: RunView['where'], workflow?: Workflow): RunView | undefined {
  if (event.type === 'run.started') {
    return {
      runId: event.runId,
      where,
      workflowId: event.workflowId,
      status: 'running',
      environment: event.environment,
      triggerStepId: event.triggerStepId,
      input: event.input,
      startedAt: Date.parse(event.at),
      steps: {},
      edges: {},
      lastSeq: event.seq,
    };
  }
  // A sub-workflow's own steps are not on this canvas.
  if (!view || event.seq <= view.lastSeq) return view;
  const next = { ...view, lastSeq: event.seq };
  if (event.path && event.path.length > 0) return next;
  const at = Date.parse(event.at);
  switch (event.type) {
    case 'step.attempted': {
      const run = { iteration: event.iteration, attempt: event.attempt, state: 'running', from: event.from, startedAt: at } as const;
      next.steps = withRun(view, event.stepId, run);
      if (event.attempt === 1) next.edges = withDeliveries(view, event.stepId, event.from, workflow);
      if (view.status === 'waiting') next.status = 'running';
      return next;
    }
    case 'step.succeeded':
      next.steps = withRun(view, event.stepId, { iteration: event.iteration, state: 'succeeded', endedAt: at, outputs: event.outputs, wait: undefined });
      return next;
    case 'step.failed': {
      const again = event.retryAt !== undefined;
      const state = again ? 'retrying' : event.error.code === 'step.timed_out' ? 'timed_out' : 'failed';
      const retryAt = event.retryAt === undefined ? undefined : Date.parse(event.retryAt);
      next.steps = withRun(view, event.stepId, { iteration: event.iteration, state, endedAt: at, error: event.error, retryAt });
      return next;
    }
    case 'step.skipped':
      next.steps = { ...view.steps, [event.stepId]: { state: event.reason === 'disabled' ? 'disabled' : 'skipped', runs: [] } };
      return next;
    case 'run.waiting': {
      const wait = { reason: event.reason, until: event.until === undefined ? undefined : Date.parse(event.until) };
      next.status = 'waiting';
      next.steps = withRun(view, event.stepId, { iteration: event.iteration, state: 'waiting', wait, error: event.error });
      return next;
    }
    case 'run.resumed':
      next.status = 'running';
      next.steps = withRun(view, event.stepId, { iteration: event.iteration, state: 'running', wait: undefined });
      return next;
    case 'run.answered':
      next.answer = { status: event.status };
      return next;
    case 'run.ended':
      next.status = event.status;
      next.endedAt = at;
      next.error = event.error;
      next.steps = settle(view, at, event.status);
      return next;
    default:
      return next;
  }
}

function withRun(view: RunView, stepId: string, change: Partial<StepRun> & { iteration: number }): RunView['steps'] {
  const before = view.steps[stepId]?.runs ?? [];
  const known = before.find((run) => run.iteration === change.iteration);
  const fresh: StepRun = { attempt: 1, state: 'running', from: [], startedAt: view.startedAt, ...known, ...change };
  // The time of a step counts from its first attempt.
  if (known && change.startedAt !== undefined) fresh.startedAt = known.startedAt;
  if (change.state === 'running') fresh.endedAt = undefined;
  const runs = known ? before.map((run) => (run === known ? fresh : run)) : [...before, fresh];
  return { ...view.steps, [stepId]: { state: stateOf(runs), runs } };
}

/** Running before waiting before failed: what still moves is what a card shows. */
const LOUDEST: StateName[] = ['running', 'retrying', 'waiting', 'failed', 'timed_out', 'cancelled', 'succeeded'];

function stateOf(runs: StepRun[]): StateName {
  return LOUDEST.find((state) => runs.some((run) => run.state === state)) ?? 'idle';
}

function withDeliveries(view: RunView, stepId: string, from: Delivery[], workflow: Workflow | undefined): RunView['edges'] {
  if (from.length === 0) return view.edges;
  const edges = { ...view.edges };
  for (const delivery of from) {
    const key = edgeKey({ from: delivery.stepId, outPort: delivery.outPort, to: stepId, inPort: delivery.port });
    edges[key] = (edges[key] ?? 0) + deliveredCount(view, delivery, workflow);
  }
  return edges;
}

function deliveredCount(view: RunView, delivery: Delivery, workflow: Workflow | undefined): number {
  const source = view.steps[delivery.stepId]?.runs.find((run) => run.iteration === delivery.iteration);
  if (!source) return 0;
  if (delivery.batch === undefined) return payloadCount(source.outputs?.[delivery.outPort]);
  const size = batchSize(workflow, delivery.stepId);
  const total = source.from.reduce((sum, one) => sum + (one.port === 'main' ? deliveredCount(view, one, workflow) : 0), 0);
  return Math.max(0, Math.min(size, total - delivery.batch * size));
}

export function batchSize(workflow: Workflow | undefined, stepId: string): number {
  const batch = workflow?.steps[stepId]?.config.batch;
  return typeof batch === 'number' && batch > 0 ? batch : 1;
}

/** What was at work when the run ended did not finish. */
function settle(view: RunView, at: number, status: RunStatus): RunView['steps'] {
  const left: StateName = status === 'timed_out' ? 'timed_out' : 'cancelled';
  const steps = { ...view.steps };
  for (const [stepId, step] of Object.entries(view.steps)) {
    if (!step.runs.some((run) => run.state === 'running' || run.state === 'retrying' || run.state === 'waiting')) continue;
    const runs = step.runs.map((run) => (run.state === 'succeeded' || run.state === 'failed' ? run : { ...run, state: left, endedAt: at }));
    steps[stepId] = { runs, state: stateOf(runs) };
  }
  return steps;
}

/** Where the items of one input port come from: lists that other step runs made, whole or a batch of one. */
export type InputPart = { payload: Payload; slice?: [from: number, to: number]; stepId: string };

/** The items that a step run was given, by port, as references into what the steps before it made. */
export function inputOf(view: RunView, stepId: string, run: StepRun, workflow: Workflow | undefined): Record<string, InputPart[]> {
  const parts: Record<string, InputPart[]> = {};
  if (run.from.length === 0) {
    if (stepId === view.triggerStepId && view.input) parts.main = [{ payload: view.input, stepId }];
    return parts;
  }
  for (const delivery of run.from) {
    const list = (parts[delivery.port] ??= []);
    const source = view.steps[delivery.stepId]?.runs.find((one) => one.iteration === delivery.iteration);
    if (!source) continue;
    if (delivery.batch === undefined) {
      const payload = source.outputs?.[delivery.outPort];
      if (payload) list.push({ payload, stepId: delivery.stepId });
      continue;
    }
    const size = batchSize(workflow, delivery.stepId);
    const slice: [number, number] = [delivery.batch * size, (delivery.batch + 1) * size];
    for (const part of inputOf(view, delivery.stepId, source, workflow).main ?? []) list.push({ ...part, slice });
  }
  return parts;
}

/** The items of parts that are all at hand; undefined where one is kept as a blob. */
export function itemsAtHand(parts: InputPart[]): Item[] | undefined {
  const items: Item[] = [];
  for (const { payload, slice } of parts) {
    if (!('items' in payload)) return undefined;
    items.push(...(slice ? payload.items.slice(...slice) : payload.items));
  }
  return items;
}

/** Steps that have ended, for "8 of 14 steps". */
export function stepsDone(view: RunView): number {
  return Object.values(view.steps).filter((step) => step.runs.length > 0 && step.runs.every((run) => run.endedAt !== undefined)).length;
}
