import type { Json } from '../json.ts';
import { getIn } from '../workflow/plainData.ts';
import type { Workflow } from '../workflow/tree.ts';
import type { Conflict } from './conflict.ts';
import { keepSteps } from './keepSteps.ts';
import { conflictAt } from './mergeValue.ts';
import { sameJson, type Value } from './sameJson.ts';
import { put, type Sides, type Trees } from './trees.ts';

/**
 * Decides what one side took away and the other touched: workflows here, their steps in `keepSteps`. What is to be kept is put
 * back on the side that took it away, as it was in the base; what was only moved is put back to its place on the other
 * side. The merge of values after it then sees changes of different places only.
 */
export function keepDeleted(trees: Trees, conflicts: Conflict[]): Trees {
  let next = trees;
  for (const workflowId of Object.keys(trees.base.workflows)) {
    const isIn = (side: 'theirs' | 'ours') => Object.hasOwn(trees[side].workflows, workflowId);
    if (isIn('theirs') && isIn('ours')) next = keepSteps(next, workflowId, conflicts);
    else if (isIn('ours')) next = keepWorkflow(next, workflowId, { by: 'theirs', other: 'ours' }, conflicts);
    else if (isIn('theirs')) next = keepWorkflow(next, workflowId, { by: 'ours', other: 'theirs' }, conflicts);
  }
  return next;
}

function keepWorkflow(trees: Trees, workflowId: string, { by, other }: Sides, conflicts: Conflict[]): Trees {
  const { base } = trees;
  const before = base.workflows[workflowId] as Workflow;
  const after = trees[other].workflows[workflowId] as Workflow;
  const path = ['workflows', workflowId];
  const pins = ['pins', workflowId];
  const bare = (workflow: Workflow) => ({ ...workflow, layout: {} }) as unknown as Json;
  if (!sameJson(bare(before), bare(after)) || !sameJson(getIn(base, pins), getIn(trees[other], pins))) {
    const answers = { base: before as unknown as Json, [other]: after as unknown as Json };
    conflicts.push(conflictAt(path, 'delete_vs_edit', answers, other));
    const back = put(trees[by], path, before);
    const pinned = getIn(base, pins);
    return { ...trees, [by]: pinned === undefined ? back : put(back, pins, pinned) };
  }
  if (sameJson(before.layout as unknown as Json, after.layout as unknown as Json)) return trees;
  const answers = { base: before.layout as Value, [other]: after.layout as Value };
  conflicts.push(conflictAt([...path, 'layout'], 'layout_of_deleted', answers, by));
  return { ...trees, [other]: put(trees[other], path, before) };
}
