import { ViewportPortal } from '@xyflow/react';
import { MousePointer2 } from 'lucide-react';
import { useShallow } from 'zustand/react/shallow';
import { useEditor } from '../state/store.ts';

/** The pointers of the others on this drawing, where they are on theirs. */
export function Cursors() {
  const people = useEditor(
    useShallow((state) =>
      state.looking ? [] : state.people.filter((one) => one.cursor && one.workflowId === state.workflowId),
    ),
  );
  return (
    <ViewportPortal>
      {people.map(({ sessionId, name, color, cursor: [x, y] = [0, 0] }) => (
        <span
          key={sessionId}
          aria-hidden
          className="cursor"
          style={{ transform: `translate(${x}px, ${y}px)`, color: `var(--who-${color})` }}
        >
          <MousePointer2 className="size-4 fill-current stroke-1" />
          <span className="who" style={{ background: `var(--who-${color})` }}>
            {name.split(' ')[0]}
          </span>
        </span>
      ))}
    </ViewportPortal>
  );
}
