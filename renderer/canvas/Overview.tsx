import { MiniMap, type MiniMapNodeProps } from '@xyflow/react';
import { memo } from 'react';
import { ranState } from '../state/stepFacts.ts';
import { useEditor } from '../state/store.ts';

const SIZE = { width: 132, height: 74, margin: 14 };
const COLOURS: Record<string, string> = {
  succeeded: 'var(--ok-mark)',
  running: 'var(--run-mark)',
  retrying: 'var(--run-mark)',
  waiting: 'var(--wait-mark)',
  failed: 'var(--bad-mark)',
  timed_out: 'var(--bad-mark)',
  pinned: 'var(--pin-mark)',
};

/** The whole drawing, small. It stays as it is while the drawing is worked on; each step in it follows its own state. */
export const Overview = memo(function Overview() {
  return <MiniMap pannable zoomable position="bottom-right" style={SIZE} nodeComponent={SmallStep} />;
});

const SmallStep = memo(function SmallStep({ id, x, y, width, height, shapeRendering }: MiniMapNodeProps) {
  const state = useEditor(ranState(id));
  const fill = COLOURS[state] ?? 'var(--ink-off)';
  return <rect x={x} y={y} width={width} height={height} rx={12} style={{ fill }} shapeRendering={shapeRendering} />;
});
