import { z } from 'zod';
import { SluiceError } from '#shared/error.ts';
import { type CompiledConfig, compileConfig } from '#shared/expression/config.ts';
import type { Scope } from '#shared/expression/expression.ts';
import { isJsonObject, type Json, type JsonObject } from '#shared/json.ts';
import { parseEdge, type Step, type Tree, type Workflow } from '#shared/workflow/tree.ts';
import { findStepType } from '../connectors/registry.ts';
import type { StepType } from '../connectors/stepType.ts';
import { innerOf, isLiteralField } from './literalField.ts';

export type PlannedEdge = { to: string; inPort: string };

/** A step made ready to run: its config compiled to closures, its arrows looked up. */
export type PlannedStep = {
  id: string;
  step: Step;
  type: StepType;
  config: CompiledConfig;
  /** The config itself where nothing in it is an expression: checked once, at compile time. */
  constant: JsonObject | undefined;
  /**
   * Whether expressions stand only in fields that take any value: the rest was checked once, what they come to needs no
   * check, and `config` has the defaults in it.
   */
  loose: boolean;
  outputs: readonly string[];
  /** Where items leave that only pass the step: it is switched off, or failed and goes on. */
  through: string;
  /** Declared input ports that have at least one edge. */
  connected: readonly string[];
  next: ReadonlyMap<string, readonly PlannedEdge[]>;
  /** Of one attempt; null: only the run's own time counts; undefined: the default. */
  timeoutMs: number | null | undefined;
};

/** A workflow compiled once and run many times. */
export type Plan = {
  workflowId: string;
  workflow: Workflow;
  steps: ReadonlyMap<string, PlannedStep>;
  /** Step ids by the names that expressions may use for them. */
  byName: ReadonlyMap<string, string>;
  /** Steps that start runs, but for those that are switched off. */
  triggers: readonly string[];
  /** Whether something leaving a step can still come to a port of another. */
  reaches(from: string, to: string, inPort: string): boolean;
};

/**
 * Compiles one workflow of a tree.
 *
 * @throws SluiceError workflow.not_found, step.type_unknown, expression.syntax, workflow.invalid
 */
export function compilePlan(tree: Tree, workflowId: string): Plan {
  const workflow = tree.workflows[workflowId];
  if (!workflow) throw new SluiceError('workflow.not_found', `There is no workflow ${workflowId} in this project.`);
  const edges = Object.keys(workflow.edges).map(parseEdge);
  const steps = new Map<string, PlannedStep>();
  for (const [id, step] of Object.entries(workflow.steps)) steps.set(id, planStep(id, step, edges));
  for (const { from, to } of edges) {
    const missing = [from, to].find((id) => !steps.has(id));
    if (missing) {
      throw new SluiceError(
        'workflow.invalid',
        `An edge of ${workflow.name} names the step ${missing}, which is not there.`,
        {
          advice: 'Remove the edge or add the step.',
        },
      );
    }
  }
  const triggers = [...steps.values()]
    .filter(({ type, step }) => isTrigger(type) && !step.disabled)
    .map((step) => step.id);
  const byName = new Map([...steps.values()].map(({ id, step }) => [step.name, id]));
  return { workflowId, workflow, steps, byName, triggers, reaches: reachability(steps) };
}

/** For a config without expressions, which looks at none. */
const NO_SCOPE = {} as Scope;

/** Whether a step type starts runs. */
export function isTrigger(type: StepType): boolean {
  return type.category === 'trigger';
}

function planStep(id: string, step: Step, edges: ReturnType<typeof parseEdge>[]): PlannedStep {
  const type = findStepType(step.uses, step.version);
  const written = compileStepConfig(id, step, type);
  const defaults = written.constant ? undefined : looseDefaults(step, type);
  const compiled = defaults ? filledConfig(step, type, defaults) : written;
  const declared = type.inputs ?? (isTrigger(type) ? [] : ['main']);
  const stray = edges.find(({ to, inPort }) => to === id && declared.length > 0 && !declared.includes(inPort));
  if (stray) {
    throw new SluiceError(
      'workflow.invalid',
      `An edge leads to ${id}.${stray.inPort}, and the step has no such input.`,
      {
        advice: `Let it lead to ${declared.map((port) => `${id}.${port}`).join(' or ')}.`,
        details: { stepId: id },
      },
    );
  }
  const next = new Map<string, PlannedEdge[]>();
  for (const edge of edges) {
    if (edge.from !== id) continue;
    const targets = next.get(edge.outPort) ?? [];
    targets.push({ to: edge.to, inPort: edge.inPort });
    next.set(edge.outPort, targets);
  }
  for (const targets of next.values()) targets.sort((a, b) => (a.to < b.to ? -1 : a.to > b.to ? 1 : 0));
  const constant = compiled.constant ? checkConfig(id, type, compiled.resolve(NO_SCOPE)) : undefined;
  const outputs = (typeof type.outputs === 'function' ? type.outputs(step.config) : type.outputs) ?? ['main'];
  return {
    id,
    step,
    type,
    config: compiled,
    constant,
    loose: defaults !== undefined,
    outputs,
    through: throughPort(type, outputs),
    connected: declared.filter((port) => edges.some((edge) => edge.to === id && edge.inPort === port)),
    next,
    timeoutMs: step.timeoutMs ?? type.timeoutMs,
  };
}

