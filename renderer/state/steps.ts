import { newStepId } from '#shared/ids.ts';
import {
  inputPorts,
  outputPorts,
  type StepCatalog,
  type StepTypeInfo,
  stepTypeInfo,
} from '#shared/workflow/catalog.ts';
import type { Edit } from '#shared/workflow/edit.ts';
import { parseEdge, type Workflow } from '#shared/workflow/tree.ts';
import { edgesFrom, edgesTo } from './edges.ts';
import type { AddAt } from './viewSlice.ts';

/** Distances between cards that stand beside and below each other, from corner to corner. */
export const GRID = 20;
const NEXT_X = 240;
const NEXT_Y = 100;

export type Ports = { inputs: string[]; outputs: string[]; trigger: boolean };

/** The ports of a step; one of a type nobody knows has the ports that its edges name. */
export function portsOf(catalog: StepCatalog, workflow: Workflow, stepId: string): Ports {
  const step = workflow.steps[stepId];
  const info = step && stepTypeInfo(catalog, step.uses);
  const used = edgesFrom(workflow, stepId).map((edge) => edge.outPort);
  const usedIn = edgesTo(workflow, stepId).map((edge) => edge.inPort);
  if (!step || !info)
    return { inputs: unique(['main', ...usedIn]), outputs: unique(['main', ...used]), trigger: false };
  const outputs = outputPorts(info, step.config);
  return { inputs: inputPorts(info), outputs: unique([...outputs, ...used]), trigger: info.trigger };
}

const unique = (names: string[]) => [...new Set(names)];

/** Where a card stands; one without a place stands in a row below the others. */
export function placeOf({ steps, layout }: Pick<Workflow, 'steps' | 'layout'>, stepId: string): [number, number] {
  return layout[stepId] ?? placeBelow(Object.keys(steps), layout, stepId);
}

/** Where all cards stand, in the order of the ids. */
export function placesOf(ids: readonly string[], layout: Workflow['layout']): [x: number, y: number][] {
  return ids.map((id) => layout[id] ?? placeBelow(ids, layout, id));
}

function placeBelow(ids: readonly string[], layout: Workflow['layout'], stepId: string): [number, number] {
  const homeless = ids.filter((id) => !layout[id]);
  const lowest = Object.values(layout).reduce((low, [, y]) => Math.max(low, y), -NEXT_Y);
  const at = homeless.indexOf(stepId);
  return [(at % 6) * NEXT_X, lowest + NEXT_Y + Math.floor(at / 6) * NEXT_Y];
}

export const snap = (value: number): number => Math.round(value / GRID) * GRID;

/** The nearest place to the wanted one where no card stands. */
export function freePlace(workflow: Workflow, wanted: [number, number]): [number, number] {
  const taken = Object.keys(workflow.steps).map((id) => placeOf(workflow, id));
  let [x, y] = [snap(wanted[0]), snap(wanted[1])];
  while (taken.some(([otherX, otherY]) => Math.abs(otherX - x) < 180 && Math.abs(otherY - y) < 80)) y += NEXT_Y;
  return [x, y];
}

/** The edit that adds a step of a type, with the name made unlike the others, and the step's id. */
export function addStepEdit(
  workflowId: string,
  workflow: Workflow,
  catalog: StepCatalog,
  info: StepTypeInfo,
  at: AddAt,
  random: () => number,
): { edits: Edit[]; stepId: string } {
  const name = freeName(workflow, info.title);
  const stepId = newStepId(name, random);
  const edit: Extract<Edit, { type: 'addStep' }> = {
    type: 'addStep',
    workflowId,
    stepId,
    uses: info.type,
    version: info.version,
    name,
    config: {},
    mode: info.mode,
  };
  const inPort = info.inputs[0];
  const outPort = outputPorts(info, {})[0];
  const moves: Edit[] = [];
  if (at.splitEdge && inPort && outPort && workflow.edges[at.splitEdge]) {
    const { from, to } = parseEdge(at.splitEdge);
    Object.assign(edit, { splitEdge: at.splitEdge, inPort, outPort });
    const [fromX, fromY] = placeOf(workflow, from);
    const [toX, toY] = placeOf(workflow, to);
    edit.position = at.position ?? [snap((fromX + toX) / 2), snap((fromY + toY) / 2)];
    if (toX > fromX && toX - fromX < NEXT_X * 2) {
      edit.position = [fromX + NEXT_X, snap((fromY + toY) / 2)];
      const positions = shiftRight(workflow, to, fromX + NEXT_X * 2 - toX);
      if (Object.keys(positions).length > 0) moves.push({ type: 'moveSteps', workflowId, positions });
    }
  } else if (at.from && inPort) {
    Object.assign(edit, { from: at.from, inPort });
    const [x, y] = placeOf(workflow, at.from.stepId);
    const outputs = portsOf(catalog, workflow, at.from.stepId).outputs;
    const row = Math.max(0, outputs.indexOf(at.from.port));
    const [dx, dy] = at.from.port === 'error' ? [NEXT_X, 120] : [NEXT_X, outputs.length > 2 ? row * NEXT_Y : 0];
    edit.position = at.position ? freePlace(workflow, at.position) : freePlace(workflow, [x + dx, y + dy]);
  } else {
    edit.position = freePlace(
      workflow,
      at.position ?? (Object.keys(workflow.steps).length > 0 ? [0, lowestPlace(workflow) + 120] : [0, 0]),
    );
  }
  return { edits: [...moves, edit], stepId };
}

