import type { Payload, RunEvent, RunLogLine, RunStatus } from '#shared/run/events.ts';
import { emptyRun, foldRun, type RunState, type StepRunState, type StepState } from '#shared/run/foldRun.ts';
import type { Item, Step, Workflow } from '#shared/workflow/tree.ts';
import type { StateName } from '../look/Badge.tsx';
import { foldWaits, NO_WAITS, type Waits } from './openWaits.ts';

/** A run as the editor holds it: what its journal says, and the drawing it was started from, where that is known. */
export type RunView = {
  runId: string;
  where: 'local' | 'hosted';
  run: RunState;
  logs: RunLogLine[];
  /** As drawn when the run was started here: what changed since makes its data stale. */
  workflow?: Workflow;
  waits: Waits;
  /** Where somebody outside ends a wait for a reply. */
  resumeUrl?: string;
};

export function newRunView(runId: string, where: RunView['where'], workflow?: Workflow): RunView {
  return { runId, where, run: emptyRun(runId), logs: [], workflow, waits: NO_WAITS };
}

/** The view after one more event. @throws SluiceError run.gap where an event is missing in between */
export function foldView(view: RunView, event: RunEvent): RunView {
  const run = foldRun(view.run, event);
  if (run === view.run) return view;
  const resumeUrl = event.type === 'run.started' && !event.path?.length ? event.resumeUrl : view.resumeUrl;
  return { ...view, run, waits: foldWaits(view.waits, event), ...(resumeUrl === undefined ? {} : { resumeUrl }) };
}

export function isOver(status: RunStatus): boolean {
  return status !== 'queued' && status !== 'running' && status !== 'waiting';
}

/** The state a card shows for a step of a run. */
export function stateOfStep(step: StepState | undefined): StateName {
  if (!step) return 'idle';
  if (step.status === 'pending') return 'idle';
  return step.status;
}

export function countItems(byPort: Record<string, number>): number {
  return Object.values(byPort).reduce((sum, count) => sum + count, 0);
}

/** Where what a step gave comes from, when its own run did not make it. `partly`: other runs of the step did. */
export type StepSource = { kind: 'pin'; partly: boolean } | { kind: 'earlier'; runId: string; partly: boolean };

export function sourceOfStep(step: Pick<StepState, 'runs'> | undefined): StepSource | undefined {
  const runs = step?.runs ?? [];
  // An attempt that failed there and was made again here is not what it gave.
  const taken = runs.filter(({ source, status }) => source !== undefined && status === 'succeeded');
  const source = taken.at(-1)?.source;
  if (source === undefined) return undefined;
  const partly = taken.length < runs.length;
  return source === 'pin' ? { kind: 'pin', partly } : { kind: 'earlier', runId: source, partly };
}

/** Steps that have ended, for "8 of 14 steps". */
export function stepsDone(run: RunState): number {
  const moving = new Set(['pending', 'running', 'retrying', 'waiting', 'skipped']);
  return Object.values(run.steps).filter((step) => !moving.has(step.status)).length;
}

/** Where the items of one input port come from: a list that another step run made, whole or a batch of it. */
export type InputPart = { payload: Payload; slice?: [from: number, to: number]; stepId: string };

/** The items that a step run was given, by port, as references into what the steps before it made. */
export function inputOf(view: RunView, stepRun: StepRunState): Record<string, InputPart[]> {
  const parts: Record<string, InputPart[]> = {};
  for (const delivery of stepRun.from) {
    parts[delivery.port] ??= [];
    const source = view.run.steps[delivery.stepId]?.runs.find((one) => one.iteration === delivery.iteration);
    if (!source) continue;
    const payload = source.outputs?.[delivery.outPort];
    if (delivery.batch === undefined) {
      if (payload) parts[delivery.port]?.push({ payload, stepId: delivery.stepId });
      continue;
    }
    const size = batchSize(view.workflow?.steps[delivery.stepId]);
    const slice: [number, number] = [delivery.batch * size, (delivery.batch + 1) * size];
    // While the loop runs it has no output yet; its batches are slices of what it was given.
    const whole = payload ? [{ payload, stepId: delivery.stepId }] : (inputOf(view, source).main ?? []);
    for (const part of whole) parts[delivery.port]?.push({ ...part, slice });
  }
  return parts;
}

function batchSize(loop: Step | undefined): number {
  const batch = loop?.config.batch;
  return typeof batch === 'number' && batch > 0 ? batch : 1;
}

/** The items of parts that are all at hand; undefined where one is kept as a blob that `blobs` does not hold. */
export function itemsOf(parts: readonly InputPart[], blobs: Record<string, Item[]> = {}): Item[] | undefined {
  const items: Item[] = [];
  for (const { payload, slice } of parts) {
    const list = 'items' in payload ? payload.items : blobs[payload.blob];
    if (!list) return undefined;
    items.push(...(slice ? list.slice(...slice) : list));
  }
  return items;
}

/** The blobs that parts need and that are not at hand. */
export function missingBlobs(parts: readonly InputPart[], blobs: Record<string, Item[]>): string[] {
  return parts.flatMap(({ payload }) => ('blob' in payload && !blobs[payload.blob] ? [payload.blob] : []));
}

/** Whether a step would do something else now than in the run: its name, notes and place do not count. */
export function isStale(before: Step | undefined, now: Step): boolean {
  if (before === now) return false;
  if (!before) return true;
  return execText(before) !== execText(now);
}

function execText({ name: _name, notes: _notes, ...rest }: Step): string {
  return JSON.stringify(rest);
}
