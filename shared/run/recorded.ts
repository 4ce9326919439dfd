import { isJsonObject, type Json, type JsonObject } from '../json.ts';
import { flatHash } from '../workflow/hash.ts';
import { parseEdge, type Step, type Tree, type Workflow } from '../workflow/tree.ts';
import type { EventOf, RunEvent } from './events.ts';

export type RecordedQuestion = {
  /** The journal of the earlier run, whole. */
  events: readonly RunEvent[];
  /** The version that it ran. */
  before: Tree;
  /** The version that is to run now. */
  now: Tree;
  workflowId: string;
  /** Steps that are to run again whatever was recorded, with everything behind them. */
  from?: string | readonly string[];
  /** The environment's variables then (absent: as the journal says) and now (absent: the same). */
  vars?: { before?: JsonObject; now?: JsonObject };
};

/**
 * What of an earlier run's journal still holds: the step runs, with their effects, of every step that would be given the
 * same and would do the same. A step counts as changed when its type, config, connection, mode, error handling, the scripts
 * and variables it names or the edges into it changed, or a step before it did. Step runs that failed or did not end keep
 * what came of their effects and are tried again. Of a workflow that a step called the same holds within.
 *
 * The events come in their order and as they were; the run that takes them over gives them numbers of its own.
 */
export function recordedStillValid(question: RecordedQuestion): RunEvent[] {
  const { events, workflowId, from = [] } = question;
  const started = events.find((event) => event.type === 'run.started');
  const seeds = typeof from === 'string' ? [from] : from;
  const varsBefore = question.vars?.before ?? started?.vars ?? {};
  const varsNow = question.vars?.now ?? varsBefore;
  const before = createVersion(question.before, varsBefore);
  const now = createVersion(question.now, varsNow);
  const changes = createChanges(before, now);
  const top = changes.of(workflowId, seeds, started?.triggerStepId);

  /** What changed in the workflow that a path leads to; undefined where the call itself does not hold. */
  function changesAt(path: readonly string[]): Changes | undefined {
    let at: Changes | undefined = top;
    for (const call of path) {
      const stepId = call.slice(0, call.lastIndexOf(':'));
      if (!at || at.invalid.has(stepId)) return undefined;
      const called: string | undefined = now.called(at.workflowId, stepId);
      at = called === undefined ? undefined : changes.of(called, []);
    }
    return at;
  }

  const kept: RunEvent[] = [];
  const fatal = fatalFailures(events);
  for (const event of events) {
    // A step that was tried again called its workflow anew: what the first call did is over.
    if (event.type === 'step.failed' && event.retryAt !== undefined) forget(kept, event);
    if (!isStepEvent(event) || fatal.has(event)) continue;
    const at = changesAt(event.path ?? []);
    if (!at || at.invalid.has(event.stepId)) continue;
    if (event.type === 'step.succeeded' && at.reopened.has(event.stepId)) continue;
    kept.push(event);
  }
  return kept;
}

/**
 * Whether all that the earlier run did still holds. Only then may effects have its idempotency keys: under the key of
 * something else a receiver would take what is sent for that, and drop it.
 */
export function wholeStillValid(question: RecordedQuestion): boolean {
  const { before, from = [] } = question;
  if (from.length > 0) return false;
  const all = recordedStillValid({ ...question, now: before, vars: { ...question.vars, now: question.vars?.before } });
  return recordedStillValid(question).length === all.length;
}

type StepEvent = EventOf<
  'step.attempted' | 'step.succeeded' | 'step.failed' | 'step.skipped' | 'effect.intended' | 'effect.recorded'
>;

function isStepEvent(event: RunEvent): event is StepEvent {
  // Tries that failed count no more.
  if (event.type === 'step.failed') return event.retryAt === undefined;
  return event.type.startsWith('step.') || event.type.startsWith('effect.');
}