function lowestPlace(workflow: Workflow): number {
  return Object.keys(workflow.steps).reduce((low, id) => Math.max(low, placeOf(workflow, id)[1]), 0);
}

/** Everything that follows a step moves right, to make room before it. */
function shiftRight(workflow: Workflow, first: string, by: number): Record<string, [number, number]> {
  if (by <= 0) return {};
  const startX = placeOf(workflow, first)[0];
  const moved: Record<string, [number, number]> = {};
  const queue = [first];
  while (queue.length > 0) {
    const stepId = queue.pop() as string;
    const [x, y] = placeOf(workflow, stepId);
    if (moved[stepId] || x < startX) continue;
    moved[stepId] = [x + by, y];
    for (const { to } of edgesFrom(workflow, stepId)) queue.push(to);
  }
  return moved;
}

export function freeName(workflow: Workflow, title: string): string {
  const taken = new Set(Object.values(workflow.steps).map((step) => step.name));
  let name = title;
  for (let n = 2; taken.has(name); n++) name = `${title} ${n}`;
  return name;
}

/** All steps from which a step can be reached, nearest first, without itself. */
export function stepsBefore(workflow: Workflow, stepId: string): string[] {
  const found = new Set<string>();
  let front = [stepId];
  while (front.length > 0) {
    const next = front.flatMap((id) => edgesTo(workflow, id).map((edge) => edge.from));
    front = [...new Set(next)].filter((id) => id !== stepId && !found.has(id));
    for (const id of front) found.add(id);
  }
  return [...found].filter((id) => workflow.steps[id]);
}

/** Steps in reading order: each trigger with what follows it, depth first, then what hangs on nothing. */
export function readingOrder(workflow: Workflow): { stepId: string; level: number }[] {
  const ids = Object.keys(workflow.steps);
  const byPlace = (a: string, b: string) =>
    placeOf(workflow, a)[1] - placeOf(workflow, b)[1] || placeOf(workflow, a)[0] - placeOf(workflow, b)[0];
  const order: { stepId: string; level: number }[] = [];
  const seen = new Set<string>();
  function visit(stepId: string, level: number) {
    if (seen.has(stepId) || !workflow.steps[stepId]) return;
    seen.add(stepId);
    order.push({ stepId, level });
    const next = [...new Set(edgesFrom(workflow, stepId).map((edge) => edge.to))].sort(byPlace);
    for (const to of next) visit(to, next.length > 1 ? level + 1 : level);
  }
  for (const id of ids.filter((one) => edgesTo(workflow, one).length === 0).sort(byPlace)) visit(id, 0);
  for (const id of ids.sort(byPlace)) visit(id, 0);
  return order;
}

/** The card nearest in a direction, preferring what an edge leads to. */
export function neighbour(
  workflow: Workflow,
  stepId: string,
  direction: 'left' | 'right' | 'up' | 'down',
): string | undefined {
  const [x, y] = placeOf(workflow, stepId);
  const distance = (id: string) => {
    const [toX, toY] = placeOf(workflow, id);
    return Math.hypot(toX - x, toY - y);
  };
  const nearestOf = (ids: string[]) =>
    ids.filter((id) => id !== stepId && workflow.steps[id]).sort((a, b) => distance(a) - distance(b))[0];
  if (direction === 'right') return nearestOf(edgesFrom(workflow, stepId).map((edge) => edge.to));
  if (direction === 'left') return nearestOf(edgesTo(workflow, stepId).map((edge) => edge.from));
  return nearestOf(
    Object.keys(workflow.steps).filter((id) => {
      const dy = placeOf(workflow, id)[1] - y;
      return direction === 'down' ? dy > 10 : dy < -10;
    }),
  );
}

/** The first output port of a step that nothing hangs on, for adding the next step by key. */
export function openPort(catalog: StepCatalog, workflow: Workflow, stepId: string): string | undefined {
  const { outputs } = portsOf(catalog, workflow, stepId);
  const used = new Set(edgesFrom(workflow, stepId).map((edge) => edge.outPort));
  const main = outputs.filter((port) => port !== 'error');
  return main.find((port) => !used.has(port)) ?? main[0];
}
