import { parseEdge, type Tree } from '../workflow/tree.ts';

/**
 * Where a tree is torn: edges, places and pins of steps that are not there. People may write such a file, so it can be saved
 * and sent; nothing in here may make one out of trees that are whole.
 *
 * @returns paths, none where the tree is whole
 */
export function tornParts(tree: Tree): string[][] {
  const torn: string[][] = [];
  for (const [workflowId, { steps, edges, layout }] of Object.entries(tree.workflows)) {
    const isThere = (stepId: string) => Object.hasOwn(steps, stepId);
    for (const key of Object.keys(edges)) {
      const { from, to } = parseEdge(key);
      if (!isThere(from) || !isThere(to)) torn.push(['workflows', workflowId, 'edges', key]);
    }
    for (const stepId of Object.keys(layout))
      if (!isThere(stepId)) torn.push(['workflows', workflowId, 'layout', stepId]);
  }
  for (const [workflowId, pins] of Object.entries(tree.pins)) {
    const steps = Object.hasOwn(tree.workflows, workflowId) ? (tree.workflows[workflowId]?.steps ?? {}) : {};
    for (const stepId of Object.keys(pins)) if (!Object.hasOwn(steps, stepId)) torn.push(['pins', workflowId, stepId]);
  }
  return torn;
}
