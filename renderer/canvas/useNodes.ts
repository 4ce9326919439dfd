import { applyNodeChanges, type Node, type NodeChange, type NodeHandle } from '@xyflow/react';
import { useCallback, useEffect, useState } from 'react';
import { useShallow } from 'zustand/react/shallow';
import type { Workflow } from '#shared/workflow/tree.ts';
import { openWorkflow } from '../state/documentSlice.ts';
import { stepIds } from '../state/stepLists.ts';
import { placesOf } from '../state/steps.ts';
import { now, useEditor } from '../state/store.ts';
import { CARD } from './fit.ts';
import { handlesOf } from './portPlaces.ts';

const SIZE = { initialWidth: CARD.width, initialHeight: CARD.height };
const NO_LAYOUT: Workflow['layout'] = {};

/**
 * The cards of the open workflow. They follow which steps there are, where they stand and what is selected; what a step does
 * is read by its own card, so the drawing stays as it is when somebody changes that.
 */
export function useNodes(): { nodes: Node[]; onNodesChange: (changes: NodeChange[]) => void } {
  const ids = useEditor(useShallow((state) => stepIds(openWorkflow(state))));
  const layout = useEditor((state) => openWorkflow(state)?.layout ?? NO_LAYOUT);
  const handles = useEditor(useShallow((state) => handlesOf(state.stepTypes, openWorkflow(state))));
  const selection = useEditor((state) => state.selection);
  const [nodes, setNodes] = useState<Node[]>(() => nodesOf({ ids, layout, handles }, selection, []));

  useEffect(
    () => setNodes((before) => nodesOf({ ids, layout, handles }, selection, before)),
    [ids, layout, handles, selection],
  );

  const onNodesChange = useCallback((changes: NodeChange[]) => {
    setNodes((before) => applyNodeChanges(changes, before));
    const selected = afterPicks(now().selection, changes);
    if (selected) now().select(selected);
  }, []);
  return { nodes, onNodesChange };
}

/** What is selected after what the drawing says of clicks and frames; undefined where it says nothing of that. */
export function afterPicks(
  before: readonly string[],
  changes: readonly { type: string; id?: string; selected?: boolean }[],
): string[] | undefined {
  const picks = changes.filter((change) => change.type === 'select');
  if (picks.length === 0) return undefined;
  const chosen = new Set(before);
  for (const { id = '', selected } of picks) {
    if (selected) chosen.add(id);
    else chosen.delete(id);
  }
  return [...chosen];
}

type Cards = { ids: string[]; layout: Workflow['layout']; handles: Record<string, NodeHandle[]> };

/** What did not change stays the same object, and the list too when nothing did. */
function nodesOf({ ids, layout, handles }: Cards, selection: string[], before: Node[]): Node[] {
  const chosen = new Set(selection);
  const known = new Map(before.map((node) => [node.id, node]));
  const places = placesOf(ids, layout);
  const next = ids.map((id, index) => {
    const [x, y] = places[index] ?? [0, 0];
    const old = known.get(id);
    const selected = chosen.has(id);
    const stands = old && old.position.x === x && old.position.y === y;
    const same = stands && old.selected === selected && old.handles === handles[id];
    if (old && (same || old.dragging)) return old;
    return { ...old, id, type: 'step', position: { x, y }, selected, handles: handles[id], data: {}, ...SIZE };
  });
  return next.length === before.length && next.every((node, index) => node === before[index]) ? before : next;
}
