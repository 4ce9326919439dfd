import { ArrowLeft, ChevronLeft, ChevronRight, Pin, Play } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import type { Workflow } from '#shared/workflow/tree.ts';
import { ONE_AT_A_TIME_BELOW, useWidth } from '../app/useWidth.ts';
import { runOne, togglePin } from '../canvas/commands.ts';
import { StateBadge } from '../look/Badge.tsx';
import { Button } from '../look/Button.tsx';
import { formatDuration } from '../look/format.ts';
import { Kbd } from '../look/Kbd.tsx';
import { Segmented } from '../look/Segmented.tsx';
import { StepIcon } from '../look/stepIcon.tsx';
import { openWorkflow, stepById } from '../state/documentSlice.ts';
import { edgesFrom, edgesTo } from '../state/edges.ts';
import { isReadOnly } from '../state/historySlice.ts';
import { hasComputer } from '../state/hostFacts.ts';
import { stepRunOf } from '../state/stepData.ts';
import { cardState, isPinned } from '../state/stepFacts.ts';
import { now, useEditor } from '../state/store.ts';
import { ErrorForm, NotesForm } from './ErrorForm.tsx';
import { InputColumn } from './InputColumn.tsx';
import { FORM_TABS, type FormTab } from './Inspector.tsx';
import { OutputColumn } from './OutputColumn.tsx';
import { StepForm } from './StepForm.tsx';
import { StepName } from './StepName.tsx';

const COLUMNS = [
  { value: 'input', label: 'Input' },
  { value: 'form', label: 'Step' },
  { value: 'output', label: 'Output' },
] as const;
type Column = (typeof COLUMNS)[number]['value'];

/** One step with what comes in at the left, its form, and what goes out at the right. */
export function StepView({ stepId }: { stepId: string }) {
  const step = useEditor(stepById(stepId));
  const workflow = useEditor(openWorkflow);
  const state = useEditor(cardState(stepId));
  const pinned = useEditor(isPinned(stepId));
  const ran = useEditor(stepRunOf(stepId));
  const readOnly = useEditor(isReadOnly);
  const computer = useEditor(hasComputer);
  const trusted = useEditor((editor) => editor.doc?.info.trusted ?? false);
  const [tab, setTab] = useState<FormTab>('fields');
  const [column, setColumn] = useState<Column>('form');
  const main = useRef<HTMLElement>(null);
  // The keys go on from here; the card that had the focus is gone.
  useEffect(() => main.current?.focus(), []);
  const narrow = useWidth() < ONE_AT_A_TIME_BELOW;
  if (!step || !workflow) return null;
  const shows = (one: Column) => !narrow || column === one;
  const [before, after] = neighbours(workflow, stepId);
  const word =
    state === 'succeeded' && ran?.durationMs !== undefined
      ? `Succeeded in ${formatDuration(ran.durationMs)}`
      : undefined;
  return (
    <main
      ref={main}
      tabIndex={-1}
      className="flex min-w-0 flex-1 flex-col bg-panel outline-none"
      aria-label={`Step ${step.name}`}
    >
      <header className="flex min-h-13 flex-none flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-4 py-1.5">
        <Button
          look="ghost"
          aria-label="Back to the canvas"
          icon={<ArrowLeft className="icon" />}
          onClick={() => now().openStep(undefined)}
        />
        <span className="flex size-8 flex-none items-center justify-center rounded-[7px] bg-sunken text-ink-2 shadow-[inset_0_0_0_1px_var(--line)]">
          <StepIcon uses={step.uses} />
        </span>
        <div className="w-44 min-w-0">
          <StepName stepId={stepId} className="text-lead!" />
          <p className="truncate font-mono text-[11px] text-ink-3">
            {step.uses} · {stepId}
          </p>
        </div>
        <Neighbour stepId={before} workflow={workflow} side="before" />
        <Neighbour stepId={after} workflow={workflow} side="after" />
        <span className="ml-auto flex items-center gap-2">
          {state !== 'idle' && <StateBadge state={state} word={word} />}
          {!readOnly && computer && (
            <Button icon={<Pin className="icon-s" />} pressed={pinned} onClick={() => void togglePin(stepId)}>
              {pinned ? 'Unpin' : 'Pin output'}
            </Button>
          )}
          {computer && (
            <Button
              look="primary"
              icon={<Play className="icon-s" />}
              blocked={readOnly ? 'A past run is shown.' : !trusted && 'The folder is not trusted yet.'}
              onClick={() => {
                runOne(stepId);
                setColumn('output');
              }}
            >
              Run step
            </Button>
          )}
        </span>
      </header>
      {narrow && (
        <div className="flex h-10 flex-none items-center border-b border-line px-4">
          <Segmented label="Part" value={column} options={COLUMNS} onChange={setColumn} />
        </div>
      )}
      <div
        className={
          narrow
            ? 'grid min-h-0 flex-1 grid-cols-1'
            : 'grid min-h-0 flex-1 grid-cols-[minmax(0,1fr)_minmax(0,1.32fr)_minmax(0,1fr)]'
        }
      >
        {shows('input') && <InputColumn stepId={stepId} workflow={workflow} />}
        {shows('form') && (
          <section aria-label="Form" className="flex min-h-0 min-w-0 flex-col border-line not-first:border-x">
            <div className="flex h-10 flex-none items-center gap-2 border-b border-line px-4">
              <Segmented label="Form" value={tab} options={FORM_TABS} onChange={setTab} />
              <span className="ml-auto flex items-center gap-1.5 text-micro text-ink-3 max-lg:hidden">
                <Kbd keys="Ctrl Enter" /> run step
              </span>
            </div>
            <div className="min-h-0 flex-1 overflow-auto p-4">
              {tab === 'fields' && <StepForm stepId={stepId} />}
              {tab === 'error' && <ErrorForm stepId={stepId} />}
              {tab === 'notes' && <NotesForm stepId={stepId} />}
            </div>
          </section>
        )}
        {shows('output') && <OutputColumn stepId={stepId} stale={state === 'stale'} />}
      </div>
    </main>
  );
}

function neighbours(workflow: Workflow, stepId: string): [string | undefined, string | undefined] {
  return [edgesTo(workflow, stepId)[0]?.from, edgesFrom(workflow, stepId).find((edge) => edge.outPort !== 'error')?.to];
}

function Neighbour({
  stepId,
  workflow,
  side,
}: {
  stepId: string | undefined;
  workflow: Workflow;
  side: 'before' | 'after';
}) {
  const step = stepId ? workflow.steps[stepId] : undefined;
  if (!step) return null;
  return (
    <button
      type="button"
      onClick={() => now().openStep(stepId)}
      className="flex max-w-40 items-center gap-1 rounded-control px-1.5 py-1 text-list text-ink-2 hover:bg-hover max-lg:hidden"
    >
      {side === 'before' && <ChevronLeft className="icon-s flex-none" aria-label="Step before" />}
      <span className="truncate">{step.name}</span>
      {side === 'after' && <ChevronRight className="icon-s flex-none" aria-label="Step after" />}
    </button>
  );
}