function throughPort(type: StepType, outputs: readonly string[]): string {
  if (outputs.includes('main')) return 'main';
  return type.control ? 'done' : (outputs[0] ?? 'main');
}

function compileStepConfig(id: string, step: Step, type: StepType): CompiledConfig {
  try {
    return compileConfig(step.config, (path) => isLiteralField(type.config, path));
  } catch (thrown) {
    if (!(thrown instanceof SluiceError)) throw thrown;
    throw new SluiceError(thrown.code, `Step ${id}: ${thrown.message}`, {
      details: { ...thrown.details, stepId: id },
      advice: thrown.advice,
    });
  }
}

function unwrap(schema: z.ZodType): z.ZodType {
  const inner = innerOf(schema);
  return inner ? unwrap(inner) : schema;
}

/**
 * Checks a resolved config against its step type.
 *
 * @throws SluiceError config.invalid with the field
 */
export function checkConfig(stepId: string, type: StepType, config: JsonObject): JsonObject {
  const result = type.config.safeParse(config);
  if (result.success) return result.data as JsonObject;
  const issue = result.error.issues[0];
  const field = issue?.path.map(String).join('.') ?? '';
  throw new SluiceError(
    'config.invalid',
    `Step ${stepId}: ${field || 'its config'} ${issue?.message ?? 'is not valid'}.`,
    {
      details: { stepId, field },
      advice: `Correct ${field ? `the field ${field}` : 'the config'} of the step; the form of ${type.title} shows what it takes.`,
    },
  );
}

/** The config without the fields that hold expressions, if none of those can be refused. */
function looseDefaults(step: Step, type: StepType): JsonObject | undefined {
  // A rule over the whole object may look at any field.
  if ((type.config.def.checks ?? []).length > 0) return undefined;
  const rest: JsonObject = {};
  for (const [key, value] of Object.entries(step.config)) {
    const field = (type.config.shape as Record<string, z.ZodType>)[key];
    const isOpen = !compileConfig({ [key]: value }, (path) => isLiteralField(type.config, path)).constant;
    if (!isOpen) rest[key] = value;
    else if (!field || !takesAnything(field, value)) return undefined;
  }
  const checked = type.config.safeParse(
    compileConfig(rest, (path) => isLiteralField(type.config, path)).resolve(NO_SCOPE),
  );
  return checked.success ? (checked.data as JsonObject) : undefined;
}

/** The config with what its step type fills in, which no expression can be. */
function filledConfig(step: Step, type: StepType, defaults: JsonObject): CompiledConfig {
  const isFilledIn = ([key = '']: readonly string[]) => !Object.hasOwn(step.config, key);
  return compileConfig(
    { ...defaults, ...step.config },
    (path) => isFilledIn(path) || isLiteralField(type.config, path),
  );
}

/** Whether nothing that the expressions in a field come to could be refused or changed. */
function takesAnything(field: z.ZodType, value: Json): boolean {
  const schema = unwrap(field);
  if (schema instanceof z.ZodUnknown) return true;
  // A field that is an expression as a whole could come to anything, so only its entries may be.
  return (
    schema instanceof z.ZodRecord &&
    isJsonObject(value) &&
    schema.valueType instanceof z.ZodUnknown &&
    schema.keyType instanceof z.ZodString &&
    (schema.keyType.def.checks ?? []).length === 0 &&
    (schema.def.checks ?? []).length === 0
  );
}

/** Every `step.port` that an arrow path from each step leads to, worked out once per step when first asked. */
function reachability(steps: ReadonlyMap<string, PlannedStep>): Plan['reaches'] {
  const known = new Map<string, Set<string>>();
  const from = (start: string): Set<string> => {
    const cached = known.get(start);
    if (cached) return cached;
    const found = new Set<string>();
    const seen = new Set([start]);
    const open = [start];
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      for (const targets of steps.get(id)?.next.values() ?? []) {
        for (const { to, inPort } of targets) {
          found.add(`${to}.${inPort}`);
          if (seen.has(to)) continue;
          seen.add(to);
          open.push(to);
        }
      }
    }
    known.set(start, found);
    return found;
  };
  return (start, to, inPort) => from(start).has(`${to}.${inPort}`);
}
