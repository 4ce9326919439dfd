import { Maximize2, Play, X } from 'lucide-react';
import { useState } from 'react';
import { runOne } from '../canvas/commands.ts';
import { StateBadge } from '../look/Badge.tsx';
import { Button } from '../look/Button.tsx';
import { Note } from '../look/Note.tsx';
import { Segmented } from '../look/Segmented.tsx';
import { StepIcon } from '../look/stepIcon.tsx';
import { isOpen } from '../state/conflictsSlice.ts';
import { openWorkflow, stepById } from '../state/documentSlice.ts';
import { isReadOnly } from '../state/historySlice.ts';
import { hasComputer } from '../state/hostFacts.ts';
import { cardState } from '../state/stepFacts.ts';
import { now, useEditor } from '../state/store.ts';
import { ErrorForm, NotesForm } from './ErrorForm.tsx';
import { StepForm } from './StepForm.tsx';
import { StepName } from './StepName.tsx';
import { WorkflowForm } from './WorkflowForm.tsx';

export const FORM_TABS = [
  { value: 'fields', label: 'Fields' },
  { value: 'error', label: 'On error' },
  { value: 'notes', label: 'Notes' },
] as const;
export type FormTab = (typeof FORM_TABS)[number]['value'];

/** The selected step's form, or the workflow's own settings. */
export function Inspector() {
  const selection = useEditor((state) => state.selection);
  const stepId = useEditor((state) =>
    state.selection.length === 1 && openWorkflow(state)?.steps[state.selection[0] ?? '']
      ? state.selection[0]
      : undefined,
  );
  if (stepId) return <StepPanel key={stepId} stepId={stepId} />;
  if (selection.length > 1) {
    return (
      <p className="p-4 text-small text-ink-3">
        {selection.length} steps are selected. Copy, move, turn off or delete them together.
      </p>
    );
  }
  return <WorkflowForm />;
}

function StepPanel({ stepId }: { stepId: string }) {
  const step = useEditor(stepById(stepId));
  const state = useEditor(cardState(stepId));
  const readOnly = useEditor(isReadOnly);
  const computer = useEditor(hasComputer);
  const conflict = useEditor(
    ({ conflicts, workflowId }) =>
      conflicts.find((one) => isOpen(one) && one.path[1] === workflowId && one.path[3] === stepId)?.id,
  );
  const [tab, setTab] = useState<FormTab>('fields');
  if (!step) return null;
  return (
    <>
      <header className="flex flex-none items-start gap-2.5 px-4 pt-3 pb-2.5">
        <span className="flex size-8 flex-none items-center justify-center rounded-[7px] bg-sunken text-ink-2 shadow-[inset_0_0_0_1px_var(--line)]">
          <StepIcon uses={step.uses} />
        </span>
        <div className="min-w-0 flex-1">
          <StepName stepId={stepId} />
          <p className="truncate font-mono text-[11px] text-ink-3">
            {step.uses} · {stepId}
          </p>
        </div>
        <Button
          look="ghost"
          size="sm"
          aria-label="Open the step"
          icon={<Maximize2 className="icon-s" />}
          onClick={() => now().openStep(stepId)}
        />
        <Button
          look="ghost"
          size="sm"
          aria-label="Close"
          icon={<X className="icon-s" />}
          onClick={() => now().select([])}
        />
      </header>
      <div className="flex flex-none flex-wrap items-center gap-2 border-b border-line px-4 pb-3">
        <Segmented label="Form" value={tab} options={FORM_TABS} onChange={setTab} />
        <span className="ml-auto flex items-center gap-2">
          {state !== 'idle' && <StateBadge state={state} />}
          {!readOnly && computer && (
            <Button
              look="ghost"
              size="sm"
              aria-label="Run this step"
              icon={<Play className="icon-s" />}
              onClick={() => runOne(stepId)}
            />
          )}
        </span>
      </div>
      <div className="min-h-0 flex-1 overflow-auto p-4">
        {conflict && (
          <Note
            kind="wait"
            className="mb-4"
            title="Two answers wait here"
            actions={
              <Button size="sm" onClick={() => now().openConflict(conflict)}>
                Look at both
              </Button>
            }
          >
            Somebody changed the same as you. What stands now is theirs.
          </Note>
        )}
        {tab === 'fields' && <StepForm stepId={stepId} />}
        {tab === 'error' && <ErrorForm stepId={stepId} />}
        {tab === 'notes' && <NotesForm stepId={stepId} />}
      </div>
    </>
  );
}
