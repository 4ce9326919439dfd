import { SluiceError } from '../error.ts';
import { type CompiledExpression, compileExpression, type Scope } from '../expression/expression.ts';
import { isJsonObject, type Json, type JsonObject } from '../json.ts';
import { settingExpressions } from '../workflow/settingExpressions.ts';
import type { Item, Settings, Workflow } from '../workflow/tree.ts';

/** So many in so much time, by the value of the key. */
export type RateOf = { key: string; count: number; perMs: number };

/** What a workflow's settings demand of one run before it may begin. What is absent demands nothing. */
export type Admission = {
  /** So many that share the key execute at once; one that waits leaves its place. */
  concurrency?: { key: string; limit: number };
  /** Above it, a run is refused. */
  rate?: RateOf;
  /** Above it, a run begins later. */
  throttle?: RateOf;
  debounce?: { key: string; waitMs: number; maxMs?: number };
  /** From -100 to 100; of runs that could begin the greatest does. */
  priority?: number;
  singleton?: { key: string; mode: 'skip' | 'cancel' };
  idempotency?: { key: string; windowMs: number };
};

/** What the keys of an admission may read. */
export type AdmissionInput = {
  workflowId: string;
  triggerStepId: string;
  items: readonly Item[];
  /** The environment's variables. */
  vars: JsonObject;
  nowMs: number;
};

export type CompiledAdmission = {
  /** Whether a key reads the environment's variables; else `vars` may be empty. */
  readsVars: boolean;
  /** Keys are JSON texts. @throws SluiceError expression.failed, expression.limit_exceeded, naming the setting */
  of(input: AdmissionInput): Admission;
};

const compiled = new WeakMap<Workflow, CompiledAdmission | null>();

/**
 * Compiles what a workflow's settings demand of its runs. Undefined where they demand nothing, which costs one look-up.
 *
 * @throws SluiceError expression.syntax, naming the setting
 */
export function compileAdmission(workflow: Workflow): CompiledAdmission | undefined {
  const known = compiled.get(workflow);
  if (known !== undefined) return known ?? undefined;
  const made = hasDemands(workflow.settings) ? compile(workflow) : undefined;
  compiled.set(workflow, made ?? null);
  return made;
}

/** What holds for a run that must not be refused or put together with another: one done again, or one that tells of a failure. */
export function withoutRefusals({ concurrency, throttle, priority }: Admission): Admission {
  return {
    ...(concurrency ? { concurrency } : {}),
    ...(throttle ? { throttle } : {}),
    ...(priority === undefined ? {} : { priority }),
  };
}

function hasDemands({ concurrency, rate, throttle, debounce, priority, singleton, idempotency }: Settings): boolean {
  return [concurrency, rate, throttle, debounce, priority, singleton, idempotency].some((one) => one !== undefined);
}

function compile(workflow: Workflow): CompiledAdmission {
  const { settings } = workflow;
  const { concurrency, rate, throttle, debounce, singleton, idempotency } = settings;
  const expressions = new Map<string, CompiledExpression>();
  for (const { path, text } of settingExpressions(settings)) {
    const setting = path.join('.');
    expressions.set(
      setting,
      named(setting, () => compileExpression(text)),
    );
  }
  return {
    readsVars: [...expressions.values()].some(({ names }) => names.includes('$env')),
    of(input) {
      const scope = scopeOf(workflow, input);
      const value = (setting: string): Json => {
        const expression = expressions.get(setting);
        return expression ? named(setting, () => (expression.evaluate(scope) ?? null) as Json) : null;
      };
      const key = (setting: string) => JSON.stringify(value(setting));
      return {
        ...(concurrency === undefined ? {} : { concurrency: { key: key('concurrencyKey'), limit: concurrency } }),
        ...(rate ? { rate: { ...rate, key: key('rate.key') } } : {}),
        ...(throttle ? { throttle: { ...throttle, key: key('throttle.key') } } : {}),
        ...(debounce ? { debounce: { ...debounce, key: key('debounce.key') } } : {}),
        ...(expressions.has('priority') ? { priority: priorityOf(value('priority')) } : {}),
        ...(singleton ? { singleton: { ...singleton, key: key('singleton.key') } } : {}),
        // What has no key is nobody's repetition.
        ...(idempotency && value('idempotency.key') !== null
          ? { idempotency: { ...idempotency, key: key('idempotency.key') } }
          : {}),
      };
    },
  };
}

function priorityOf(value: Json): number {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number === 'number' && Number.isInteger(number) && Math.abs(number) <= 100) return number;
  throw new SluiceError('expression.failed', `priority: ${JSON.stringify(value).slice(0, 100)} is no priority.`, {
    advice: 'It must give a whole number from -100 to 100.',
    details: { path: 'priority' },
  });
}

/** What there is before a run has begun: its items, its environment and its moment. */
function scopeOf(workflow: Workflow, { workflowId, triggerStepId, items, vars, nowMs }: AdmissionInput): Scope {
  const json = items[0]?.json ?? {};
  const trigger = workflow.steps[triggerStepId];
  return {
    json,
    itemIndex: 0,
    items,
    step: (ref) =>
      ref === triggerStepId || ref === trigger?.name ? { item: () => items[0], all: () => items } : undefined,
    trigger: json,
    request: isJsonObject(json) ? json : null,
    env: vars,
    run: {},
    workflow: { id: workflowId, name: workflow.name },
    now: nowMs,
    timezone: workflow.settings.timezone ?? 'UTC',
    uuid: noChance,
    random: noChance,
  };
}

/** A key that chance decides would hold nothing together. */
function noChance(): never {
  throw new SluiceError('expression.failed', 'A run’s key cannot come from chance.', {
    advice: 'Make it of what the trigger brings, $json for one.',
  });
}

function named<T>(setting: string, work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    if (!(thrown instanceof SluiceError)) throw thrown;
    throw new SluiceError(thrown.code, `settings.${setting}: ${thrown.message}`, {
      ...(thrown.advice === undefined ? {} : { advice: thrown.advice }),
      details: { ...thrown.details, path: `settings.${setting}` },
      cause: thrown,
    });
  }
}
