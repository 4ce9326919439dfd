import { ChevronLeft, ChevronRight, Copy, Pin, Search } from 'lucide-react';
import { useEffect, useMemo, useState } from 'react';
import { isJsonObject, type JsonObject } from '#shared/json.ts';
import type { Item } from '#shared/workflow/tree.ts';
import { togglePin } from '../canvas/commands.ts';
import { StateGlyph } from '../look/Badge.tsx';
import { Button } from '../look/Button.tsx';
import { cx } from '../look/cx.ts';
import { formatBytes, formatCount, formatDuration, plural } from '../look/format.ts';
import { Input } from '../look/Input.tsx';
import { Note } from '../look/Note.tsx';
import { Segmented } from '../look/Segmented.tsx';
import { openWorkflow } from '../state/documentSlice.ts';
import { hasComputer } from '../state/hostFacts.ts';
import { placeOf } from '../state/openWaits.ts';
import { shownRunOf } from '../state/runSlice.ts';
import { countItems, sourceOfStep, stateOfStep } from '../state/runView.ts';
import { openWaitOf, stepRunOf, useOutput, useStepInput } from '../state/stepData.ts';
import { isPinned } from '../state/stepFacts.ts';
import { readingOrder } from '../state/steps.ts';
import { now, useEditor } from '../state/store.ts';
import { type DataLook, DataLooks, ItemsView } from './ItemsView.tsx';
import { JsonView } from './JsonView.tsx';
import { SourceGlyph, SourceMark } from './SourceMark.tsx';
import { WaitCard } from './WaitCard.tsx';

/** The run's data: its steps at the left, one step's items in the middle, one item at the right. */
export function DataPanel() {
  const run = useEditor((state) => shownRunOf(state)?.run);
  const workflow = useEditor(openWorkflow);
  const selected = useEditor((state) => state.selection.at(-1));
  const order = useMemo(() => (workflow ? readingOrder(workflow) : []), [workflow]);
  if (!run || run.seq === 0 || !workflow)
    return <p className="p-4 text-small text-ink-3">Nothing has run yet. Press Run to see what each step gives.</p>;
  const ran = order.filter(({ stepId }) => (run.steps[stepId]?.runs.length ?? 0) > 0);
  const shown = selected && workflow.steps[selected] ? selected : ran.at(-1)?.stepId;
  return (
    <div className="flex min-h-0 flex-1">
      <ul
        aria-label="Steps of the run"
        className="w-49 flex-none overflow-auto border-r border-line py-1.5 text-list max-md:w-36"
      >
        {ran.map(({ stepId, level }) => {
          const step = run.steps[stepId];
          if (!step) return null;
          const items = countItems(step.itemsOut);
          return (
            <li key={stepId}>
              <button
                type="button"
                aria-pressed={stepId === shown}
                onClick={() => now().select([stepId])}
                className={cx(
                  'mx-1.5 flex h-6.5 w-[calc(100%-12px)] items-center gap-1.5 rounded-[5px] pr-2 focus-visible:-outline-offset-2',
                  stepId === shown ? 'bg-selected font-control' : 'text-ink-2 hover:bg-hover',
                )}
                style={{ paddingLeft: 8 + Math.min(level, 4) * 12 }}
              >
                <StateGlyph state={stateOfStep(step)} />
                <span className="min-w-0 flex-1 truncate text-left">{workflow.steps[stepId]?.name}</span>
                <SourceGlyph source={sourceOfStep(step)} />
                <span className="text-micro tabular-nums text-ink-3">
                  {step.iterations > 1
                    ? `${formatCount(step.iterations)} × ${formatCount(Math.round(items / step.iterations))}`
                    : formatCount(items)}
                </span>
              </button>
            </li>
          );
        })}
      </ul>
      {shown ? <StepData key={shown} stepId={shown} /> : <p className="p-4 text-small text-ink-3">Select a step.</p>}
    </div>
  );
}

type Side = 'input' | 'output' | 'error';

