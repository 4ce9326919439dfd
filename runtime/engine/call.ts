import { compileConfig } from '#shared/expression/config.ts';
import type { Scope } from '#shared/expression/expression.ts';
import type { Json, JsonObject } from '#shared/json.ts';
import type { EffectKind } from '#shared/run/events.ts';
import type { Item } from '#shared/workflow/tree.ts';
import type {
  Call,
  Effect,
  RunControl,
  StepCrypto,
  StepFiles,
  StepHttp,
  StepMail,
  StepSql,
  StepStore,
} from '../connectors/stepType.ts';
import type { Execution, StepJob } from './attempt.ts';
import type { AttemptSignal } from './attemptSignal.ts';
import { controlOf } from './controlCalls.ts';
import { cryptoOf } from './cryptoCalls.ts';
import { doEffect, effectKey } from './effects.ts';
import { filesOf } from './fileCalls.ts';
import { signalOf } from './groupSignal.ts';
import { httpOf } from './httpCalls.ts';
import { machineOf } from './machineOf.ts';
import { mailOf } from './mailCalls.ts';
import { checkConfig } from './plan.ts';
import type { Hashing } from './ports/ports.ts';
import { onAmbiguousOf } from './retries.ts';
import { readScript, scriptOf } from './scriptCalls.ts';
import { createSeeded, type Seeded } from './seeded.ts';
import { sqlOf } from './sqlCalls.ts';
import { storeOf } from './storeCalls.ts';

/**
 * What one attempt at a step run sees, moved from item to item. One is made for every step run there is, and most steps
 * look at little of it: its parts are made when they are asked for, which is why it is a class.
 */
export class CallSite {
  /** What the step is called with. */
  readonly call: StepCall;
  itemIndex = 0;
  /** Of the item so far. */
  effects = 0;
  /** The class of its effects, which its config decides. */
  effect: Effect = 'pure';
  readonly job: StepJob;
  readonly execution: Execution;
  readonly attempt: AttemptSignal;
  /** What came in, where the step has all of it at once. */
  items: readonly Item[] = NO_ITEMS;
  #item: Item | undefined;
  #indexes: Map<Item, number> | undefined;
  #scope: Scope | undefined;
  #seeded: Seeded | undefined;

  constructor(job: StepJob, execution: Execution, attempt: AttemptSignal) {
    this.job = job;
    this.execution = execution;
    this.attempt = attempt;
    this.call = new StepCall(this);
  }

  get seeded(): Seeded {
    this.#seeded ??= lazySeeded(() => this.seed, this.execution.ports.hashing);
    return this.#seeded;
  }

  get seed(): string {
    const { run } = this.job;
    const { seed, path, causes, durability } = this.execution;
    // A step run that is done again may have another number, and is to get the same ids.
    if (causes && durability === 'run') return `${seed}|${causes.of(run)}`;
    return `${seed}|${path.join('/')}|${run.stepId}|${run.iteration}`;
  }

