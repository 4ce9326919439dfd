import type { Change } from '#shared/contract/host/publish.ts';
import type { Json } from '#shared/json.ts';
import { sameJson } from '#shared/merge/sameJson.ts';
import { listChanges } from '#shared/workflow/listChanges.ts';
import type { Tree, Workflow } from '#shared/workflow/tree.ts';

export type Mark = 'added' | 'changed' | 'removed' | 'moved';

export type Comparison = {
  before: Tree;
  after: Tree;
  /** What is drawn: the later workflows, and in them what was taken away. */
  workflows: Record<string, Workflow>;
  /** By workflow and then by id of step or key of edge. What is not in here is the same. */
  marks: Record<string, Record<string, Mark>>;
  changes: Change[];
  /** Steps that only stand elsewhere. */
  moved: number;
};

/** Two trees in one drawing: what came, what went and what is another one. */
export function compareTrees(before: Tree, after: Tree): Comparison {
  const workflows: Comparison['workflows'] = {};
  const marks: Comparison['marks'] = {};
  let moved = 0;
  for (const id of new Set([...Object.keys(after.workflows), ...Object.keys(before.workflows)])) {
    const [was, is] = [before.workflows[id], after.workflows[id]];
    workflows[id] = together(was, is);
    const found = marksOf(was, is);
    marks[id] = found;
    moved += Object.values(found).filter((mark) => mark === 'moved').length;
  }
  return { before, after, workflows, marks, changes: listChanges(before, after, []), moved };
}

/** A drawing in which nothing is marked: a state that is looked at for itself. */
export function withoutMarks(tree: Tree): Comparison {
  return { before: tree, after: tree, workflows: tree.workflows, marks: {}, changes: [], moved: 0 };
}

function together(was: Workflow | undefined, is: Workflow | undefined): Workflow {
  if (!was || !is || was === is) return (is ?? was) as Workflow;
  return {
    ...is,
    steps: { ...is.steps, ...missing(was.steps, is.steps) },
    edges: { ...is.edges, ...missing(was.edges, is.edges) },
    layout: { ...was.layout, ...is.layout },
  };
}

function missing<T>(was: Record<string, T>, is: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(was).filter(([key]) => !Object.hasOwn(is, key)));
}

function marksOf(was: Workflow | undefined, is: Workflow | undefined): Record<string, Mark> {
  const marks: Record<string, Mark> = {};
  if (was === is) return marks;
  for (const part of ['steps', 'edges'] as const) {
    const [old, next] = [was?.[part] ?? {}, is?.[part] ?? {}];
    for (const key of Object.keys(old)) if (!Object.hasOwn(next, key)) marks[key] = 'removed';
    for (const [key, value] of Object.entries(next)) {
      const before = Object.hasOwn(old, key) ? old[key] : undefined;
      if (before === undefined) marks[key] = 'added';
      else if (!sameJson(before as Json, value as Json)) marks[key] = 'changed';
    }
  }
  for (const [stepId, place] of Object.entries(is?.layout ?? {})) {
    const before = was?.layout[stepId];
    if (before && !marks[stepId] && !sameJson(before as Json, place as Json)) marks[stepId] = 'moved';
  }
  return marks;
}
