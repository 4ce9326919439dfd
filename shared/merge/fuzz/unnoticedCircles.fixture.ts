import { parseEdge, type Workflow } from '../../workflow/tree.ts';
import type { Meeting } from './modelClient.fixture.ts';

/** Steps that go round in a circle, which they do on neither side, without a record that says it. */
export function unnoticedCircles({ theirs, ours, merged, records }: Meeting): string[] {
  return Object.entries(merged.workflows).flatMap(([workflowId, { steps, edges }]) => {
    const [there, here] = [theirs.workflows[workflowId], ours.workflows[workflowId]];
    if (!there || !here || edges === there.edges || edges === here.edges) return [];
    if (records.some(({ kind, path }) => kind === 'cycle' && path[1] === workflowId)) return [];
    const circles = circlesOf(edges);
    if (circles.length === 0) return [];
    const renamed = records.filter(({ renamedTo, path }) => renamedTo !== undefined && path[1] === workflowId);
    const before = new Map(renamed.map(({ renamedTo, path }) => [renamedTo, path[3] ?? '']));
    // What has an id that ours had to give up is another step.
    const given = new Set(before.values());
    const inOurs = (id: string) => before.get(id) ?? (given.has(id) ? '' : id);
    const [meetThere, meetHere] = [there.edges, here.edges].map(meeting) as [Meets, Meets];
    return circles.flatMap((circle) => {
      // A step that one side put into a circle of the other closes none.
      const ofBoth = circle.filter((id) => steps[id] && there.steps[id] && here.steps[inOurs(id)]);
      return ofBoth.flatMap((a, i) =>
        ofBoth
          .slice(i + 1)
          .filter((b) => !meetThere(a, b) && !meetHere(inOurs(a), inOurs(b)))
          .map((b) => `${workflowId}: ${a} and ${b}`),
      );
    });
  });
}

type Meets = (a: string, b: string) => boolean;

/** Whether each of two steps leads to the other. */
function meeting(edges: Workflow['edges']): Meets {
  const circleOf = new Map(circlesOf(edges).flatMap((circle) => circle.map((id) => [id, circle])));
  return (a, b) => circleOf.has(a) && circleOf.get(a) === circleOf.get(b);
}

/** The sets of steps that all lead to one another, of two and more (Tarjan's strongly connected components). */
function circlesOf(edges: Workflow['edges']): string[][] {
  const next = new Map<string, string[]>();
  for (const key of Object.keys(edges)) {
    const { from, to } = parseEdge(key);
    const there = next.get(from);
    if (there) there.push(to);
    else next.set(from, [to]);
  }
  const circles: string[][] = [];
  const numbers = new Map<string, number>();
  const open: string[] = [];
  const isOpen = new Set<string>();
  const visit = (stepId: string): number => {
    const number = numbers.size;
    let lowest = number;
    numbers.set(stepId, number);
    open.push(stepId);
    isOpen.add(stepId);
    for (const one of next.get(stepId) ?? []) {
      const known = numbers.get(one);
      if (known === undefined) lowest = Math.min(lowest, visit(one));
      else if (isOpen.has(one)) lowest = Math.min(lowest, known);
    }
    if (lowest < number) return lowest;
    const circle = open.splice(open.lastIndexOf(stepId));
    for (const one of circle) isOpen.delete(one);
    if (circle.length > 1) circles.push(circle);
    return number;
  };
  for (const stepId of next.keys()) if (!numbers.has(stepId)) visit(stepId);
  return circles;
}