  get scope(): Scope {
    if (!this.#scope) {
      this.#scope = this.execution.scopeOf(this.job.run, this.seeded);
      if (this.#item) pointAt(this.#scope, this.#item, this.itemIndex);
    }
    return this.#scope;
  }

  get place() {
    const { effectRunId, path } = this.execution;
    const { stepId, iteration } = this.job.run;
    return { runId: effectRunId, path, stepId, iteration };
  }

  get startedAt(): number {
    return this.job.run.startedAt ?? this.execution.ports.clock.now();
  }

  /** Moves on to an item (its `$json`, its effect numbers) and gives the config resolved for it. */
  configAt(item: Item, index: number): JsonObject {
    this.#item = item;
    this.itemIndex = index;
    this.effects = 0;
    if (this.#scope) pointAt(this.#scope, item, index);
    const { planned, run } = this.job;
    if (planned.constant) return planned.constant;
    const resolved = planned.config.resolve(this.scope);
    return planned.loose ? resolved : checkConfig(run.stepId, planned.type, resolved);
  }

  /** The config resolved for one of a step's items, whichever it asks for. Nothing of it is kept on the call (docs/decisions/0010). */
  configFor(item: Item): JsonObject {
    const { items, call } = this;
    if (this.job.planned.constant || items === NO_ITEMS) return call.config;
    if (item === items[0] && this.itemIndex === 0) return call.config;
    this.#indexes ??= new Map(items.map((one, index) => [one, index]));
    return this.configAt(item, this.#indexes.get(item) ?? 0);
  }

  /** The call with a config, which decides the effect class. */
  callWith(config: JsonObject): StepCall {
    const { type } = this.job.planned;
    this.effect = typeof type.effect === 'function' ? type.effect(config) : type.effect;
    this.call.config = config;
    return this.call;
  }

  perform<T extends Json>(kind: EffectKind, request: Json, cls: Effect, act: (key: string) => Promise<T> | T) {
    const { journal, memory, ports } = this.execution;
    const { planned, attempt, run } = this.job;
    return doEffect<T>(
      {
        no: `${this.itemIndex}.${this.effects++}`,
        kind,
        effect: cls,
        onAmbiguous: onAmbiguousOf(planned) ?? (cls === 'unsafe' ? 'ask' : 'retry'),
        request,
        perform: act,
      },
      { ...this.place, attempt, cause: this.execution.causes?.of(run) },
      { journal, memory, hashing: ports.hashing, signal: signalOf(run, this.execution), guide: this.execution.guide },
    );
  }
}

function pointAt(scope: Scope, item: Item, index: number): void {
  scope.json = item.json;
  scope.binary = item.binary as JsonObject | undefined;
  scope.itemIndex = index;
}

const NO_FIELDS: JsonObject = Object.freeze({}) as JsonObject;
const NO_ITEM: Item = Object.freeze({ json: NO_FIELDS });
const NO_ITEMS: readonly Item[] = [];
const NO_LISTS: Record<string, Item[]> = Object.freeze({});

/** The `Call` of a step, with what `run` and `runAll` get besides. */
class StepCall implements Call {
  readonly #site: CallSite;
  // Set before the step is called; which of them, its kind decides.
  config: JsonObject = NO_FIELDS;
  item: Item = NO_ITEM;
  inputs: Record<string, Item[]> = NO_LISTS;

  constructor(site: CallSite) {
    this.#site = site;
  }

  get configFor(): (item: Item) => JsonObject {
    const site = this.#site;
    return (item) => site.configFor(item);
  }

  get stepId(): string {
    return this.#site.job.run.stepId;
  }

  get mode() {
    return this.#site.job.planned.step.mode;
  }

  get written(): JsonObject {
    return this.#site.job.planned.step.config;
  }

  get signal(): AbortSignal {
    return this.#site.attempt.signal;
  }

  get http(): StepHttp {
    return httpOf(this.#site);
  }

  get store(): StepStore {
    return storeOf(this.#site);
  }

  get files(): StepFiles {
    return filesOf(this.#site);
  }

  get crypto(): StepCrypto {
    return cryptoOf(this.#site);
  }

  get sql(): StepSql {
    return sqlOf(this.#site);
  }

  get mail(): StepMail {
    return mailOf(this.#site);
  }

  get timezone(): string {
    return this.#site.execution.timezone;
  }

  get run(): RunControl {
    return controlOf(this.#site);
  }

  get clock() {
    const { execution, startedAt } = this.#site;
    const at = execution.steadyNow ?? startedAt;
    return { now: () => at };
  }

  get random() {
    return this.#site.seeded.random;
  }

  get ids() {
    return { uuid: this.#site.seeded.uuid };
  }

  get log(): Call['log'] {
    const { execution, job } = this.#site;
    const { stepId, iteration } = job.run;
    return (level, message) => execution.journal.log({ level, message, stepId, iteration });
  }

  get key(): Call['key'] {
    const site = this.#site;
    return (n) => effectKey(site.place, `${site.itemIndex}.${n}`, site.execution.ports.hashing);
  }

  get script(): Call['script'] {
    return scriptOf(this.#site);
  }

  get evaluate(): Call['evaluate'] {
    const { scope } = this.#site;
    return (value, json) => compileConfig({ value }).resolve({ ...scope, json }).value as Json;
  }

  get machine(): Call['machine'] {
    const { tree } = this.#site.execution;
    return (slug) => machineOf(tree, slug);
  }

  get readScript(): Call['readScript'] {
    const { execution, job } = this.#site;
    return (file) => readScript(execution, job.run.stepId, file);
  }
}

function lazySeeded(seed: () => string, hashing: Hashing): Seeded {
  let made: Seeded | undefined;
  const get = (): Seeded => {
    made ??= createSeeded(seed(), hashing);
    return made;
  };
  return { random: () => get().random(), uuid: () => get().uuid() };
}