/** The failures that ended the run, there and in the workflows it called. Any other was caught, and is what happened. */
function fatalFailures(events: readonly RunEvent[]): ReadonlySet<RunEvent> {
  const ended = events.findLast((event) => event.type === 'run.ended');
  const fatal = new Set<RunEvent>();
  if (ended?.status !== 'failed') return fatal;
  const failures = events.filter(
    (event): event is EventOf<'step.failed'> => event.type === 'step.failed' && event.retryAt === undefined,
  );
  const at = (place: string) => failures.filter(({ path = [] }) => path.join('/') === place);
  const end = (failed: EventOf<'step.failed'> | undefined): void => {
    if (!failed) return;
    fatal.add(failed);
    end(at(placeOf(failed)).at(-1));
  };
  const first = at('').findLast(({ stepId }) => stepId === ended.error?.stepId);
  // Branches beside it may have failed before the run stopped.
  for (const failed of at('')) if (first && failed.seq >= first.seq) end(failed);
  return fatal;
}

const placeOf = ({ path = [], stepId, iteration }: { path?: string[]; stepId: string; iteration: number }) =>
  [...path, `${stepId}:${iteration}`].join('/');

function forget(kept: RunEvent[], failed: { path?: string[]; stepId: string; iteration: number }): void {
  const place = placeOf(failed);
  const isInner = ({ path = [] }: RunEvent) => path.join('/') === place || path.join('/').startsWith(`${place}/`);
  for (let index = kept.length - 1; index >= 0; index--) if (isInner(kept[index] as RunEvent)) kept.splice(index, 1);
}

type Changes = {
  workflowId: string;
  /** Steps of which nothing holds. */
  invalid: Set<string>;
  /** Steps that called a workflow in which something changed: they go on within it. */
  reopened: Set<string>;
};

function createChanges(before: Version, now: Version) {
  const known = new Map<string, Changes>();

  function of(workflowId: string, seeds: readonly string[], triggerStepId?: string): Changes {
    const cached = known.get(workflowId);
    if (cached && seeds.length === 0) return cached;
    const changes: Changes = { workflowId, invalid: new Set(), reopened: new Set() };
    // A workflow that calls itself is looked at once.
    known.set(workflowId, changes);
    const workflow = now.tree.workflows[workflowId];
    const was = before.tree.workflows[workflowId];
    if (!workflow || !was) {
      for (const stepId of Object.keys(was?.steps ?? {})) changes.invalid.add(stepId);
      return changes;
    }
    const reached = new Set([...reachedFrom(was, triggerStepId), ...reachedFrom(workflow, triggerStepId)]);
    const changed = new Set(seeds);
    for (const stepId of new Set([...Object.keys(was.steps), ...Object.keys(workflow.steps)])) {
      if (before.dependsOn(workflowId, stepId, reached) !== now.dependsOn(workflowId, stepId, reached))
        changed.add(stepId);
    }
    for (const stepId of changed) changes.invalid.add(stepId);
    for (const stepId of behind(workflow, changed)) changes.invalid.add(stepId);
    for (const stepId of Object.keys(workflow.steps)) {
      const called = now.called(workflowId, stepId);
      if (called === undefined || changes.invalid.has(stepId)) continue;
      const inner = of(called, []);
      if (inner.invalid.size > 0 || inner.reopened.size > 0) changes.reopened.add(stepId);
    }
    for (const stepId of behind(workflow, changes.reopened)) changes.invalid.add(stepId);
    return changes;
  }

  return { of };
}

type Version = ReturnType<typeof createVersion>;

/** One version with its variables: what each step's outcome depends on. */
function createVersion(tree: Tree, vars: JsonObject) {
  const bySlug = new Map(Object.entries(tree.workflows).map(([id, { slug }]) => [slug, id]));
  return {
    tree,
    /** The workflow that a step runs inside its run. */
    called(workflowId: string, stepId: string): string | undefined {
      const step = tree.workflows[workflowId]?.steps[stepId];
      if (step?.uses !== 'flow.runWorkflow' || step.config.wait === false) return undefined;
      const name = step.config.workflow;
      if (typeof name !== 'string') return undefined;
      return Object.hasOwn(tree.workflows, name) ? name : bySlug.get(name);
    },
    /** A hash of everything that a step's outcome depends on, but for the steps before it. */
    dependsOn(workflowId: string, stepId: string, reached: ReadonlySet<string>): string | undefined {
      const workflow = tree.workflows[workflowId];
      const step = workflow?.steps[stepId];
      if (!workflow || !step) return undefined;
      // A trigger gives what the run was begun with.
      if (step.uses.startsWith('trigger.')) return 'trigger';
      const texts = textsOf(step.config);
      const scripts = scriptsOf(tree, texts);
      const named = variablesOf([...texts, ...Object.values(scripts)], vars);
      const into = Object.keys(workflow.edges).filter((key) => {
        const { from, to } = parseEdge(key);
        return to === stepId && reached.has(from);
      });
      return flatHash({
        step: ownFields(step),
        scripts,
        vars: named,
        into: into.sort(),
        timezone: workflow.settings.timezone ?? null,
      });
    },
  };
}

