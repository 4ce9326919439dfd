import type { Json, JsonObject } from '#shared/json.ts';
import type { Delivery, StepError } from '#shared/run/events.ts';
import type { Item } from '#shared/workflow/tree.ts';
import type { Meeting } from './meetings.ts';

/** Where work belongs: the run itself, or one batch of a loop, map or group. It ends when nothing of it is left. */
export type WorkScope = {
  parent: WorkScope | undefined;
  depth: number;
  /** Whose batch it is. */
  loop: StepRun | undefined;
  batch: number;
  /** Deliveries waiting and step runs at work in it. */
  live: number;
  /** The innermost batch of a map around it, or the run itself: deliveries of batches beside each other never meet. */
  lane: WorkScope;
  /** Of a group: aborted when it ends before its time. */
  controller: AbortController | undefined;
  /** Of a batch: the latest step run in it; those before it hang on that. */
  last: StepRun | undefined;
};

/** Items on their way into a port. */
export type Pending = {
  to: string;
  ref: Delivery;
  items: Item[];
  scope: WorkScope;
  /** On record, what it was taken with; the same object in each of them. */
  meeting?: Meeting;
};

/** One execution of a step. What it was given and gave stays for expressions and lineage. */
export type StepRun = {
  stepId: string;
  iteration: number;
  /** The deliveries it took, one for each port; no map, since most have one. */
  inputs: readonly Pending[];
  /** The lists that left it, by port. */
  outputs: Readonly<Record<string, Item[]>>;
  scope: WorkScope;
  /** Attempts recorded before this process took over. */
  attempts: number;
  failures: number;
  /** When the next try is due, where a process died in the pause before it. */
  retryAtMs: number | undefined;
  /** When the first attempt began; `$now` of every attempt. */
  startedAt: number | undefined;
  loop: LoopState | undefined;
  /** What it follows from, as a hash, once somebody asked. */
  cause: string | undefined;
  /** The step run before it in the same batch. */
  before: StepRun | undefined;
};

export type LoopState = {
  /** One batch after the other, several at once, or all as one that may fail as one. */
  kind: 'loop' | 'map' | 'try';
  batchSize: number;
  /** Batches at work at once, at most. */
  concurrency: number;
  /** Batches that were handed out, by number. */
  batches: Item[][];
  /** Those of them that have not ended. A list: a map that is added to and deleted from is made anew again and again. */
  open: WorkScope[];
  /** Its config could not be read; the journal may not say so yet. */
  failed: unknown;
  /** What ended a group before its time. */
  caught: StepError | undefined;
  gathered: Gathered[];
  /** Where its batches are read one after the other, in place of being cut from a list. */
  source: BatchSource | undefined;
};

/** An item that came back, and in which batch. `rank`: its place in there, where that is not to be when it came. */
export type Gathered = { item: Item; ref: Delivery; index: number; batch: number; rank?: string };

export type BatchSource = {
  config: JsonObject;
  /** Where the next batch begins, in the step type's own words. */
  cursor: Json | undefined;
  state: 'open' | 'reading' | 'ended';
  /** What was read and not handed out yet: one batch, or what a journal says. */
  read: Item[][];
};

/** Every step run of a workflow execution so far, and the way from an item to those it came from. */
export type RunState = {
  root: WorkScope;
  runs: Map<string, StepRun[]>;
  add(run: StepRun): void;
  latest(stepId: string): StepRun | undefined;
  nextIteration(stepId: string): number;
  /** The item of another step that an input item came from; undefined when the trail ends. */
  origin(run: StepRun, port: string, index: number, stepId: string): Item | undefined;
};