function StepData({ stepId }: { stepId: string }) {
  const name = useEditor((state) => openWorkflow(state)?.steps[stepId]?.name);
  const stepRun = useEditor(stepRunOf(stepId));
  const pinned = useEditor(isPinned(stepId));
  const readOnly = useEditor((state) => state.readOnlyRun !== undefined);
  const computer = useEditor(hasComputer);
  const index = useEditor((state) => state.itemIndex);
  const [side, setSide] = useState<Side>();
  const [port, setPort] = useState<string>();
  const [look, setLook] = useState<DataLook>('table');
  const [search, setSearch] = useState<string>();
  const input = useStepInput(stepId);
  const ports = Object.keys(stepRun?.outputs ?? {});
  const shownPort =
    port && ports.includes(port)
      ? port
      : (ports.find((one) => one !== 'error' && hasItems(stepRun?.outputs?.[one])) ?? ports[0]);
  const output = useOutput(stepId, shownPort ? stepRun?.outputs?.[shownPort] : undefined);
  const error = stepRun?.error;
  const view = useEditor(shownRunOf);
  const wait = useEditor(openWaitOf(stepId));
  const shownSide: Side = side ?? (error && !wait && !stepRun?.outputs ? 'error' : 'output');
  const source = sourceOfStep(stepRun && { runs: [stepRun] });
  const asks = wait !== undefined && shownSide === 'output';
  const { items, waiting } = shownSide === 'input' ? input : output;
  const item = items[Math.min(index, items.length - 1)];
  const sender = useEditor((state) => (input.from ? openWorkflow(state)?.steps[input.from]?.name : undefined));

  if (!stepRun) return <p className="p-4 text-small text-ink-3">{name} did not run.</p>;
  return (
    <>
      <div className="flex min-w-0 flex-1 flex-col">
        <header className="flex min-h-8.5 flex-none flex-wrap items-center gap-x-2.5 gap-y-1 border-b border-line px-3 py-0.75">
          <span className="max-w-40 truncate text-list font-heading">{name}</span>
          <Segmented<Side>
            label="Side"
            value={shownSide}
            onChange={setSide}
            options={[
              { value: 'input', label: 'Input', count: formatCount(input.items.length) },
              { value: 'output', label: 'Output', count: formatCount(output.items.length) },
              ...(error ? [{ value: 'error' as const, label: 'Error' }] : []),
            ]}
          />
          {shownSide === 'output' && ports.length > 1 && (
            <Segmented
              label="Port"
              value={shownPort ?? ''}
              options={ports.map((one) => ({
                value: one,
                label: one,
                count: formatCount(countOf(stepRun.outputs?.[one])),
              }))}
              onChange={setPort}
            />
          )}
          <Iterations stepId={stepId} />
          <span className="ml-auto flex items-center gap-1.5">
            {shownSide !== 'error' && !asks && <DataLooks look={look} onLook={setLook} />}
            <Button
              look="ghost"
              size="sm"
              aria-label="Search in data"
              pressed={search !== undefined}
              icon={<Search className="icon-s" />}
              onClick={() => setSearch(search === undefined ? '' : undefined)}
            />
            {!readOnly && computer && (
              <Button
                look="ghost"
                size="sm"
                aria-label={pinned ? 'Unpin the output' : 'Pin the output'}
                pressed={pinned}
                icon={<Pin className="icon-s" />}
                onClick={() => void togglePin(stepId)}
              />
            )}
          </span>
        </header>
        {search !== undefined && (
          <div className="flex-none border-b border-line p-2">
            <Input
              aria-label="Search in data"
              placeholder="Search in names and values"
              value={search}
              onChange={(event) => setSearch(event.target.value)}
            />
          </div>
        )}
        {shownSide === 'error' && error ? (
          <ErrorView error={error} />
        ) : asks && wait && view ? (
          <div className="min-h-0 flex-1 overflow-auto p-3">
            <div className="max-w-200">
              <WaitCard key={placeOf(wait)} run={view} wait={wait} stepName={name ?? stepId} />
            </div>
          </div>
        ) : waiting ? (
          <p className="p-4 text-small text-ink-3">Reading the items…</p>
        ) : (
          <ItemsView
            items={items}
            look={look}
            root={shownSide === 'input' ? '$json' : `$('${stepId}').item.json`}
            selected={index}
            onSelect={(next) => now().setItemIndex(next)}
            search={search}
            wholeList
          />
        )}
        <footer
          hidden={asks}
          className="flex h-7 flex-none items-center gap-2 border-t [&[hidden]]:hidden border-line px-3 text-small text-ink-3"
        >
          <span className="tabular-nums">{plural(items.length, 'item')}</span>
          {source && view && shownSide === 'output' && <SourceMark source={source} where={view.where} />}
          {!source && stepRun.durationMs !== undefined && <span>{formatDuration(stepRun.durationMs)}</span>}
          {stepRun.attempt > 1 && <span>{plural(stepRun.attempt, 'attempt')}</span>}
          {item && lineage(item, sender) && <span className="ml-auto truncate">{lineage(item, sender)}</span>}
        </footer>
      </div>
      {item && shownSide !== 'error' && look === 'table' && <ItemPane item={item} index={index} />}
    </>
  );
}

