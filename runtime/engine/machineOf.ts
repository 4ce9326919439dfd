import { SluiceError } from '#shared/error.ts';
import { parse } from '#shared/parse.ts';
import { Machine } from '#shared/workflow/machine.ts';
import type { Tree } from '#shared/workflow/tree.ts';

type Known = { definition: Machine; listeners: { workflowId: string; triggerStepId: string }[] };

const known = new WeakMap<Tree, Map<string, Known>>();

/**
 * A state machine of a version, checked once, and the triggers that hear of its time-outs.
 *
 * @throws SluiceError machine.not_found, config.invalid
 */
export function machineOf(tree: Tree, slug: string): Known {
  const machines = known.get(tree) ?? new Map<string, Known>();
  known.set(tree, machines);
  const before = machines.get(slug);
  if (before) return before;
  const raw = Object.hasOwn(tree.machines, slug) ? tree.machines[slug] : undefined;
  if (raw === undefined) {
    throw new SluiceError('machine.not_found', `The project has no state machine ${slug}.`, {
      advice: `It has ${Object.keys(tree.machines).join(', ') || 'none'}. Machines stand in machines/<name>.yaml.`,
    });
  }
  const made = {
    definition: parse(Machine, raw, `The machine ${slug}`, 'config.invalid'),
    listeners: listenersOf(tree, slug),
  };
  machines.set(slug, made);
  return made;
}

function listenersOf(tree: Tree, slug: string): Known['listeners'] {
  return Object.entries(tree.workflows).flatMap(([workflowId, { steps }]) =>
    Object.entries(steps)
      .filter(([, step]) => step.uses === 'trigger.machine' && step.config.machine === slug && !step.disabled)
      .map(([triggerStepId]) => ({ workflowId, triggerStepId })),
  );
}
