import { isJsonObject, type Json } from '#shared/json.ts';
import type { Step, Tree, Workflow } from '#shared/workflow/tree.ts';

export type TriggerPlace = { workflowId: string; stepId: string };
export type TriggerStep = TriggerPlace & { workflow: Workflow; step: Step };

/** The enabled steps of one type in a whole version, in a fixed order. */
export function stepsOfType(tree: Tree, uses: string): TriggerStep[] {
  return Object.entries(tree.workflows).flatMap(([workflowId, workflow]) =>
    Object.entries(workflow.steps).flatMap(([stepId, step]) =>
      step.uses === uses && !step.disabled ? [{ workflowId, stepId, workflow, step }] : [],
    ),
  );
}

/** The types of triggers that are called from outside, each at an address. */
const CALLED = ['trigger.webhook', 'trigger.route', 'trigger.form'];

/** The enabled triggers of a whole version that are called from outside. */
export function calledTriggers(tree: Tree): TriggerStep[] {
  return CALLED.flatMap((uses) => stepsOfType(tree, uses));
}

/** The trigger a person or a program starts: the one named, else the manual one, else the only one. */
export function startingStep(workflow: Workflow, stepId?: string): string | undefined {
  const triggers = Object.entries(workflow.steps).filter(
    ([, step]) => step.uses.startsWith('trigger.') && !step.disabled,
  );
  if (stepId !== undefined) return triggers.some(([id]) => id === stepId) ? stepId : undefined;
  const manual = triggers.find(([, step]) => step.uses === 'trigger.manual');
  return manual?.[0] ?? (triggers.length === 1 ? triggers[0]?.[0] : undefined);
}

/**
 * The connections that runs of one workflow may need: those its steps name, and those of the workflows it calls. A call
 * whose target is only known while running may reach any workflow of the version.
 */
export function connectionsOf(tree: Tree, workflowId: string): string[] {
  const seen = new Set<string>();
  const names = new Set<string>();
  const visit = (id: string) => {
    const workflow = Object.hasOwn(tree.workflows, id) ? tree.workflows[id] : undefined;
    if (!workflow || seen.has(id)) return;
    seen.add(id);
    for (const step of Object.values(workflow.steps)) {
      if (step.connection !== undefined) names.add(step.connection);
      if (step.uses === 'flow.runWorkflow') for (const called of calledBy(tree, step)) visit(called);
    }
  };
  visit(workflowId);
  return [...names].sort();
}

function calledBy(tree: Tree, step: Step): string[] {
  const ids = Object.keys(tree.workflows);
  const named = new Set(textsIn(step.config));
  const called = ids.filter((id) => named.has(id) || named.has(tree.workflows[id]?.slug ?? id));
  return called.length > 0 ? called : ids;
}

function textsIn(value: Json): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  return isJsonObject(value) ? Object.values(value).flatMap(textsIn) : [];
}
