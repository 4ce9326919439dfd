import { memo, useDeferredValue, useEffect, useMemo, useRef } from 'react';
import type { StepState } from '#shared/run/foldRun.ts';
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
  // Hundreds of lines that nobody sees: they follow when what can be seen is drawn, and what is typed goes before them.
  const shown = useDeferredValue(workflow);
  const ran = useDeferredValue(steps);
  const order = useOrder(shown);
  const tree = useRef<HTMLDivElement>(null);
  // What was selected may be gone; one of the steps can always be reached.
  const reached = selection.findLast((stepId) => shown?.steps[stepId]) ?? order[0]?.stepId;
  // Whoever reads the outline goes along where the arrows of the canvas lead.
  useEffect(() => {
    const row = tree.current?.querySelector<HTMLElement>(`[data-step="${reached}"]`);
    if (row && tree.current?.contains(document.activeElement)) row.focus({ preventScroll: true });
  }, [reached]);
  if (!shown) return null;
  const chosen = new Set(selection);
  return (
    <div ref={tree} role="tree" aria-label={`Steps of ${shown.name}`} aria-multiselectable className="visually-hidden">
      {order.map(({ stepId, level }) => (
        <Line
          key={stepId}
          stepId={stepId}
          level={level}
          words={wordsOf(shown, ran?.[stepId], stepId)}
          isSelected={chosen.has(stepId)}
          isReached={stepId === reached}
        />
      ))}
    </div>
  );
}

/** What a step does changes nothing about the order. */
function useOrder(workflow: Workflow | undefined): ReturnType<typeof readingOrder> {
  const ids = workflow && Object.keys(workflow.steps).join(' ');
  // biome-ignore lint/correctness/useExhaustiveDependencies: the order is made of these parts of the workflow.
  return useMemo(() => (workflow ? readingOrder(workflow) : []), [ids, workflow?.edges, workflow?.layout]);
}

type LineProps = { stepId: string; level: number; words: string; isSelected: boolean; isReached: boolean };

const Line = memo(function Line({ stepId, level, words, isSelected, isReached }: LineProps) {
  return (
    <div
      data-step={stepId}
      role="treeitem"
      aria-level={level + 1}
      aria-selected={isSelected}
      tabIndex={isReached ? 0 : -1}
      onFocus={() => now().selection.includes(stepId) || now().select([stepId])}
      onClick={() => now().select([stepId])}
      onKeyDown={(event) => event.key === 'Enter' && now().openStep(stepId)}
    >
      {words}
    </div>
  );
});

function wordsOf(workflow: Workflow, ran: StepState | undefined, stepId: string): string {
  const step = workflow.steps[stepId];
  const words = [
    step?.name,
    step?.uses,
    STATES[stateOfStep(ran)].word,
    ran && plural(countItems(ran.itemsOut), 'item'),
    portWords(workflow, stepId),
  ];
  return words.filter(Boolean).join(', ');
}

function portWords(workflow: Workflow, stepId: string): string {
  const leads = edgesFrom(workflow, stepId).map(
    (edge) => `${edge.outPort} leads to ${workflow.steps[edge.to]?.name ?? edge.to}`,
  );
  return leads.length > 0 ? leads.join(', ') : 'leads nowhere';
}
