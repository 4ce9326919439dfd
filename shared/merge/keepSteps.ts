import { getIn } from '../workflow/plainData.ts';
import { edgeKey, parseEdge, type Step, type Tree, type Workflow } from '../workflow/tree.ts';
import type { Conflict } from './conflict.ts';
import { conflictAt } from './mergeValue.ts';
import { meantSteps, stepsNamedIn } from './namedSteps.ts';
import { newlyPointedAt } from './newlyPointedAt.ts';
import { sameJson, type Value } from './sameJson.ts';
import { put, type Sides, type Trees } from './trees.ts';

/**
 * The steps of a workflow that one side took away (sync.md 2):
 * - changed or pinned by the other: kept (`delete_vs_edit`);
 * - drawn to or named by the other, where it was not before, or named by what is kept: kept (`delete_vs_reference`);
 * - only moved by the other: stays away (`layout_of_deleted`).
 *
 * What is kept comes back with its edges, place and pin, without which it would do something else than before (trap 5).
 */
export function keepSteps(trees: Trees, workflowId: string, conflicts: Conflict[]): Trees {
  const first = keepOf(trees, workflowId, { by: 'theirs', other: 'ours' }, conflicts);
  return keepOf(first, workflowId, { by: 'ours', other: 'theirs' }, conflicts);
}

function keepOf(trees: Trees, workflowId: string, { by, other }: Sides, conflicts: Conflict[]): Trees {
  const workflow = (tree: Tree) => tree.workflows[workflowId] as Workflow;
  const before = workflow(trees.base);
  const remaining = workflow(trees[by]).steps;
  const after = workflow(trees[other]);
  if (remaining === before.steps) return trees;
  const isGone = (id: string) =>
    Object.hasOwn(before.steps, id) && Object.hasOwn(after.steps, id) && !Object.hasOwn(remaining, id);
  const gone = Object.keys(before.steps).filter(isGone);
  if (gone.length === 0) return trees;
  const pointedAt = newlyPointedAt(before, after);
  const isEdited = (stepId: string) =>
    !sameJson(asJson(before.steps[stepId]), asJson(after.steps[stepId])) || isPinned(trees, workflowId, stepId, other);
  const stays = new Set(gone.filter((stepId) => isEdited(stepId) || pointedAt.has(stepId)));
  // What is kept keeps what it names, and so on.
  for (const stepId of stays) {
    for (const ref of stepsNamedIn(after.steps[stepId]?.config ?? {}))
      for (const one of meantSteps(after.steps, ref)) if (isGone(one)) stays.add(one);
  }
  const kept: string[] = [];
  let next = trees;
  for (const stepId of gone) {
    const step = before.steps[stepId] as Step;
    if (stays.has(stepId)) {
      const answers = { base: asJson(step), [other]: asJson(after.steps[stepId]) };
      const kind = isEdited(stepId) ? 'delete_vs_edit' : 'delete_vs_reference';
      conflicts.push(conflictAt(['workflows', workflowId, 'steps', stepId], kind, answers, other));
      kept.push(stepId);
    } else next = { ...next, [other]: unmoved(next[other], before, workflowId, stepId, by, conflicts, other) };
  }
  return kept.length === 0 ? next : { ...next, [by]: broughtBack(next, workflowId, kept, { by, other }, conflicts) };
}

const asJson = (value: unknown): Value => value as Value;

function isPinned({ base, ...sides }: Trees, workflowId: string, stepId: string, other: 'theirs' | 'ours'): boolean {
  const pin = getIn(sides[other].pins, [workflowId, stepId]);
  return pin !== undefined && !sameJson(pin, getIn(base.pins, [workflowId, stepId]));
}

/** The side that only moved a step, with the step where it was. */
function unmoved(
  tree: Tree,
  before: Workflow,
  workflowId: string,
  stepId: string,
  by: Sides['by'],
  conflicts: Conflict[],
  other: Sides['other'],
): Tree {
  const path = ['workflows', workflowId, 'layout', stepId];
  const [was, now] = [asJson(before.layout[stepId]), getIn(tree, path)];
  if (now === undefined || sameJson(was, now)) return tree;
  conflicts.push(conflictAt(path, 'layout_of_deleted', { base: was, [other]: now }, by));
  return put(tree, path, was);
}

/** The side that took steps away, with what it took. */
function broughtBack(
  trees: Trees,
  workflowId: string,
  kept: string[],
  { by, other }: Sides,
  conflicts: Conflict[],
): Tree {
  const before = trees.base.workflows[workflowId] as Workflow;
  const workflow = trees[by].workflows[workflowId] as Workflow;
  const after = trees[other].workflows[workflowId] as Workflow;
  const steps = { ...workflow.steps };
  const layout = { ...workflow.layout };
  let pins = trees[by].pins;
  for (const stepId of kept) {
    steps[stepId] = before.steps[stepId] as Step;
    const place = before.layout[stepId];
    if (place) layout[stepId] = place;
    const pin = trees.base.pins[workflowId]?.[stepId];
    if (pin) pins = { ...pins, [workflowId]: { ...pins[workflowId], [stepId]: pin } };
  }
  const edges = { ...workflow.edges };
  for (const key of Object.keys(before.edges)) {
    const { from, to } = parseEdge(key);
    const isTheirs = kept.includes(from) || kept.includes(to);
    if (isTheirs && Object.hasOwn(steps, from) && Object.hasOwn(steps, to)) edges[key] = {};
  }
  for (const stepId of kept) {
    const healed = healedEdge(before, stepId);
    // An edge around a step that is there again would let what follows it run twice.
    if (healed === undefined || !Object.hasOwn(edges, healed)) continue;
    if (Object.hasOwn(before.edges, healed) || Object.hasOwn(after.edges, healed)) continue;
    delete edges[healed];
    const path = ['workflows', workflowId, 'edges', healed];
    conflicts.push(conflictAt(path, 'delete_vs_edit', { [by]: {} }, other));
  }
  return { ...put(trees[by], ['workflows', workflowId], { ...workflow, steps, edges, layout }), pins };
}

/** The edge that taking away a step in the middle leaves behind (edit.ts), where it has one way in and one out. */
function healedEdge({ edges }: Workflow, stepId: string): string | undefined {
  const ends = Object.keys(edges).map(parseEdge);
  const [into, outOf] = [ends.filter(({ to }) => to === stepId), ends.filter(({ from }) => from === stepId)];
  const [first, last] = [into[0], outOf[0]];
  if (!first || !last || into.length > 1 || outOf.length > 1 || first.from === stepId) return undefined;
  return edgeKey({ from: first.from, outPort: first.outPort, to: last.to, inPort: last.inPort });
}
