import { parseEdge, type Workflow } from '../../workflow/tree.ts';
import type { Meeting } from './modelClient.fixture.ts';

/** Steps that go round in a circle, which they do on neither side, without a record that says it. */
export function unnoticedCircles({ theirs, ours, merged, records }: Meeting): string[] {
  return Object.entries(merged.workflows).flatMap(([workflowId, { steps, edges }]) => {
    const [there, here] = [theirs.workflows[workflowId], ours.workflows[workflowId]];
    if (!there || !here || edges === there.edges || edges === here.edges) return [];
    if (records.some(({ kind, path }) => kind === 'cycle' && path[1] === workflowId)) return [];
    const [ways, theirWays, ourWays] = [edges, there.edges, here.edges].map(waysOf) as [Ways, Ways, Ways];
    const renamed = records.filter(({ renamedTo, path }) => renamedTo !== undefined && path[1] === workflowId);
    const before = new Map(renamed.map(({ renamedTo, path }) => [renamedTo, path[3] ?? '']));
    // What has an id that ours had to give up is another step.
    const given = new Set(before.values());
    const inOurs = (id: string) => before.get(id) ?? (given.has(id) ? '' : id);
    // A step that one side put into a circle of the other closes none.
    const ofBoth = Object.keys(steps).filter((id) => there.steps[id] && here.steps[inOurs(id)]);
    return ofBoth.flatMap((a) =>
      ofBoth
        .filter((b) => meet(ways, a, b) && !meet(theirWays, a, b) && !meet(ourWays, inOurs(a), inOurs(b)))
        .map((b) => `${workflowId}: ${a} and ${b}`),
    );
  });
}

type Ways = (from: string) => ReadonlySet<string>;

const meet = (ways: Ways, a: string, b: string) => a !== b && ways(a).has(b) && ways(b).has(a);

function waysOf(edges: Workflow['edges']): Ways {
  const next = new Map<string, string[]>();
  for (const key of Object.keys(edges)) {
    const { from, to } = parseEdge(key);
    next.set(from, [...(next.get(from) ?? []), to]);
  }
  const known = new Map<string, Set<string>>();
  return (from) => {
    const found = known.get(from) ?? new Set([from]);
    if (known.has(from)) return found;
    known.set(from, found);
    for (const stepId of found) for (const one of next.get(stepId) ?? []) found.add(one);
    return found;
  };
}
