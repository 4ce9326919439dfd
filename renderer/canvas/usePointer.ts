import { type OnConnectEnd, useReactFlow } from '@xyflow/react';
import { type PointerEvent, useCallback } from 'react';
import { snap } from '../state/steps.ts';
import { now } from '../state/store.ts';

/** Where the pointer is, for the others, and where an edge that was drawn into nothing asks for a step. */
export function usePointer() {
  const flow = useReactFlow();
  const onPointerMove = useCallback(
    (event: PointerEvent) => {
      const { x, y } = flow.screenToFlowPosition({ x: event.clientX, y: event.clientY });
      now().pointAt([x, y]);
    },
    [flow],
  );
  const onPointerLeave = useCallback(() => now().pointAt(undefined), []);
  const onConnectEnd: OnConnectEnd = useCallback(
    (event, state) => {
      if (state.isValid || !state.fromNode || !state.fromHandle?.id || state.fromHandle.type !== 'source') return;
      const point = 'changedTouches' in event ? event.changedTouches[0] : event;
      if (!point || (event.target as HTMLElement | null)?.closest('.react-flow__node')) return;
      const at = flow.screenToFlowPosition({ x: point.clientX, y: point.clientY });
      now().add({
        from: { stepId: state.fromNode.id, port: state.fromHandle.id },
        position: [snap(at.x), snap(at.y - 30)],
        screen: { x: point.clientX, y: point.clientY },
      });
    },
    [flow],
  );
  return { onPointerMove, onPointerLeave, onConnectEnd };
}
