import { type StepCatalog, stepTypeInfo } from '#shared/workflow/catalog.ts';
import type { Workflow } from '#shared/workflow/tree.ts';

type Steps = Workflow['steps'];
const NO_STEPS: Steps = {};

/** Many parts of the screen ask the same of all steps whenever anything changes; it is worked out once as long as none does. */
function onceFor<T>(make: (steps: Steps) => T): (workflow: Pick<Workflow, 'steps'> | undefined) => T {
  const known = new WeakMap<Steps, { made: T }>();
  return (workflow) => {
    const steps = workflow?.steps ?? NO_STEPS;
    const before = known.get(steps);
    if (before) return before.made;
    const made = make(steps);
    known.set(steps, { made });
    return made;
  };
}

export const stepIds = onceFor((steps) => Object.keys(steps));

/** The names of the steps, by id. */
export const stepNames = onceFor(
  (steps): Record<string, string> => Object.fromEntries(Object.entries(steps).map(([id, { name }]) => [id, name])),
);

const usedTypes = onceFor((steps) => Object.entries(steps).map(([id, { uses }]) => ({ id, uses })));

/** The steps that a run can begin with. */
export function triggerIds(catalog: StepCatalog, workflow: Workflow | undefined): string[] {
  return usedTypes(workflow)
    .filter(({ uses }) => stepTypeInfo(catalog, uses)?.trigger)
    .map(({ id }) => id);
}
