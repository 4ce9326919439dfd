import type { Json } from '../json.ts';
import { parseEdge, type Workflow } from '../workflow/tree.ts';
import { meantSteps, stepsNamedIn } from './namedSteps.ts';
import { sameJson } from './sameJson.ts';

/**
 * The steps that a workflow points at where it did not before: ends of new edges, and what changed steps name in their
 * expressions, by id or by name.
 */
export function newlyPointedAt(before: Workflow, after: Workflow): Set<string> {
  const found = new Set<string>();
  for (const key of Object.keys(after.edges)) {
    if (Object.hasOwn(before.edges, key)) continue;
    const { from, to } = parseEdge(key);
    found.add(from).add(to);
  }
  for (const [id, step] of Object.entries(after.steps)) {
    const old = Object.hasOwn(before.steps, id) ? before.steps[id] : undefined;
    if (old === step || (old && sameJson(old.config as Json, step.config as Json))) continue;
    const known = stepsNamedIn(old?.config ?? {});
    for (const ref of stepsNamedIn(step.config))
      if (!known.has(ref)) for (const one of meantSteps(after.steps, ref)) found.add(one);
  }
  return found;
}
