import { DEFAULT_SETTINGS, type Step, type Tree, type Workflow } from '#shared/workflow/tree.ts';

const EMPTY = { scripts: {}, machines: {}, environments: {}, connections: {}, tests: {}, pins: {} };

function stepOf(name: string, i: number): Step {
  const fields = { n: 0, text: `{{ $json.field${i} }}`, more: `invoice ${i} of the month ${i % 12}` };
  return {
    ...{ uses: i === 0 ? 'trigger.manual' : 'items.set', version: 1, name: `${name} ${i}` },
    ...{ config: i === 0 ? {} : { fields }, onError: 'stop', mode: 'each' },
  };
}

/** A chain of steps that look as steps do. */
function chain(name: string, steps: number): Workflow {
  const ids = Array.from({ length: steps }, (_, i) => `s${i}`);
  return {
    slug: name.toLowerCase(),
    name,
    settings: DEFAULT_SETTINGS,
    steps: Object.fromEntries(ids.map((id, i) => [id, stepOf(name, i)])),
    edges: Object.fromEntries(ids.slice(1).map((id, i) => [`s${i}.main->${id}.main`, {}])),
    layout: Object.fromEntries(ids.map((id, i) => [id, [i * 200, 0]])),
  };
}

/** A project whose workflows are chains of so many steps, by id. */
export function projectOf(id: string, name: string, workflows: Record<string, [name: string, steps: number]>): Tree {
  return {
    project: { id, name, format: 1 },
    ...EMPTY,
    workflows: Object.fromEntries(
      Object.entries(workflows).map(([workflowId, [title, steps]]) => [workflowId, chain(title, steps)]),
    ),
  };
}

/** The same with one field of one step changed. */
export function withField(tree: Tree, workflowId: string, stepId: string, n: number): Tree {
  const workflow = tree.workflows[workflowId];
  const step = workflow?.steps[stepId];
  if (!workflow || !step) throw new Error(`There is no step ${stepId}.`);
  const config = { ...step.config, fields: { ...(step.config.fields as object), n } };
  const steps = { ...workflow.steps, [stepId]: { ...step, config } };
  return { ...tree, workflows: { ...tree.workflows, [workflowId]: { ...workflow, steps } } };
}