const hasItems = (payload: Parameters<typeof countOf>[0]) => countOf(payload) > 0;
function countOf(payload: { items: Item[] } | { count: number } | undefined): number {
  return !payload ? 0 : 'items' in payload ? payload.items.length : payload.count;
}

function lineage(item: Item, source: string | undefined): string | undefined {
  if (item.from === undefined || !source) return undefined;
  if (typeof item.from === 'number') return `From item ${item.from + 1} of ${source}`;
  return `From ${item.from.map(([port, at]) => `item ${at + 1} of ${port}`).join(', ')}`;
}

function Iterations({ stepId }: { stepId: string }) {
  const count = useEditor((state) => shownRunOf(state)?.run.steps[stepId]?.runs.length ?? 0);
  const shown = useEditor((state) => stepRunOf(stepId)(state)?.iteration ?? 0);
  if (count < 2) return null;
  const go = (to: number) => now().setIteration(stepId, Math.min(count - 1, Math.max(0, to)));
  return (
    <span className="flex items-center text-small tabular-nums text-ink-3">
      <Button
        look="ghost"
        size="sm"
        aria-label="Earlier run of this step"
        disabled={shown === 0}
        icon={<ChevronLeft className="icon-s" />}
        onClick={() => go(shown - 1)}
      />
      run {shown + 1} of {formatCount(count)}
      <Button
        look="ghost"
        size="sm"
        aria-label="Later run of this step"
        disabled={shown >= count - 1}
        icon={<ChevronRight className="icon-s" />}
        onClick={() => go(shown + 1)}
      />
    </span>
  );
}

function ItemPane({ item, index }: { item: Item; index: number }) {
  const text = useMemo(() => JSON.stringify(item.json, null, 2), [item]);
  const [copied, setCopied] = useState(false);
  useEffect(() => setCopied(false), []);
  return (
    <aside
      aria-label={`Item ${index + 1}`}
      className="flex w-[min(376px,34%)] flex-none flex-col border-l border-line max-lg:hidden"
    >
      <header className="flex h-8.5 flex-none items-center gap-1.5 border-b border-line pr-2 pl-3">
        <span className="text-small font-name">Item {index + 1}</span>
        <span className="text-micro tabular-nums text-ink-3">{formatBytes(new TextEncoder().encode(text).length)}</span>
        <Button
          look="ghost"
          size="sm"
          className="ml-auto"
          aria-label={copied ? 'Copied' : 'Copy'}
          icon={<Copy className="icon-s" />}
          onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}
        />
      </header>
      <JsonView value={item.json} className="flex-1" />
    </aside>
  );
}

type ErrorShown = { code: string; message: string; detail?: string; itemIndex?: number; details?: JsonObject };

/** What happened, with which item, and what to do; the code and the reply stand below. */
export function ErrorView({ error }: { error: ErrorShown }) {
  const [reply, setReply] = useState(false);
  return (
    <div className="min-h-0 flex-1 overflow-auto p-3">
      <Note
        kind="bad"
        title={error.message}
        actions={
          <Button size="sm" look="ghost" className="-ml-2" onClick={() => setReply(!reply)}>
            {reply ? 'Hide the reply' : 'Show the reply'}
          </Button>
        }
      >
        {error.itemIndex !== undefined && <p>With item {error.itemIndex + 1}.</p>}
        {error.detail && <p>{error.detail}</p>}
        {reply && (
          <div className="mt-2 font-mono text-[11.5px]">
            <p className="text-ink-3">{error.code}</p>
            {isJsonObject(error.details) && <JsonView value={error.details} className="max-h-60 px-0!" />}
          </div>
        )}
      </Note>
    </div>
  );
}
