import { parseEdge, type Workflow } from '../workflow/tree.ts';

type Edges = Workflow['edges'];
type Neighbours = ReadonlyMap<string, readonly string[]>;

/** Where arrows lead, and where they come from. */
type Graph = { next: Neighbours; previous: Neighbours };

/**
 * Of some new arrows those that put steps on a circle which were there before and on none together. A step that is put
 * into a circle closes none.
 */
export function closingEdges(before: Workflow, after: Workflow, keys: readonly string[]): string[] {
  const closing = edgesInCycles(after.edges, keys);
  if (closing.length === 0) return [];
  const [then, now] = [graphOf(before.edges), graphOf(after.edges)];
  return closing.filter((key) => {
    const [first, ...others] = [...circleOf(now, parseEdge(key).from)].filter((id) => Object.hasOwn(before.steps, id));
    if (first === undefined) return false;
    const circle = circleOf(then, first);
    return others.some((stepId) => !circle.has(stepId));
  });
}

/** Of these arrows those that lie on a way that comes back to where it began. */
function edgesInCycles(edges: Edges, keys: readonly string[]): string[] {
  if (keys.length === 0) return [];
  const { next } = graphOf(edges);
  return keys.filter((key) => {
    const { from, to } = parseEdge(key);
    return reached(next, to).has(from);
  });
}

/**
 * Circles that are in neither of two sides, and closed by what both drew: one arrow of ours for each, which opens it
 * again where it is taken away. Circles are allowed, but nobody meant this one (sync.md 2). A step that one side put into
 * a circle of the other closes none.
 */
export function closedCycles(merged: Workflow, theirs: Workflow, ours: Workflow): string[] {
  const mine = Object.keys(merged.edges).filter((key) => !Object.hasOwn(theirs.edges, key));
  const closing = edgesInCycles(merged.edges, mine);
  if (closing.length === 0) return [];
  const [graph, there, here] = [merged, theirs, ours].map(({ edges }) => graphOf(edges)) as [Graph, Graph, Graph];
  const isOfBoth = (stepId: string) => Object.hasOwn(theirs.steps, stepId) && Object.hasOwn(ours.steps, stepId);
  // An arrow that went round in a circle before is not the one that closed it.
  const inOurs = new Set(edgesInCycles(ours.edges, closing));
  const found: string[] = [];
  const told = new Set<string>();
  for (const key of [...closing.filter((one) => !inOurs.has(one)), ...inOurs]) {
    const { from } = parseEdge(key);
    if (told.has(from)) continue;
    const circle = circleOf(graph, from);
    for (const stepId of circle) told.add(stepId);
    const [first, ...others] = [...circle].filter(isOfBoth);
    if (first === undefined) continue;
    const isOld = [there, here].some((side) => {
      const before = circleOf(side, first);
      return others.every((stepId) => before.has(stepId));
    });
    if (!isOld) found.push(key);
  }
  return found;
}

function graphOf(edges: Edges): Graph {
  const next = new Map<string, string[]>();
  const previous = new Map<string, string[]>();
  const add = (map: Map<string, string[]>, key: string, value: string) => {
    const there = map.get(key);
    if (there) there.push(value);
    else map.set(key, [value]);
  };
  for (const key of Object.keys(edges)) {
    const { from, to } = parseEdge(key);
    add(next, from, to);
    add(previous, to, from);
  }
  return { next, previous };
}

/** The steps that lead to a step and that it leads to, with itself. */
function circleOf({ next, previous }: Graph, stepId: string): Set<string> {
  const before = reached(previous, stepId);
  return new Set([...reached(next, stepId)].filter((one) => before.has(one)));
}

function reached(neighbours: Neighbours, from: string): Set<string> {
  const found = new Set([from]);
  for (const stepId of found) for (const one of neighbours.get(stepId) ?? []) found.add(one);
  return found;
}
