import type { LocalControl, NewRun } from '#runtime/agent/localControl.ts';
import type { BoundConnection } from '#shared/contract/agentApi.ts';
import { SluiceError } from '#shared/error.ts';
import { isJsonObject } from '#shared/json.ts';
import type { RunEvent } from '#shared/run/events.ts';
import { itemCount } from '#shared/run/foldRun.ts';
import { recordedStillValid } from '#shared/run/recorded.ts';
import type { Problem } from '#shared/workflow/problem.ts';
import { type Item, parseEdge, type Tree, type Workflow } from '#shared/workflow/tree.ts';
import { treeOfRun, upstreamOf } from './runPart.ts';

export type RunWish = {
  workflowId: string;
  triggerStepId?: string;
  items?: Item[];
  fromStepId?: string;
  stopAfterStepId?: string;
  basedOn?: string;
  environment: string;
};

export type NewRunDeps = {
  /** The items pinned to a step; none where nothing is pinned. */
  pinned(workflowId: string, stepId: string): Item[];
  /** What was found wrong with the project. */
  problems: readonly Problem[];
  runs: Pick<LocalControl, 'earlier' | 'items'>;
};

/**
 * Puts together a run on this computer: its trigger, its variables, and for a part of a workflow what
 * earlier steps gave before.
 *
 * @throws SluiceError workflow.not_found, workflow.invalid, step.not_found, environment.not_found, run.not_found,
 *   request.invalid
 */
export async function newRun(tree: Tree, wish: RunWish, deps: NewRunDeps): Promise<NewRun> {
  const { workflowId, fromStepId, stopAfterStepId } = wish;
  const workflow = Object.hasOwn(tree.workflows, workflowId) ? tree.workflows[workflowId] : undefined;
  if (!workflow) throw new SluiceError('workflow.not_found', 'There is no such workflow in the project.');
  for (const stepId of [wish.triggerStepId, fromStepId, stopAfterStepId])
    if (stepId !== undefined) stepOf(workflow, stepId);

  const earlier = wish.basedOn === undefined ? undefined : await earlierRun(wish.basedOn, workflowId, deps);
  const triggerStepId = wish.triggerStepId ?? earlier?.triggerStepId ?? defaultTrigger(workflow);
  const part = treeOfRun(tree, workflowId, { ...wish, triggerStepId }, deps.problems);
  const given = pinnedOutputs(tree, workflowId, deps);
  const environment = environmentOf(tree, wish.environment);
  let recorded: RunEvent[] = [];
  if (fromStepId !== undefined) {
    delete given[fromStepId];
    if (earlier) {
      // A pin wins over what was recorded: it is what the person wants the step to have given.
      const from = [fromStepId, ...Object.keys(given)];
      const { events, tree: before } = earlier;
      const holds = recordedStillValid({
        events,
        before,
        now: tree,
        workflowId,
        from,
        vars: { now: environment.vars },
      });
      const kept = part.workflows[workflowId]?.steps ?? {};
      recorded = holds.filter((event) => Object.hasOwn(kept, topStepOf(event)));
    } else for (const stepId of upstreamOf(workflow, fromStepId)) given[stepId] ??= {};
    refuseGaps({ workflow, stepId: fromStepId, triggerStepId, given, recorded, earlier });
  }
  const partial = Object.keys(given).length > 0 || stopAfterStepId !== undefined;
  return {
    projectId: tree.project.id,
    workflowId,
    workflowName: workflow.name,
    tree: part,
    environment,
    triggerStepId,
    trigger: 'manual',
    items: wish.items ?? earlier?.items ?? sampleOf(workflow, triggerStepId),
    ...(partial
      ? { partial: { given, ...(stopAfterStepId === undefined ? {} : { stopAfter: stopAfterStepId }) } }
      : {}),
    ...(recorded.length > 0 && wish.basedOn !== undefined ? { recorded, retryOf: wish.basedOn } : {}),
  };
}

/** The manual trigger, else the only one. @throws SluiceError request.invalid where there are several */
function defaultTrigger(workflow: Workflow): string {
  const triggers = Object.entries(workflow.steps).filter(
    ([, step]) => step.uses.startsWith('trigger.') && !step.disabled,
  );
  const manual = triggers.find(([, step]) => step.uses === 'trigger.manual');
  const [only, ...others] = triggers;
  if (manual) return manual[0];
  if (only && others.length === 0) return only[0];
  const names = triggers.map(([stepId]) => stepId).join(', ');
  throw new SluiceError(
    'request.invalid',
    `"${workflow.name}" has ${triggers.length} triggers and none of them is manual.`,
    {
      advice: names ? `Name the one to start: ${names}.` : 'Add a trigger to the workflow.',
    },
  );
}

