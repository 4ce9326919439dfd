import type { Node } from '@xyflow/react';
import { type MouseEvent as ReactMouseEvent, useCallback, useRef, useState } from 'react';
import { openWorkflow } from '../state/documentSlice.ts';
import { edgesFrom, edgesTo } from '../state/edges.ts';
import { placeOf, snap } from '../state/steps.ts';
import { now } from '../state/store.ts';
import { putIntoEdge } from './commands.ts';

/** Moves steps. One that hangs on nothing and is dragged over an edge may be dropped into it: its `slot`. */
export function useDrag() {
  const [slot, setSlot] = useState<string>();
  const [moving, setMoving] = useState(false);
  const latestSlot = useRef<string>(undefined);
  const over = useCallback((edge: string | undefined) => {
    latestSlot.current = edge;
    setSlot(edge);
  }, []);

  const onNodeDragStart = useCallback(() => setMoving(true), []);

  const onNodeDrag = useCallback(
    (event: MouseEvent | TouchEvent | ReactMouseEvent, node: Node, moved: Node[]) => {
      const workflow = openWorkflow(now());
      if (!workflow || moved.length > 1 || !('clientX' in event)) return;
      const hangs = edgesFrom(workflow, node.id).length > 0 || edgesTo(workflow, node.id).length > 0;
      const under = hangs
        ? undefined
        : document
            .elementsFromPoint(event.clientX, event.clientY)
            .map((one) => one.closest('.react-flow__edge'))
            .find(Boolean);
      over(under?.getAttribute('data-id') ?? undefined);
    },
    [over],
  );

  const onNodeDragStop = useCallback(
    (_event: unknown, node: Node, moved: Node[]) => {
      setMoving(false);
      const { workflowId } = now();
      const workflow = openWorkflow(now());
      if (!workflow || !workflowId) return;
      const positions: Record<string, [number, number]> = {};
      for (const { id, position } of moved) {
        const place: [number, number] = [snap(position.x), snap(position.y)];
        const [x, y] = placeOf(workflow, id);
        if (place[0] !== x || place[1] !== y) positions[id] = place;
      }
      if (Object.keys(positions).length > 0) now().edit([{ type: 'moveSteps', workflowId, positions }]);
      if (latestSlot.current) putIntoEdge(node.id, latestSlot.current);
      over(undefined);
    },
    [over],
  );
  return { slot, moving, onNodeDragStart, onNodeDrag, onNodeDragStop };
}
