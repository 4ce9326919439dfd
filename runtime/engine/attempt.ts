import type { BoundConnection } from '#shared/contract/agentApi.ts';
import { SluiceError } from '#shared/error.ts';
import type { Scope } from '#shared/expression/expression.ts';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import type { Answer, StepError } from '#shared/run/events.ts';
import type { Item, Settings, Tree } from '#shared/workflow/tree.ts';
import type { Call } from '../connectors/stepType.ts';
import type { AttemptSignal } from './attemptSignal.ts';
import { CallSite } from './call.ts';
import type { Causes } from './causes.ts';
import { type EffectMemory, NeedsAttention } from './effects.ts';
import { addItems, withLineage } from './lineage.ts';
import type { Plan, PlannedStep } from './plan.ts';
import type { Guide } from './ports/guide.ts';
import type { Journal, RunLimits, RunPorts } from './ports/ports.ts';
import { willTryAgain } from './retries.ts';
import { inputOn, type StepRun } from './runState.ts';
import type { Seeded } from './seeded.ts';
import type { Wait, WaitMemory } from './waits.ts';

/** Everything that is the same for all steps of one execution of a workflow. */
export type Execution = {
  runId: string;
  /** The run whose idempotency keys effects have: its own, or the one that it goes on with. */
  effectRunId: string;
  seed: string;
  /** The calling steps, for a sub-workflow. */
  path: readonly string[];
  plan: Plan;
  ports: RunPorts;
  limits: RunLimits;
  journal: Journal;
  memory: EffectMemory;
  waits: WaitMemory;
  /** Where step runs are found by what they follow from, since the journal does not say how they began. */
  causes: Causes | undefined;
  durability: Settings['durability'];
  connections: Readonly<Record<string, BoundConnection>>;
  signal: AbortSignal;
  /** For a run that follows a recorded one. */
  guide?: Guide;
  timezone: string;
  /**
   * What `$now` says where the moment of a first attempt is not kept (durability `run`): the run's start, so that steps that
   * are repeated ask the same things.
   */
  steadyNow: number | undefined;
  tree: Tree;
  scripts: Readonly<Record<string, string>>;
  /** What an expression sees besides items. */
  surroundings: { trigger: Json; request: Json; env: JsonObject; run: JsonObject; workflow: JsonObject };
  /** Secrets of the run's connections by `name#field`, to be kept out of journal, log and data. */
  secrets: Readonly<Record<string, string>>;
  scopeOf(run: StepRun, seeded: Seeded): Scope;
  /** For each item that came into a step run, the item of another step that it came from. */
  originsOf(run: StepRun, ref: string): (Item | undefined)[];
  /** `first`: before the step goes on. */
  respond(stepId: string, answer: Answer, first: boolean): Promise<void>;
  /** `part`: which of several workflows that one step run calls. */
  runWorkflow(
    caller: StepRun,
    workflowId: string,
    items: Item[],
    signal: AttemptSignal,
    part?: string,
  ): Promise<Item[]>;
  /** A workflow of this version and the trigger at which another one begins it. */
  entryOf(workflowId: string, triggerStepId?: string): { workflowId: string; triggerStepId: string };
  /** Refuses items that do not fit what a workflow declares. */
  checkEntry(entry: { workflowId: string; triggerStepId: string }, items: Item[]): Promise<void> | undefined;
};

/** One attempt at one step run. */
export type StepJob = { planned: PlannedStep; run: StepRun; attempt: number };

/** The lists that leave a step, by port. */
export type Outputs = Record<string, Item[]>;

/** Runs a step once. Synchronous where the step is: nothing waits that need not. */
export function attemptOnce(job: StepJob, execution: Execution, signal: AttemptSignal): Outputs | Promise<Outputs> {
  const { type } = job.planned;
  if (type.runAll) return attemptAll(job, execution, signal);
  if (type.run) return attemptEach(job, execution, signal);
  throw new SluiceError(
    'workflow.invalid',
    `Step ${job.run.stepId} (${type.type}) starts runs; nothing can lead into it.`,
    {
      advice: 'Remove the edge into the trigger.',
    },
  );
}

function attemptEach(job: StepJob, execution: Execution, signal: AttemptSignal): Outputs | Promise<Outputs> {
  return new EachAttempt(job, execution, signal).from(0);
}

/** An attempt at a step item by item, one after the other. A class, since there is one for every step run. */
class EachAttempt {
  readonly #job: StepJob;
  readonly #site: CallSite;
  readonly #items: readonly Item[];
  #out: Item[] | undefined;
  #failed: Item[] | undefined;

  constructor(job: StepJob, execution: Execution, signal: AttemptSignal) {
    this.#job = job;
    this.#items = inputOn(job.run, 'main')?.items ?? [];
    this.#site = new CallSite(job, execution, signal);
  }

  from(start: number): Outputs | Promise<Outputs> {
    for (let index = start; index < this.#items.length; index++) {
      let result: Json | undefined | Promise<Json | undefined>;
      try {
        result = this.#attempt(index);
      } catch (thrown) {
        this.#refuse(thrown, index);
        continue;
      }
      if (result instanceof Promise) return this.#wait(result, index);
      this.#accept(result, index);
    }
    const main = this.#out ?? [];
    return this.#failed ? { main, error: this.#failed } : { main };
  }

