import type { Step, Workflow } from '../../workflow/tree.ts';
import { meantSteps, stepsNamedIn } from '../namedSteps.ts';
import type { Meeting } from './modelClient.fixture.ts';

/**
 * Expressions that name a step that is gone, though on each side that has the expression the step was there. A step that
 * is there under another name is not gone: checking the project finds that.
 */
export function brokenReferences({ theirs, ours, merged }: Meeting): string[] {
  return Object.entries(merged.workflows).flatMap(([workflowId, workflow]) => {
    const sides = [theirs, ours].map(({ workflows }) => workflows[workflowId]);
    return Object.entries(workflow.steps).flatMap(([stepId, step]) =>
      namesIn(step)
        .filter((ref) => meantSteps(workflow.steps, ref).length === 0)
        .filter((ref) => {
          const before = sides.flatMap((side) => (side && namesIn(side.steps[stepId]).includes(ref) ? [side] : []));
          return before.length > 0 && before.every((side) => isGone(side, workflow, ref));
        })
        .map((ref) => `${workflowId}: ${stepId} names ${ref}`),
    );
  });
}

/** A tree shares what was not changed, so most steps have been read before. */
const known = new WeakMap<Step['config'], string[]>();

function namesIn(step: Step | undefined): string[] {
  if (!step) return [];
  const names = known.get(step.config) ?? [...stepsNamedIn(step.config)];
  known.set(step.config, names);
  return names;
}

function isGone(side: Workflow, merged: Workflow, ref: string): boolean {
  const meant = meantSteps(side.steps, ref);
  return meant.length > 0 && !meant.some((stepId) => Object.hasOwn(merged.steps, stepId));
}
