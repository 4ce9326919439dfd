import { rewriteReferences } from '../expression/references.ts';
import { isJsonObject, type Json, type JsonObject } from '../json.ts';
import { canonicalText, sha256Hex } from '../workflow/hash.ts';
import { type Case, edgeKey, parseEdge, type Step, type Tree, type Workflow } from '../workflow/tree.ts';
import type { Conflict } from './conflict.ts';
import { conflictAt } from './mergeValue.ts';
import { sameJson, type Value } from './sameJson.ts';
import type { Trees } from './trees.ts';

type NewIds = ReadonlyMap<string, string>;

/**
 * Two steps of different types that were given one id are two steps: ours gets another id, and our edges, places, pins,
 * expressions and tests follow it (sync.md 2; of one type they are one step with two answers, trap 8). The id follows from
 * what the step is, so that merging again gives the same.
 */
export function renameAdded({ base, theirs, ours }: Trees, conflicts: Conflict[]): Trees {
  let next = ours;
  for (const [workflowId, mine] of Object.entries(ours.workflows)) {
    const there = theirs.workflows[workflowId];
    if (!there || there === mine) continue;
    const before = base.workflows[workflowId];
    const ids = new Map<string, string>();
    for (const [id, step] of Object.entries(mine.steps)) {
      const other = Object.hasOwn(there.steps, id) ? there.steps[id] : undefined;
      if (!other || other.uses === step.uses || (before && Object.hasOwn(before.steps, id))) continue;
      const renamedTo = freeId(id, step, [mine, there, ...(before ? [before] : [])]);
      ids.set(id, renamedTo);
      const path = ['workflows', workflowId, 'steps', id];
      const answers = { theirs: other as unknown as Json, ours: step as unknown as Json };
      conflicts.push({ ...conflictAt(path, 'add_add_renamed', answers, 'both'), renamedTo });
    }
    if (ids.size > 0) next = withNewIds(next, base, workflowId, ids);
  }
  return { base, theirs, ours: next };
}

function freeId(id: string, step: Step, taken: Workflow[]): string {
  for (let n = 0; ; n++) {
    const hash = sha256Hex(`${n}:${id}:${canonicalText(step)}`);
    const free = `${id.slice(0, 59)}_${hash.slice(0, 4)}`;
    if (!taken.some(({ steps }) => Object.hasOwn(steps, free))) return free;
  }
}

function withNewIds(tree: Tree, base: Tree, workflowId: string, ids: NewIds): Tree {
  const workflow = tree.workflows[workflowId] as Workflow;
  const before = base.workflows[workflowId]?.steps ?? {};
  const idOf = (id: string) => ids.get(id) ?? id;
  const steps = Object.entries(workflow.steps).map(([id, step]) => {
    // What is as it was before named no step of ours.
    if (Object.hasOwn(before, id) && before[id] === step) return [id, step];
    const name = step.name === id ? idOf(id) : step.name;
    return [idOf(id), { ...step, name, config: withReferences(step.config, ids) }];
  });
  const edges = Object.keys(workflow.edges).map((key) => {
    const edge = parseEdge(key);
    return [edgeKey({ ...edge, from: idOf(edge.from), to: idOf(edge.to) }), {}];
  });
  const changed = {
    ...workflow,
    steps: Object.fromEntries(steps),
    edges: Object.fromEntries(edges),
    layout: withKeys(workflow.layout, ids),
  };
  const pins = tree.pins[workflowId];
  return {
    ...tree,
    workflows: { ...tree.workflows, [workflowId]: changed },
    pins: pins ? { ...tree.pins, [workflowId]: withKeys(pins, ids) } : tree.pins,
    tests: Object.fromEntries(
      Object.entries(tree.tests).map(([slug, one]) => {
        const isOurs = one.workflow === workflowId && !sameJson(base.tests[slug] as Value, one as unknown as Json);
        return [slug, isOurs ? caseWith(one, ids) : one];
      }),
    ),
  };
}

function withKeys<T>(map: Record<string, T>, ids: NewIds): Record<string, T> {
  return Object.fromEntries(Object.entries(map).map(([id, value]) => [ids.get(id) ?? id, value]));
}

function withReferences(value: Json, ids: NewIds): Json {
  if (typeof value === 'string') return rewriteReferences(value, (ref) => ids.get(ref));
  if (Array.isArray(value)) return value.map((one) => withReferences(one, ids));
  if (!isJsonObject(value)) return value;
  const copy = Object.create(null) as JsonObject;
  for (const [key, one] of Object.entries(value)) copy[key] = withReferences(one, ids);
  return copy;
}

function caseWith({ trigger, effects, expect, ...rest }: Case, ids: NewIds): Case {
  const { steps, notRun, ...expected } = expect;
  return {
    ...rest,
    ...(trigger === undefined ? {} : { trigger: ids.get(trigger) ?? trigger }),
    ...(effects ? { effects: withKeys(effects, ids) } : {}),
    expect: {
      ...expected,
      ...(steps ? { steps: withKeys(steps, ids) } : {}),
      ...(notRun ? { notRun: notRun.map((id) => ids.get(id) ?? id) } : {}),
    },
  };
}