  #accept(result: Json | undefined, index: number): void {
    const source = this.#items[index];
    // A list that is made with its first item takes no room for more than that.
    if (this.#out === undefined && isJsonObject(result)) {
      const item: Item = { json: result, from: index };
      if (source?.binary) item.binary = source.binary;
      this.#out = [item];
      return;
    }
    this.#out ??= [];
    addItems(this.#out, result, index, source);
  }

  #attempt(index: number): Json | undefined | Promise<Json | undefined> {
    const item = this.#items[index] as Item;
    // One call does for all.
    const call = this.#site.callWith(this.#site.configAt(item, index));
    call.item = item;
    return this.#job.planned.type.run?.(call);
  }

  #wait(result: Promise<Json | undefined>, index: number): Promise<Outputs> {
    return result.then(
      (value) => {
        this.#accept(value, index);
        return this.from(index + 1);
      },
      (thrown: unknown) => {
        this.#refuse(thrown, index);
        return this.from(index + 1);
      },
    );
  }

  #refuse(thrown: unknown, index: number): void {
    const { planned, run } = this.#job;
    if (thrown instanceof NeedsAttention || isControl(thrown) || this.#site.attempt.aborted) throw thrown;
    const error = SluiceError.from(thrown);
    // A failure that may pass is left to the retry loop, which repeats no recorded effect. When no try is left, only the
    // item that failed has failed.
    if (planned.step.onError === 'stop' || willTryAgain(this.#job, error)) {
      throw withItem(error, run.stepId, index, this.#items.length);
    }
    const item = this.#items[index] as Item;
    this.#failed ??= planned.step.onError === 'port' ? [] : undefined;
    const wire = { ...error.toWire(), stepId: run.stepId };
    this.#out ??= [];
    takeFailure(planned, item, index, wire, this.#out, this.#failed ?? []);
  }
}

function attemptAll(job: StepJob, execution: Execution, signal: AttemptSignal): Outputs | Promise<Outputs> {
  const { planned, run } = job;
  const inputs: Record<string, Item[]> = {};
  for (const { ref, items: list } of run.inputs) inputs[ref.port] = list;
  const items = inputs.main ?? Object.values(inputs)[0] ?? [];
  const site = new CallSite(job, execution, signal);
  const config = site.configAt(items[0] ?? { json: {} }, 0);
  const call = site.callWith(config);
  call.inputs = inputs;
  site.items = items;
  const settle = (result: Outputs): Outputs => {
    const outputs: Outputs = {};
    for (const [port, list] of Object.entries(result)) outputs[port] = withLineage(list, items.length);
    return takeFailures(planned, run.stepId, outputs, items);
  };
  const result = planned.type.runAll?.(call);
  if (result instanceof Promise) return result.then(settle);
  return settle(result ?? {});
}

/** What a step of a whole list put on `error`, treated as `onError` says. */
function takeFailures(planned: PlannedStep, stepId: string, outputs: Outputs, items: Item[]): Outputs {
  const { error: failures, ...rest } = outputs;
  if (!failures || failures.length === 0) return rest;
  if (planned.step.onError === 'port') return outputs;
  const { through } = planned;
  if (planned.step.onError === 'continue') return { ...rest, [through]: [...(rest[through] ?? []), ...failures] };
  const first = failures[0]?.json.error as StepError | undefined;
  const index = typeof failures[0]?.from === 'number' ? failures[0].from : 0;
  throw withItem(
    SluiceError.fromWire(first ?? { code: 'internal', message: 'The step failed.' }),
    stepId,
    index,
    items.length,
  );
}

function takeFailure(
  planned: PlannedStep,
  item: Item,
  index: number,
  error: StepError,
  out: Item[],
  failed: Item[],
): void {
  const passed: Item = { ...item, json: { ...item.json, error: error as unknown as Json }, from: index };
  if (planned.step.onError === 'port') failed.push(passed);
  else out.push(passed);
}

/** The same error, saying which item met it. */
function withItem(error: SluiceError, stepId: string, index: number, count: number): SluiceError {
  const details = { ...error.details, stepId, ...(count > 1 ? { itemIndex: index } : {}) };
  return new SluiceError(error.code, error.message, { details, advice: error.advice, cause: error.cause ?? error });
}

/** Failures of all items at once, when a whole attempt is given up and the step does not stop the run. */
export function failAll(job: StepJob, error: SluiceError): Outputs {
  const items = inputOn(job.run, 'main')?.items ?? job.run.inputs[0]?.items ?? [];
  const wire = { ...error.toWire(), stepId: job.run.stepId } as unknown as Json;
  const passed = items.map((item, index): Item => ({ ...item, json: { ...item.json, error: wire }, from: index }));
  return job.planned.step.onError === 'port' ? { error: passed } : { [job.planned.through]: passed };
}

/** The run is given back for a while: not a failure. */
export class Suspension extends Error {
  readonly waits: readonly Wait[];

  constructor(waits: readonly Wait[]) {
    super('The run waits.');
    this.waits = waits;
  }
}

function isControl(thrown: unknown): boolean {
  return thrown instanceof Suspension;
}

export type { Call };
