import { SluiceError } from '#shared/error.ts';
import type { Problem } from '#shared/workflow/problem.ts';
import { parseEdge, type Tree, type Workflow } from '#shared/workflow/tree.ts';

/** How far a run goes: from its trigger, perhaps only from one step on, perhaps only up to one. */
export type RunBounds = { triggerStepId: string; fromStepId?: string; stopAfterStepId?: string };

/** The steps that a run can come to, with those before them whose outputs it takes or makes. */
export function stepsOfRun(workflow: Workflow, { triggerStepId, fromStepId, stopAfterStepId }: RunBounds): Set<string> {
  const reached = downstreamOf(workflow, triggerStepId).add(triggerStepId);
  if (fromStepId === undefined && stopAfterStepId === undefined) return reached;
  const wanted =
    stopAfterStepId === undefined
      ? downstreamOf(workflow, fromStepId ?? triggerStepId).add(fromStepId ?? triggerStepId)
      : new Set([stopAfterStepId]);
  for (const stepId of [...wanted]) for (const before of upstreamOf(workflow, stepId)) wanted.add(before);
  for (const stepId of wanted)
    if (!reached.has(stepId) && stepId !== fromStepId && stepId !== stopAfterStepId) wanted.delete(stepId);
  return wanted.add(triggerStepId);
}

/**
 * The tree that a run is made of. A run of a part has only that part, so that a branch beside it does nothing; the run of
 * a whole workflow leaves out what it cannot come to and could not read: a half-built step off the path stops nobody.
 *
 * @throws SluiceError workflow.invalid where a step that the run can come to has an error, or the workflow itself
 */
export function treeOfRun(tree: Tree, workflowId: string, bounds: RunBounds, problems: readonly Problem[]): Tree {
  const workflow = tree.workflows[workflowId];
  if (!workflow) return tree;
  const steps = stepsOfRun(workflow, bounds);
  const errors = problems.filter(
    (problem) => problem.severity === 'error' && (problem.workflowId ?? workflowId) === workflowId,
  );
  refuse(errors.find(({ stepId }) => stepId === undefined || steps.has(stepId)));
  const broken = new Set(errors.map(({ stepId }) => stepId));
  const partial = bounds.fromStepId !== undefined || bounds.stopAfterStepId !== undefined;
  const kept = (stepId: string) => steps.has(stepId) || (!partial && !broken.has(stepId));
  if (Object.keys(workflow.steps).every(kept)) return tree;
  const part: Workflow = {
    ...workflow,
    steps: Object.fromEntries(Object.entries(workflow.steps).filter(([stepId]) => kept(stepId))),
    edges: Object.fromEntries(
      Object.entries(workflow.edges).filter(([key]) => kept(parseEdge(key).from) && kept(parseEdge(key).to)),
    ),
  };
  return { ...tree, workflows: { ...tree.workflows, [workflowId]: part } };
}

/** Every step that something can flow from into this one. */
export function upstreamOf(workflow: Workflow, stepId: string): Set<string> {
  return follow(workflow, stepId, 'from');
}

function downstreamOf(workflow: Workflow, stepId: string): Set<string> {
  return follow(workflow, stepId, 'to');
}

/** All steps behind the arrows that leave a step, or before those that come to it; not itself. */
function follow(workflow: Workflow, stepId: string, end: 'from' | 'to'): Set<string> {
  const beside = new Map<string, string[]>();
  for (const { from, to } of Object.keys(workflow.edges).map(parseEdge)) {
    const [here, there] = end === 'to' ? [from, to] : [to, from];
    beside.set(here, [...(beside.get(here) ?? []), there]);
  }
  const found = new Set<string>();
  const next = [stepId];
  for (let at = next.pop(); at !== undefined; at = next.pop()) {
    for (const other of beside.get(at) ?? []) {
      if (other === stepId || found.has(other)) continue;
      found.add(other);
      next.push(other);
    }
  }
  return found;
}

function refuse(problem: Problem | undefined): void {
  if (!problem) return;
  const { file, line, message, advice, stepId } = problem;
  throw new SluiceError('workflow.invalid', `${file}:${line}: ${message}`, {
    advice,
    details: { file, line, ...(stepId === undefined ? {} : { stepId }) },
  });
}