function ownFields({ uses, version, config, connection, onError, mode, disabled }: Step): JsonObject {
  return {
    ...{ uses, version, config, onError, mode },
    connection: connection ?? null,
    disabled: disabled ?? false,
  };
}

function textsOf(value: Json, into: string[] = []): string[] {
  if (typeof value === 'string') into.push(value);
  else if (Array.isArray(value)) for (const one of value) textsOf(one, into);
  else if (isJsonObject(value)) for (const one of Object.values(value)) textsOf(one, into);
  return into;
}

/** The scripts that texts name, and those that they name in turn. */
function scriptsOf(tree: Tree, texts: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  const open = [...texts];
  for (let text = open.pop(); text !== undefined; text = open.pop()) {
    for (const [path, script] of Object.entries(tree.scripts)) {
      if (Object.hasOwn(found, path)) continue;
      const name = path.slice(path.lastIndexOf('/') + 1);
      if (!text.includes(path) && !text.includes(name)) continue;
      found[path] = script;
      open.push(script);
    }
  }
  return found;
}

const VARIABLE = /(?:\$env|\$vars|\benv)\b(?:\s*\??\.\s*([A-Za-z_$][\w$]*)|\s*(?:\?\.)?\[\s*(['"])([^'"]+)\2\s*\])?/g;

/** The values of the variables that texts name; all of them where one names them as a whole. */
function variablesOf(texts: readonly string[], vars: JsonObject): JsonObject {
  const found: JsonObject = {};
  for (const text of texts) {
    for (const [, dotted, , quoted] of text.matchAll(VARIABLE)) {
      const name = dotted ?? quoted;
      if (name === undefined) return vars;
      found[name] = (Object.hasOwn(vars, name) ? vars[name] : undefined) ?? null;
    }
  }
  return found;
}

/** Every step that something can flow into from the steps given, or that names one of them in an expression. */
function behind(workflow: Workflow, from: ReadonlySet<string>): Set<string> {
  const next = new Map<string, string[]>();
  const add = (before: string, after: string) => next.set(before, [...(next.get(before) ?? []), after]);
  for (const { from: before, to } of Object.keys(workflow.edges).map(parseEdge)) add(before, to);
  const ids = new Map(Object.entries(workflow.steps).map(([stepId, { name }]) => [name, stepId]));
  for (const [stepId, step] of Object.entries(workflow.steps)) {
    for (const text of textsOf(step.config)) {
      for (const [, , ref = ''] of text.matchAll(/(?:\$|\bstep)\(\s*(['"`])([^'"`]{1,120})\1\s*\)/g)) {
        const named = Object.hasOwn(workflow.steps, ref) ? ref : ids.get(ref);
        if (named !== undefined) add(named, stepId);
      }
    }
  }
  return follow([...from], next);
}

/** The steps that a run from a trigger can come to; of a workflow that is called, all. */
function reachedFrom(workflow: Workflow, triggerStepId: string | undefined): Set<string> {
  if (triggerStepId === undefined) return new Set(Object.keys(workflow.steps));
  const next = new Map<string, string[]>();
  for (const { from, to } of Object.keys(workflow.edges).map(parseEdge))
    next.set(from, [...(next.get(from) ?? []), to]);
  return follow([triggerStepId], next).add(triggerStepId);
}

function follow(from: readonly string[], next: ReadonlyMap<string, readonly string[]>): Set<string> {
  const found = new Set<string>();
  const open = [...from];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    for (const other of next.get(at) ?? []) {
      if (found.has(other)) continue;
      found.add(other);
      open.push(other);
    }
  }
  return found;
}
