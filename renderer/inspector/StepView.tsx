import { ArrowLeft, ChevronLeft, ChevronRight, History, Pin, Play } from 'lucide-react';
import { useState } from 'react';
import { parseEdge, type Workflow } from '#shared/workflow/tree.ts';
import { runOne, togglePin } from '../canvas/commands.ts';
import { Count, StateBadge } from '../look/Badge.tsx';
import { Button } from '../look/Button.tsx';
import { formatBytes, formatDuration, formatTime, plural } from '../look/format.ts';
import { Kbd } from '../look/Kbd.tsx';
import { Segmented } from '../look/Segmented.tsx';
import { StepIcon } from '../look/stepIcon.tsx';
import { ErrorView } from '../runs/DataPanel.tsx';
import { type DataLook, DataLooks, ItemsView, SearchableData } from '../runs/ItemsView.tsx';
import { SchemaTree } from '../runs/SchemaTree.tsx';
import { openWorkflow, stepById } from '../state/documentSlice.ts';
import { outputAtHand, stepRunOf, useOutput, useStepInput } from '../state/stepData.ts';
import { cardState, isPinned } from '../state/stepFacts.ts';
import { stepsBefore } from '../state/steps.ts';
import { now, useEditor } from '../state/store.ts';
import { ErrorForm, NotesForm } from './ErrorForm.tsx';
import { giveExpression } from './fieldFocus.ts';
import { FORM_TABS, type FormTab } from './Inspector.tsx';
import { StepForm } from './StepForm.tsx';
import { StepName } from './StepName.tsx';

/** One step with what comes in at the left, its form, and what goes out at the right. */
export function StepView({ stepId }: { stepId: string }) {
  const step = useEditor(stepById(stepId));
  const workflow = useEditor(openWorkflow);
  const state = useEditor(cardState(stepId));
  const pinned = useEditor(isPinned(stepId));
  const ran = useEditor(stepRunOf(stepId));
  const readOnly = useEditor((editor) => editor.readOnlyRun !== undefined);
  const trusted = useEditor((editor) => editor.doc?.info.trusted ?? false);
  const [tab, setTab] = useState<FormTab>('fields');
  if (!step || !workflow) return null;
  const [before, after] = neighbours(workflow, stepId);
  const word =
    state === 'succeeded' && ran?.durationMs !== undefined
      ? `Succeeded in ${formatDuration(ran.durationMs)}`
      : undefined;
  return (
    <main className="flex min-w-0 flex-1 flex-col bg-panel" aria-label={`Step ${step.name}`}>
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
          {!readOnly && (
            <Button icon={<Pin className="icon-s" />} pressed={pinned} onClick={() => void togglePin(stepId)}>
              {pinned ? 'Unpin' : 'Pin output'}
            </Button>
          )}
          <Button
            look="primary"
            icon={<Play className="icon-s" />}
            blocked={readOnly ? 'A past run is shown.' : !trusted && 'The folder is not trusted yet.'}
            onClick={() => runOne(stepId)}
          >
            Run step
          </Button>
        </span>
      </header>
      <div className="grid min-h-0 flex-1 grid-cols-[minmax(0,1fr)_minmax(0,1.32fr)_minmax(0,1fr)] max-md:grid-cols-1 max-md:overflow-auto">
        <InputColumn stepId={stepId} workflow={workflow} />
        <section aria-label="Form" className="flex min-h-0 min-w-0 flex-col border-x border-line">
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
        <OutputColumn stepId={stepId} stale={state === 'stale'} />
      </div>
    </main>
  );
}