export function createRunState(): RunState {
  const runs = new Map<string, StepRun[]>();
  const root = rootScope();

  // Where step runs are found by their cause, some may be missing before one that is there.
  const find = (stepId: string, iteration: number) => runs.get(stepId)?.[iteration];

  function follow(ref: Delivery, index: number, stepId: string, depth: number): Item | undefined {
    const source = find(ref.stepId, ref.iteration);
    if (!source || depth > 10_000) return undefined;
    const list = ref.batch === undefined ? source.outputs[ref.outPort] : source.loop?.batches[ref.batch];
    const item = list?.[index];
    if (!item || source.stepId === stepId) return item;
    for (const [port, from] of origins(item)) {
      if (port === 'next' && source.loop) {
        const gathered: Gathered | undefined = source.loop.gathered[from];
        const found = gathered && follow(gathered.ref, gathered.index, stepId, depth + 1);
        if (found) return found;
        continue;
      }
      const input = inputOn(source, port);
      const found = input && follow(input.ref, from, stepId, depth + 1);
      if (found) return found;
    }
    return undefined;
  }

  return {
    root,
    runs,
    add(run) {
      const list = runs.get(run.stepId);
      if (list) list[run.iteration] = run;
      else if (run.iteration === 0) runs.set(run.stepId, [run]);
      else runs.set(run.stepId, placedAt(run.iteration, run));
    },
    latest: (stepId) => runs.get(stepId)?.at(-1),
    nextIteration: (stepId) => runs.get(stepId)?.length ?? 0,
    origin(run, port, index, stepId) {
      const input = inputOn(run, port);
      return input && follow(input.ref, index, stepId, 0);
    },
  };
}

function origins(item: Item): [string, number][] {
  if (item.from === undefined) return [];
  return typeof item.from === 'number' ? [['main', item.from]] : item.from;
}

function rootScope(): WorkScope {
  const root = {
    parent: undefined,
    depth: 0,
    loop: undefined,
    batch: 0,
    live: 0,
    controller: undefined,
    last: undefined,
  };
  return Object.assign(root, { lane: root as unknown as WorkScope });
}

/** The scope of one batch that a step run hands out. */
export function batchScope(run: StepRun, batch: number): WorkScope {
  const { scope: parent } = run;
  const scope: WorkScope = {
    parent,
    depth: parent.depth + 1,
    loop: run,
    batch,
    // The handing out itself.
    live: 1,
    lane: parent.lane,
    controller: undefined,
    last: undefined,
  };
  if (run.loop?.kind === 'map') scope.lane = scope;
  return scope;
}

/** Notes that a batch has ended, of itself or with its group. @returns false where it had before, or is the run itself */
export function closeBatch(scope: WorkScope): boolean {
  const open = scope.loop?.loop?.open;
  const place = open ? open.indexOf(scope) : -1;
  if (place < 0) return false;
  open?.splice(place, 1);
  return true;
}

/** The innermost group around a scope, as the scope it opened. */
export function groupAround(scope: WorkScope): WorkScope | undefined {
  for (let current: WorkScope | undefined = scope; current; current = current.parent) {
    if (current.loop?.loop?.kind === 'try') return current;
  }
  return undefined;
}

function placedAt(iteration: number, run: StepRun): StepRun[] {
  const list: StepRun[] = [];
  list[iteration] = run;
  return list;
}

/** What a step run has given before it ended. */
const NOTHING: StepRun['outputs'] = Object.freeze({});

/** The delivery that a step run took on a port. */
export function inputOn({ inputs }: StepRun, port: string): Pending | undefined {
  for (const pending of inputs) if (pending.ref.port === port) return pending;
  return undefined;
}

/** A step run that has not begun. */
export function newStepRun(stepId: string, iteration: number, inputs: readonly Pending[], scope: WorkScope): StepRun {
  return {
    stepId,
    iteration,
    inputs,
    outputs: NOTHING,
    scope,
    attempts: 0,
    failures: 0,
    retryAtMs: undefined,
    startedAt: undefined,
    loop: undefined,
    cause: undefined,
    before: undefined,
  };
}

/** Whether a scope is another or lies inside it. */
export function isInside(scope: WorkScope, outer: WorkScope): boolean {
  for (let current: WorkScope | undefined = scope; current; current = current.parent) {
    if (current === outer) return true;
  }
  return false;
}

/** The fields every event of a step run begins with. */
export function stepFields(run: StepRun, attempt: number, path: readonly string[]) {
  return { stepId: run.stepId, iteration: run.iteration, attempt, ...pathField(path) };
}

/** The calling steps, in an event of a sub-workflow. */
export function pathField(path: readonly string[]): { path?: string[] } {
  return path.length > 0 ? { path: [...path] } : {};
}
