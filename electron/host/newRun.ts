import type { LocalControl, NewRun } from '#runtime/agent/localControl.ts';
import type { BoundConnection } from '#shared/contract/agentApi.ts';
import { SluiceError } from '#shared/error.ts';
import { isJsonObject } from '#shared/json.ts';
import type { Payload } from '#shared/run/events.ts';
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
  runs: Pick<LocalControl, 'get' | 'items'>;
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
  if (fromStepId !== undefined) {
    const before = upstreamOf(workflow, fromStepId);
    // A pin wins over what was recorded: it is what the person wants the step to have given.
    for (const stepId of before) given[stepId] ??= earlier?.outputs[stepId] ?? {};
    delete given[fromStepId];
    refuseGaps(workflow, fromStepId, given, earlier !== undefined);
  }
  const partial = Object.keys(given).length > 0 || stopAfterStepId !== undefined;
  return {
    projectId: tree.project.id,
    workflowId,
    workflowName: workflow.name,
    tree: part,
    environment: environmentOf(tree, wish.environment),
    triggerStepId,
    trigger: 'manual',
    items: wish.items ?? earlier?.items ?? sampleOf(workflow, triggerStepId),
    ...(partial
      ? { partial: { given, ...(stopAfterStepId === undefined ? {} : { stopAfter: stopAfterStepId }) } }
      : {}),
  };
}

/** The manual trigger, else the only one. @throws SluiceError request.invalid where there are several */
export function defaultTrigger(workflow: Workflow): string {
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

async function earlierRun(runId: string, workflowId: string, { runs }: NewRunDeps) {
  const found = runs.get(runId);
  if (!found || found.run.workflowId !== workflowId) {
    throw new SluiceError('run.not_found', 'The run to go on from is not there any more.', {
      advice: 'Run the workflow from its start once.',
    });
  }
  const itemsOf = async (payload: Payload) => ('items' in payload ? payload.items : runs.items(payload.blob));
  const outputs: Outputs = {};
  let items: Item[] = [];
  for (const event of found.events) {
    if (event.path?.length) continue;
    if (event.type === 'run.started') items = await itemsOf(event.input);
    if (event.type !== 'step.succeeded') continue;
    const ports: Record<string, Item[]> = {};
    for (const [port, payload] of Object.entries(event.outputs)) ports[port] = await itemsOf(payload);
    outputs[event.stepId] = ports;
  }
  return { triggerStepId: found.run.triggerStepId, items, outputs };
}

function pinnedOutputs(tree: Tree, workflowId: string, { pinned }: NewRunDeps): Outputs {
  const given: Outputs = {};
  for (const stepId of Object.keys(tree.pins[workflowId] ?? {})) given[stepId] = { main: pinned(workflowId, stepId) };
  return given;
}

function refuseGaps(workflow: Workflow, stepId: string, given: Outputs, hasEarlier: boolean): void {
  const before = Object.keys(workflow.edges)
    .map(parseEdge)
    .filter(({ to, from }) => to === stepId && from !== stepId);
  const arrives = before.some(({ from, outPort }) => (given[from]?.[outPort]?.length ?? 0) > 0);
  if (arrives || before.length === 0) return;
  const message = hasEarlier
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
