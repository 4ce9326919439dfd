import { rewriteReferences } from '../expression/references.ts';
import { newStepId } from '../ids.ts';
import { isJsonObject, type Json, type JsonObject } from '../json.ts';
import type { Edit } from './edit.ts';
import { edgeKey, parseEdge, type Step, type Workflow } from './tree.ts';

/** Steps that were copied, with the edges between them. */
export type Clip = Pick<Workflow, 'steps' | 'edges' | 'layout'>;

/** The chosen steps of a workflow, with the edges that run between two of them. */
export function copySteps(workflow: Workflow, stepIds: readonly string[]): Clip {
  const chosen = new Set(stepIds);
  const pick = <T>(all: Record<string, T>) => Object.fromEntries(Object.entries(all).filter(([id]) => chosen.has(id)));
  const edges = Object.fromEntries(
    Object.entries(workflow.edges).filter(([key]) => {
      const { from, to } = parseEdge(key);
      return chosen.has(from) && chosen.has(to);
    }),
  );
  return { steps: pick(workflow.steps), edges, layout: pick(workflow.layout) };
}

/**
 * The edit that pastes a clip: new ids, with edges and expressions among the pasted steps following them, and names
 * that are still free.
 *
 * @param by how far from their old places the steps are put
 * @param random returns a number in [0, 1)
 */
export function pasteEdit(
  workflowId: string,
  workflow: Workflow,
  clip: Clip,
  by: [number, number],
  random: () => number,
): Extract<Edit, { type: 'paste' }> {
  const ids = new Map<string, string>();
  const names = new Set(Object.values(workflow.steps).map((step) => step.name));
  for (const [old, step] of Object.entries(clip.steps)) {
    let id = newStepId(step.name, random);
    while (Object.hasOwn(workflow.steps, id) || [...ids.values()].includes(id)) id = newStepId(step.name, random);
    ids.set(old, id);
  }
  const renamed = (id: string) => ids.get(id) ?? id;
  const steps: Record<string, Step> = {};
  const layout: Record<string, [number, number]> = {};
  for (const [old, step] of Object.entries(clip.steps)) {
    let name = step.name === old ? renamed(old) : step.name;
    for (let n = 2; names.has(name); n++) name = `${step.name.slice(0, 110)} ${n}`;
    names.add(name);
    steps[renamed(old)] = { ...step, name, config: withReferences(step.config, renamed) as JsonObject };
    const place = clip.layout[old];
    if (place) layout[renamed(old)] = [place[0] + by[0], place[1] + by[1]];
  }
  const edges = Object.keys(clip.edges).map((key) => {
    const ends = parseEdge(key);
    return edgeKey({ ...ends, from: renamed(ends.from), to: renamed(ends.to) });
  });
  return { type: 'paste', workflowId, steps, edges, layout };
}

function withReferences(value: Json, rename: (id: string) => string): Json {
  if (typeof value === 'string') return value.includes('$(') ? rewriteReferences(value, rename) : value;
  if (Array.isArray(value)) return value.map((one) => withReferences(one, rename));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withReferences(one, rename)]));
}
