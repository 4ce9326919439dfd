import { EdgeLabelRenderer, type EdgeProps, getBezierPath, getSmoothStepPath, Position } from '@xyflow/react';
import { Plus } from 'lucide-react';
import { memo, useState } from 'react';
import { parseEdge } from '#shared/workflow/tree.ts';
import { formatCount } from '../look/format.ts';
import { isReadOnly, markOf } from '../state/historySlice.ts';
import { shownRunOf } from '../state/runSlice.ts';
import { isOver } from '../state/runView.ts';
import { edgeWords } from '../state/stepFacts.ts';
import { type EditorState, now, useEditor } from '../state/store.ts';

type EdgeState = 'idle' | 'running' | 'done' | 'error' | 'not_taken';

/** What the run says of one edge: how many items went over it, and whether they still move. */
const edgeFacts =
  (key: string) =>
  (state: EditorState): string => {
    const run = shownRunOf(state)?.run;
    if (!run || run.seq === 0) return 'idle';
    const { from, outPort, to } = parseEdge(key);
    const count = run.edges[key];
    if (count === undefined) {
      const source = run.steps[from];
      const over = isOver(run.status) || source?.status === 'succeeded';
      return over && source !== undefined ? 'not_taken' : 'idle';
    }
    const target = run.steps[to]?.status;
    if (outPort === 'error') return `error ${count}`;
    return `${target === 'running' || target === 'retrying' ? 'running' : 'done'} ${count}`;
  };

const ABOVE_PX = 20;

/** A line from port to port, with the number of items that went over it. */
export const FlowEdge = memo(function FlowEdge(props: EdgeProps) {
  const { id, sourceX, sourceY, targetX, targetY, sourcePosition, targetPosition, selected, data } = props;
  const [state, countText] = useEditor(edgeFacts(id)).split(' ') as [EdgeState, string | undefined];
  const isTarget = useEditor((editor) => editor.adding?.splitEdge === id) || data?.slot === true;
  const readOnly = useEditor(isReadOnly);
  const mark = useEditor(markOf(id));
  const [hovered, setHovered] = useState(false);
  const count = countText === undefined ? undefined : Number(countText);
  const words = useEditor(edgeWords(id, count));

  const ends = { sourceX, sourceY, targetX, targetY, sourcePosition, targetPosition };
  const straight = sourcePosition === Position.Right && targetPosition === Position.Left && targetX - sourceX > 10;
  const [path, labelX, labelY] = straight
    ? getBezierPath({ ...ends, curvature: 0.3 })
    : getSmoothStepPath({ ...ends, borderRadius: 12, offset: 24 });
  const at = { transform: `translate(-50%, -50%) translate(${labelX}px, ${labelY}px)` };

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: hovering only shows what the keyboard reaches by N on a selected edge.
    <g onMouseEnter={() => setHovered(true)} onMouseLeave={() => setHovered(false)}>
      {state === 'running' && <path d={path} className="edge-glow" />}
      <path
        id={id}
        d={path}
        className="edge-line"
        data-state={state}
        data-mark={mark}
        data-selected={selected}
        data-target={isTarget}
      />
      <path d={path} fill="none" stroke="transparent" strokeWidth={20} className="react-flow__edge-interaction" />
      <EdgeLabelRenderer>
        {isTarget ? (
          <span className="edge-slot" style={at}>
            <Plus className="icon" aria-hidden />
          </span>
        ) : (
          <>
            {count !== undefined && (
              <button
                type="button"
                className="edge-pill nodrag nopan"
                style={at}
                data-state={state}
                title={words}
                aria-label={words}
                onClick={() => {
                  now().select([parseEdge(id).from]);
                  now().setBottom({ open: true, tab: 'data' });
                }}
              >
                {formatCount(count)}
              </button>
            )}
            {(hovered || selected) && !readOnly && (
              <button
                type="button"
                className="edge-add nodrag nopan"
                // Above the count, which stays where it can be clicked, and close enough to go from one to the other.
                style={count === undefined ? at : { transform: `${at.transform} translateY(-${ABOVE_PX}px)` }}
                aria-label="Add a step here"
                title="Add a step here"
                onClick={(event) => now().add({ splitEdge: id, screen: { x: event.clientX, y: event.clientY } })}
              >
                <Plus className="icon-s" aria-hidden />
              </button>
            )}
          </>
        )}
      </EdgeLabelRenderer>
    </g>
  );
});
