import dagre from '@dagrejs/dagre';
import { parseEdge, type Workflow } from '#shared/workflow/tree.ts';
import { snap } from '../state/steps.ts';

const CARD = { width: 168, height: 60 };

/** Places for all cards, left to right along the edges, on the grid. */
export function layoutOf(workflow: Workflow): Record<string, [number, number]> {
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: 'LR', nodesep: 40, ranksep: 72, marginx: 0, marginy: 0 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const stepId of Object.keys(workflow.steps)) graph.setNode(stepId, { ...CARD });
  for (const key of Object.keys(workflow.edges)) {
    const { from, to, inPort } = parseEdge(key);
    // A way back to a loop must not turn the order of its steps around.
    if (inPort !== 'next') graph.setEdge(from, to, {}, key);
  }
  dagre.layout(graph);
  return Object.fromEntries(
    Object.keys(workflow.steps).map((stepId) => {
      const { x, y } = graph.node(stepId) as { x: number; y: number };
      return [stepId, [snap(x - CARD.width / 2), snap(y - CARD.height / 2)] as [number, number]];
    }),
  );
}
