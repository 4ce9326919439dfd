import { type NodeHandle, Position } from '@xyflow/react';
import type { StepCatalog } from '#shared/workflow/catalog.ts';
import type { Workflow } from '#shared/workflow/tree.ts';
import { portsOf } from '../state/steps.ts';
import { CARD } from './fit.ts';

export type PortPlace = {
  port: string;
  type: 'source' | 'target';
  position: Position;
  /** How far along its side of the card, of 1. */
  along: number;
};

/** Along one side, in the middle when there is one. */
const spread = (ports: string[], type: PortPlace['type'], position: Position): PortPlace[] =>
  ports.map((port, index) => ({ port, type, position, along: (index + 1) / (ports.length + 1) }));

/** Where the ports of a card are: inputs left, outputs right, errors and what goes round a loop at the bottom. */
export function portPlaces(inputs: string[], outputs: string[], isLoop: boolean): PortPlace[] {
  const left = inputs.filter((port) => !(isLoop && port === 'next'));
  const right = outputs.filter((port) => port !== 'error' && !(isLoop && port === 'loop'));
  const below = (port: string, type: PortPlace['type'], along: number): PortPlace[] =>
    (type === 'source' ? outputs : inputs).includes(port) ? [{ port, type, position: Position.Bottom, along }] : [];
  return [
    ...spread(left, 'target', Position.Left),
    ...(isLoop ? below('next', 'target', 0.52) : []),
    ...spread(right, 'source', Position.Right),
    ...(isLoop ? below('loop', 'source', 0.28) : []),
    ...below('error', 'source', 0.82),
  ];
}

const DOT = 10;
/** Half of the diamond of errors, from corner to corner. */
const HALF_DIAMOND = (DOT * Math.SQRT2) / 2;

function handleOf({ port, type, position, along }: PortPlace): NodeHandle {
  const x = position === Position.Left ? 0 : position === Position.Right ? CARD.width : along * CARD.width;
  const y = position === Position.Bottom ? CARD.height : along * CARD.height;
  const half = port === 'error' ? HALF_DIAMOND : DOT / 2;
  return { id: port, type, position, x: x - half, y: y - half, width: DOT, height: DOT };
}

const shapes = new Map<string, NodeHandle[]>();

/**
 * Where the edges of each step begin and end, by id: the same object for all steps with the same ports. Cards have one size, so
 * the drawing needs no card on the screen to know it, and of hundreds it draws the few that can be seen.
 */
export function handlesOf(catalog: StepCatalog, workflow: Workflow | undefined): Record<string, NodeHandle[]> {
  const known = workflow && made.get(workflow);
  if (known?.catalog === catalog) return known.handles;
  const handles: Record<string, NodeHandle[]> = {};
  for (const [id, { uses }] of Object.entries(workflow?.steps ?? {})) {
    const { inputs, outputs } = portsOf(catalog, workflow as Workflow, id);
    const isLoop = uses === 'flow.loop';
    const shape = JSON.stringify([inputs, outputs, isLoop]);
    const before = shapes.get(shape) ?? portPlaces(inputs, outputs, isLoop).map(handleOf);
    shapes.set(shape, before);
    handles[id] = before;
  }
  if (workflow) made.set(workflow, { catalog, handles });
  return handles;
}

const made = new WeakMap<Workflow, { catalog: StepCatalog; handles: Record<string, NodeHandle[]> }>();
