import { getViewportForBounds, type ReactFlowInstance } from '@xyflow/react';
import { openWorkflow } from '../state/documentSlice.ts';
import { placeOf } from '../state/steps.ts';
import { now } from '../state/store.ts';

const CARD = { width: 168, height: 60 };
const PADDING = 0.12;
const LEAST_ZOOM = 0.4;

/** Shows the whole drawing, never larger than life. Cards have one size, so nothing needs to be measured first. */
export function fitAll(flow: ReactFlowInstance, duration = 0): void {
  const workflow = openWorkflow(now());
  const box = document.querySelector('.flow')?.getBoundingClientRect();
  if (!workflow || !box) return;
  const places = Object.keys(workflow.steps).map((id) => placeOf(workflow, id));
  if (places.length === 0) return;
  const x = Math.min(...places.map(([left]) => left));
  const y = Math.min(...places.map(([, top]) => top));
  const width = Math.max(...places.map(([left]) => left)) + CARD.width - x;
  const height = Math.max(...places.map(([, top]) => top)) + CARD.height - y;
  void flow.setViewport(getViewportForBounds({ x, y, width, height }, box.width, box.height, LEAST_ZOOM, 1, PADDING), {
    duration,
  });
}

/** Moves the drawing just far enough that a card can be seen whole. */
export function reveal(flow: ReactFlowInstance, stepId: string): void {
  const node = flow.getNode(stepId);
  const box = document.querySelector('.flow')?.getBoundingClientRect();
  if (!node || !box || node.dragging) return;
  const { x, y, zoom } = flow.getViewport();
  const left = node.position.x * zoom + x;
  const top = node.position.y * zoom + y;
  // Where the form floats over the canvas, what lies below it cannot be seen.
  const form = document.querySelector('[aria-label="Inspector"]')?.getBoundingClientRect();
  const room = form && form.left < box.right ? form.left - box.left : box.width;
  const dx = into(left, left + CARD.width * zoom, room);
  const dy = into(top, top + CARD.height * zoom, box.height);
  if (dx !== 0 || dy !== 0) void flow.setViewport({ x: x + dx, y: y + dy, zoom }, { duration: 180 });
}

const MARGIN = 28;

function into(from: number, to: number, room: number): number {
  if (from < MARGIN) return MARGIN - from;
  return to > room - MARGIN ? room - MARGIN - to : 0;
}
