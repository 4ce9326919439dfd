import { useEffect, useMemo, useRef } from 'react';
import type { Workflow } from '#shared/workflow/tree.ts';
import { STATES } from '../look/Badge.tsx';
import { plural } from '../look/format.ts';
import { openWorkflow } from '../state/documentSlice.ts';
import { edgesFrom } from '../state/edges.ts';
import { shownRunOf } from '../state/runSlice.ts';
import { countItems, stateOfStep } from '../state/runView.ts';
import { readingOrder } from '../state/steps.ts';
import { now, useEditor } from '../state/store.ts';

/** The canvas in words: every step with its state, its items and where its ports lead, in reading order. */
export function Outline() {
  const workflow = useEditor(openWorkflow);
  const steps = useEditor((state) => shownRunOf(state)?.run.steps);
  const selection = useEditor((state) => state.selection);
  const order = useMemo(() => (workflow ? readingOrder(workflow) : []), [workflow]);
  const tree = useRef<HTMLDivElement>(null);
  // What was selected may be gone; one of the steps can always be reached.
  const reached = selection.findLast((stepId) => workflow?.steps[stepId]) ?? order[0]?.stepId;
  // Whoever reads the outline goes along where the arrows of the canvas lead.
  useEffect(() => {
    const row = tree.current?.querySelector<HTMLElement>(`[data-step="${reached}"]`);
    if (row && tree.current?.contains(document.activeElement)) row.focus({ preventScroll: true });
  }, [reached]);
  if (!workflow) return null;
  return (
    <div
      ref={tree}
      role="tree"
      aria-label={`Steps of ${workflow.name}`}
      aria-multiselectable
      className="visually-hidden"
    >
      {order.map(({ stepId, level }) => {
        const step = workflow.steps[stepId];
        const ran = steps?.[stepId];
        const words = [
          step?.name,
          step?.uses,
          STATES[stateOfStep(ran)].word,
          ran && plural(countItems(ran.itemsOut), 'item'),
          portWords(workflow, stepId),
        ];
        return (
          <div
            key={stepId}
            data-step={stepId}
            role="treeitem"
            aria-level={level + 1}
            aria-selected={selection.includes(stepId)}
            tabIndex={stepId === reached ? 0 : -1}
            onFocus={() => selection.includes(stepId) || now().select([stepId])}
            onClick={() => now().select([stepId])}
            onKeyDown={(event) => event.key === 'Enter' && now().openStep(stepId)}
          >
            {words.filter(Boolean).join(', ')}
          </div>
        );
      })}
    </div>
  );
}

function portWords(workflow: Workflow, stepId: string): string {
  const leads = edgesFrom(workflow, stepId).map(
    (edge) => `${edge.outPort} leads to ${workflow.steps[edge.to]?.name ?? edge.to}`,
  );
  return leads.length > 0 ? leads.join(', ') : 'leads nowhere';
}
