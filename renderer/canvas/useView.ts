import type { ReactFlowInstance, Viewport } from '@xyflow/react';
import { type RefObject, useCallback } from 'react';
import { now } from '../state/store.ts';
import { fitFirst } from './fit.ts';

/** Where each workflow was looked at, for when somebody comes back to it. */
const viewports = new Map<string, Viewport>();

/** How the drawing is looked at: where it was left, else from its beginning. */
export function useView(box: RefObject<HTMLElement | null>) {
  /** Names never fall under 11 px on screen: the words grow as the drawing shrinks. */
  const onViewportChange = useCallback(
    (viewport: Viewport) => {
      const { zoom } = viewport;
      const element = box.current;
      // A movement may go on for a moment after the drawing is gone; then it comes to nowhere.
      if (!element?.isConnected || !Number.isFinite(zoom)) return;
      viewports.set(now().workflowId ?? '', viewport);
      element.style.setProperty('--k', String(Math.max(1, 0.85 / Math.max(zoom, 0.4))));
      element.dataset.far = zoom < 0.4 ? 'far' : zoom < 0.6 ? 'near' : 'no';
    },
    [box],
  );
  const onInit = useCallback(
    (instance: ReactFlowInstance) => {
      const before = viewports.get(now().workflowId ?? '');
      if (before) void instance.setViewport(before);
      else fitFirst(instance);
      onViewportChange(instance.getViewport());
    },
    [onViewportChange],
  );
  return { onViewportChange, onInit };
}