export function environmentOf(tree: Tree, name: string): NewRun['environment'] {
  if (Object.hasOwn(tree.environments, name)) return { name, vars: tree.environments[name]?.vars ?? {} };
  // A project without any file of variables runs here as well.
  if (name === 'local') return { name, vars: {} };
  const names = Object.keys(tree.environments).join(', ');
  throw new SluiceError('environment.not_found', `The project has no environment "${name}".`, {
    advice: names ? `It has ${names}.` : `Make environments/${name}.yaml.`,
  });
}

/** The connections of a project that are set up here, by the name the project uses. */
export function connectionsOf(
  tree: Tree,
  names: string[],
  environment: string,
  secret: (record: string) => BoundConnection | undefined,
): Record<string, BoundConnection> {
  const found: Record<string, BoundConnection> = {};
  for (const name of names) {
    const bound = secret(recordName(tree, name, environment));
    if (bound) found[name] = bound;
  }
  return found;
}

/** The connection record that a name stands for in an environment. */
export function recordName(tree: Tree, connection: string, environment: string): string {
  return tree.environments[environment]?.bindings[connection] ?? connection;
}

type Outputs = Record<string, Record<string, Item[]>>;

type Earlier = { triggerStepId: string; items: Item[]; events: readonly RunEvent[]; tree: Tree };

async function earlierRun(runId: string, workflowId: string, { runs }: NewRunDeps): Promise<Earlier> {
  const found = runs.earlier(runId);
  if (!found || found.run.workflowId !== workflowId) {
    throw new SluiceError('run.not_found', 'The run to go on from is not there any more.', {
      advice: 'Run the workflow from its start once.',
    });
  }
  const { run, events, tree } = found;
  const input = events.find((event) => event.type === 'run.started')?.input;
  const items = input === undefined ? [] : 'items' in input ? input.items : await runs.items(input.blob);
  return { triggerStepId: run.triggerStepId, items, events, tree };
}

/** The step of the workflow itself that an event belongs to. */
function topStepOf(event: RunEvent): string {
  const call = event.path?.[0];
  if (call !== undefined) return call.slice(0, call.lastIndexOf(':'));
  return 'stepId' in event ? (event.stepId ?? '') : '';
}

function pinnedOutputs(tree: Tree, workflowId: string, { pinned }: NewRunDeps): Outputs {
  const given: Outputs = {};
  for (const stepId of Object.keys(tree.pins[workflowId] ?? {})) given[stepId] = { main: pinned(workflowId, stepId) };
  return given;
}

/** Refuses a run from a step that nothing can come to. What ran before and does not hold any more runs again. */
function refuseGaps(about: {
  workflow: Workflow;
  stepId: string;
  triggerStepId: string;
  given: Outputs;
  recorded: readonly RunEvent[];
  earlier: Earlier | undefined;
}): void {
  const { workflow, stepId, triggerStepId, given, recorded, earlier } = about;
  const before = Object.keys(workflow.edges)
    .map(parseEdge)
    .filter(({ to, from }) => to === stepId && from !== stepId);
  const gave = (events: readonly RunEvent[], from: string, port?: string) =>
    events.some(
      (event) =>
        event.type === 'step.succeeded' &&
        event.stepId === from &&
        !event.path?.length &&
        Object.entries(event.outputs).some(([out, payload]) => (port ?? out) === out && itemCount(payload) > 0),
    );
  const arrives = before.some(({ from, outPort }) => {
    if (given[from]) return (given[from][outPort]?.length ?? 0) > 0;
    // A loop gives its batches before it ends.
    if (earlier && (from === triggerStepId || outPort === 'loop')) return true;
    if (gave(recorded, from)) return gave(recorded, from, outPort);
    return gave(earlier?.events ?? [], from);
  });
  if (arrives || before.length === 0) return;
  const message = earlier
    ? `In that run nothing reached "${stepId}".`
    : `Nothing is known of what reaches "${stepId}".`;
  throw new SluiceError('request.invalid', message, {
    advice: 'Run the workflow from its start once, or pin items to the step before.',
  });
}

function stepOf(workflow: Workflow, stepId: string): void {
  if (Object.hasOwn(workflow.steps, stepId)) return;
  throw new SluiceError('step.not_found', `"${workflow.name}" has no step "${stepId}".`, {
    advice: `It has ${Object.keys(workflow.steps).join(', ')}.`,
  });
}

/** What a run that is given nothing begins with: the sample items of its manual trigger, else one empty item. */
function sampleOf(workflow: Workflow, stepId: string): Item[] {
  const step = workflow.steps[stepId];
  const sample = step?.uses === 'trigger.manual' && Array.isArray(step.config.items) ? step.config.items : [];
  const items = sample.filter(isJsonObject).map((json): Item => ({ json }));
  return items.length > 0 ? items : [{ json: {} }];
}
