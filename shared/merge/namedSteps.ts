import { references } from '../expression/references.ts';
import { isJsonObject, type Json } from '../json.ts';
import type { Workflow } from '../workflow/tree.ts';

/** What the expressions in a value name as steps: ids, and names that people typed. */
export function stepsNamedIn(value: Json): Set<string> {
  const found = new Set<string>();
  const visit = (one: Json) => {
    if (typeof one === 'string') {
      if (one.includes('$(')) for (const ref of references(one).steps) found.add(ref);
    } else if (Array.isArray(one)) one.forEach(visit);
    else if (isJsonObject(one)) Object.values(one).forEach(visit);
  };
  visit(value);
  return found;
}

/** The steps that a reference may mean: the one with that id, else those with that name. */
export function meantSteps(steps: Workflow['steps'], ref: string): string[] {
  if (Object.hasOwn(steps, ref)) return [ref];
  return Object.keys(steps).filter((id) => steps[id]?.name === ref);
}
