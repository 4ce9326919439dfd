import type { Edge, EdgeChange } from '@xyflow/react';
import { useMemo } from 'react';
import { useShallow } from 'zustand/react/shallow';
import { parseEdge } from '#shared/workflow/tree.ts';
import { openWorkflow } from '../state/documentSlice.ts';
import { stepNames } from '../state/stepLists.ts';
import { now, useEditor } from '../state/store.ts';
import { afterPicks } from './useNodes.ts';

/**
 * The edges of the open workflow. Readers hear their ends by name; without a new name they stay the same objects.
 *
 * @param slot the edge that what is dragged would be dropped into
 */
export function useEdges(slot: string | undefined): Edge[] {
  const edges = useEditor((state) => openWorkflow(state)?.edges);
  const selected = useEditor((state) => state.selectedEdges);
  const names = useEditor(useShallow((state) => stepNames(openWorkflow(state))));
  return useMemo(() => {
    const chosen = new Set(selected);
    return Object.keys(edges ?? {}).map((id) => {
      const { from, outPort, to, inPort } = parseEdge(id);
      return {
        id,
        type: 'flow',
        source: from,
        sourceHandle: outPort,
        target: to,
        targetHandle: inPort,
        selected: chosen.has(id),
        ariaLabel: `Edge from ${names[from] ?? from} to ${names[to] ?? to}`,
        data: { slot: slot === id },
      };
    });
  }, [edges, selected, slot, names]);
}

export function onEdgesChange(changes: EdgeChange[]): void {
  const selected = afterPicks(now().selectedEdges, changes);
  if (selected) now().select(now().selection, selected);
}
