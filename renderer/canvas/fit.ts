import type { ReactFlowInstance, Rect, Viewport } from '@xyflow/react';
import { openWorkflow } from '../state/documentSlice.ts';
import { placeOf } from '../state/steps.ts';
import { now } from '../state/store.ts';

/** Of every step, at 100 %. */
export const CARD = { width: 168, height: 60 };
const PADDING = 36;
const LEAST_ZOOM = 0.4;
/** Below this names are cut; who opens a large drawing sees where it begins, and pans. */
const READABLE_ZOOM = 0.8;

/** Shows the whole drawing, never larger than life. Cards have one size, so nothing needs to be measured first. */
export function fitAll(flow: ReactFlowInstance, duration = 0, least = LEAST_ZOOM): void {
  const workflow = openWorkflow(now());
  const box = document.querySelector('.flow')?.getBoundingClientRect();
  if (!workflow || !box) return;
  const places = Object.keys(workflow.steps).map((id) => placeOf(workflow, id));
  if (places.length === 0) return;
  const x = Math.min(...places.map(([left]) => left));
  const y = Math.min(...places.map(([, top]) => top));
  const width = Math.max(...places.map(([left]) => left)) + CARD.width - x;
  const height = Math.max(...places.map(([, top]) => top)) + CARD.height - y;
  void flow.setViewport(viewportFor({ x, y, width, height }, box, least), { duration });
}

/** Shows all of a drawing that is about to be worked on, or its beginning where all would be too small to read. */
export function fitFirst(flow: ReactFlowInstance): void {
  fitAll(flow, 0, READABLE_ZOOM);
}

type Size = { width: number; height: number };

/** The middle of the drawing in the middle of the box; what is larger than the box begins at its left and top. */
export function viewportFor(bounds: Rect, box: Size, least: number): Viewport {
  const room = { width: box.width - 2 * PADDING, height: box.height - 2 * PADDING };
  const zoom = Math.min(1, Math.max(least, Math.min(room.width / bounds.width, room.height / bounds.height)));
  const along = (from: number, size: number, length: number) =>
    size * zoom > length - 2 * PADDING ? PADDING - from * zoom : (length - size * zoom) / 2 - from * zoom;
  return { x: along(bounds.x, bounds.width, box.width), y: along(bounds.y, bounds.height, box.height), zoom };
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
  const dx = moveInto(left, left + CARD.width * zoom, room);
  const dy = moveInto(top, top + CARD.height * zoom, box.height);
  if (dx !== 0 || dy !== 0) void flow.setViewport({ x: x + dx, y: y + dy, zoom }, { duration: 180 });
}

const MARGIN = 28;

/** How far something must move to lie in a room, with a margin; what is larger than the room shows its beginning. */
export function moveInto(from: number, to: number, room: number): number {
  if (from < MARGIN) return MARGIN - from;
  return to > room - MARGIN ? Math.max(room - MARGIN - to, MARGIN - from) : 0;
}
