import { type Edge, parseEdge, type Workflow } from '#shared/workflow/tree.ts';

type Edges = { all: readonly Edge[]; from: ReadonlyMap<string, Edge[]>; to: ReadonlyMap<string, Edge[]> };

/** Every card asks for its own edges whenever anything changes; the edges themselves rarely do. */
const known = new WeakMap<Workflow['edges'], Edges>();

/** The edges of a workflow taken apart, each once as long as none changes. */
export function edgesOf({ edges }: Pick<Workflow, 'edges'>): Edges {
  const before = known.get(edges);
  if (before) return before;
  const all = Object.keys(edges).map(parseEdge);
  const made = { all, from: Map.groupBy(all, (edge) => edge.from), to: Map.groupBy(all, (edge) => edge.to) };
  known.set(edges, made);
  return made;
}

const NONE: readonly Edge[] = [];

/** The edges that leave a step. */
export const edgesFrom = (workflow: Pick<Workflow, 'edges'>, stepId: string): readonly Edge[] =>
  edgesOf(workflow).from.get(stepId) ?? NONE;

/** The edges that lead into a step. */
export const edgesTo = (workflow: Pick<Workflow, 'edges'>, stepId: string): readonly Edge[] =>
  edgesOf(workflow).to.get(stepId) ?? NONE;