function neighbours(workflow: Workflow, stepId: string): [string | undefined, string | undefined] {
  const edges = Object.keys(workflow.edges).map(parseEdge);
  return [
    edges.find((edge) => edge.to === stepId)?.from,
    edges.find((edge) => edge.from === stepId && edge.outPort !== 'error')?.to,
  ];
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

function takeExpression(expression: string) {
  if (!giveExpression(expression))
    now().say({ kind: 'info', title: 'Put the cursor into a field first', text: 'Or drag the value onto the field.' });
}

function InputColumn({ stepId, workflow }: { stepId: string; workflow: Workflow }) {
  const { items, from, waiting } = useStepInput(stepId);
  const index = useEditor((state) => state.itemIndex);
  const [look, setLook] = useState<DataLook>('schema');
  const source = from ? workflow.steps[from]?.name : undefined;
  return (
    <section aria-label="Input" className="flex min-h-0 min-w-0 flex-col">
      <div className="flex h-10 flex-none items-center gap-2 border-b border-line px-3">
        <h2 className="text-list font-heading">Input</h2>
        <Count>{plural(items.length, 'item')}</Count>
        <span className="ml-auto">
          <DataLooks look={look} onLook={setLook} />
        </span>
      </div>
      {waiting ? (
        <p className="p-4 text-small text-ink-3">Reading the items…</p>
      ) : items.length === 0 ? (
        <div className="flex flex-col items-start gap-2 p-4 text-small text-ink-3">
          <p>No items yet. Run the steps before this one to see what comes in and to try expressions on it.</p>
          <Button size="sm" icon={<Play className="icon-s" />} onClick={() => runOne(stepId)}>
            Run up to here
          </Button>
        </div>
      ) : (
        <SearchableData
          items={items}
          look={look}
          root="$json"
          selected={index}
          onSelect={(next) => now().setItemIndex(next)}
          onUse={takeExpression}
          above={
            look !== 'table' && (
              <p className="flex flex-none items-center gap-1 px-3 pt-1 text-micro font-name text-ink-3">
                {source}
                {source && ','} item {Math.min(index, items.length - 1) + 1} of {items.length}
                <ItemSwitch count={items.length} />
              </p>
            )
          }
        />
      )}
      <AlsoInReach stepId={stepId} direct={from} workflow={workflow} />
    </section>
  );
}

function ItemSwitch({ count }: { count: number }) {
  const index = useEditor((state) => Math.min(state.itemIndex, Math.max(0, count - 1)));
  if (count < 2) return null;
  return (
    <span className="ml-auto flex items-center">
      <Button
        look="ghost"
        size="sm"
        aria-label="Item before"
        disabled={index === 0}
        icon={<ChevronLeft className="icon-s" />}
        onClick={() => now().setItemIndex(index - 1)}
      />
      <Button
        look="ghost"
        size="sm"
        aria-label="Next item"
        disabled={index >= count - 1}
        icon={<ChevronRight className="icon-s" />}
        onClick={() => now().setItemIndex(index + 1)}
      />
    </span>
  );
}

/** Steps further back and the environment's variables: everything else an expression can read. */
function AlsoInReach({ stepId, direct, workflow }: { stepId: string; direct: string | undefined; workflow: Workflow }) {
  const [open, setOpen] = useState<string>();
  const env = useEditor((state) => state.doc?.tree.environments.local?.vars);
  const others = stepsBefore(workflow, stepId).filter((id) => id !== direct);
  const rows = [
    ...others.map((id) => ({
      key: id,
      title: workflow.steps[id]?.name ?? id,
      root: `$('${id}').item.json`,
      value: outputAtHand(now(), id)?.[0]?.json,
    })),
    ...(env && Object.keys(env).length > 0 ? [{ key: '$env', title: '$env', root: '$env', value: env }] : []),
  ];
  if (rows.length === 0) return null;
  return (
    <div className="max-h-[45%] flex-none overflow-auto border-t border-line px-2 py-2">
      <h3 className="px-1 pb-1 text-micro font-name text-ink-3">Also in reach</h3>
      {rows.map((row) => (
        <div key={row.key}>
          <button
            type="button"
            aria-expanded={open === row.key}
            onPointerDown={(event) => event.preventDefault()}
            onClick={() => setOpen(open === row.key ? undefined : row.key)}
            className="flex h-6.5 w-full items-center gap-1.5 rounded-[5px] px-1 text-list hover:bg-hover"
          >
            <ChevronRight className={open === row.key ? 'icon-xs rotate-90' : 'icon-xs'} aria-hidden />
            <span className="truncate">{row.title}</span>
            <span className="ml-auto flex-none font-mono text-[11px] text-ink-3">
              {row.value ? plural(Object.keys(row.value).length, 'field') : 'not run'}
            </span>
          </button>
          {open === row.key && row.value && <SchemaTree value={row.value} root={row.root} onUse={takeExpression} />}
        </div>
      ))}
    </div>
  );
}

function OutputColumn({ stepId, stale }: { stepId: string; stale: boolean }) {
  const stepRun = useEditor(stepRunOf(stepId));
  const pinned = useEditor(isPinned(stepId));
  const index = useEditor((state) => state.itemIndex);
  const [look, setLook] = useState<DataLook>('json');
  const [port, setPort] = useState<string>();
  const ports = Object.keys(stepRun?.outputs ?? {});
  const shown = port && ports.includes(port) ? port : (ports.find((one) => one !== 'error') ?? ports[0]);
  const payload = shown ? stepRun?.outputs?.[shown] : undefined;
  const { items, waiting } = useOutput(stepId, payload);
  return (
    <section aria-label="Output" className="flex min-h-0 min-w-0 flex-col">
      <div className="flex h-10 flex-none items-center gap-2 border-b border-line px-3">
        <h2 className="text-list font-heading">Output</h2>
        <Count>{plural(items.length, 'item')}</Count>
        <span className="ml-auto">
          <DataLooks look={look} onLook={setLook} />
        </span>
      </div>
      {(stale || pinned || ports.length > 1 || items.length > 1) && (
        <div className="flex flex-none flex-wrap items-center gap-2 px-3 pt-2">
          {stale && <StateBadge state="stale" word="From before your last edit" />}
          {pinned && <StateBadge state="pinned" word="Pinned" />}
          {ports.length > 1 && (
            <Segmented
              label="Port"
              value={shown ?? ''}
              options={ports.map((one) => ({ value: one, label: one }))}
              onChange={setPort}
            />
          )}
          {look !== 'table' && items.length > 1 && (
            <span className="ml-auto flex items-center text-small tabular-nums text-ink-3">
              {Math.min(index, items.length - 1) + 1} of {items.length} <ItemSwitch count={items.length} />
            </span>
          )}
        </div>
      )}
      {stepRun?.error && <ErrorView error={stepRun.error} />}
      {!stepRun && <p className="flex items-center gap-2 p-4 text-small text-ink-3">It has not run yet.</p>}
      {stepRun &&
        !stepRun.error &&
        (waiting ? (
          <p className="p-4 text-small text-ink-3">Reading the items…</p>
        ) : (
          <ItemsView
            items={items}
            look={look}
            root={`$('${stepId}').item.json`}
            selected={index}
            onSelect={(next) => now().setItemIndex(next)}
          />
        ))}
      {stepRun && (
        <dl className="grid flex-none grid-cols-[96px_1fr] gap-y-1.5 border-t border-line p-3 text-small">
          {stepRun.startedAt && (
            <>
              <dt className="flex items-center gap-1.5 text-ink-3">
                <History className="icon-xs" aria-hidden /> Started
              </dt>
              <dd className="text-right tabular-nums">{formatTime(stepRun.startedAt)}</dd>
            </>
          )}
          {payload && (
            <>
              <dt className="text-ink-3">Size</dt>
              <dd className="text-right tabular-nums">
                {formatBytes('bytes' in payload ? payload.bytes : JSON.stringify(payload.items).length)}
              </dd>
            </>
          )}
        </dl>
      )}
    </section>
  );
}
