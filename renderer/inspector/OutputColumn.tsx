import { History } from 'lucide-react';
import { useState } from 'react';
import { Count, StateBadge } from '../look/Badge.tsx';
import { formatBytes, formatTime, plural } from '../look/format.ts';
import { Segmented } from '../look/Segmented.tsx';
import { ErrorView } from '../runs/DataPanel.tsx';
import { type DataLook, DataLooks, ItemsView } from '../runs/ItemsView.tsx';
import { SourceMark } from '../runs/SourceMark.tsx';
import { WaitCard } from '../runs/WaitCard.tsx';
import { stepById } from '../state/documentSlice.ts';
import { placeOf } from '../state/openWaits.ts';
import { shownRunOf } from '../state/runSlice.ts';
import { sourceOfStep } from '../state/runView.ts';
import { openWaitOf, stepRunOf, useOutput } from '../state/stepData.ts';
import { isPinned } from '../state/stepFacts.ts';
import { now, useEditor } from '../state/store.ts';
import { ItemSwitch } from './ItemSwitch.tsx';

/** What a step gave in the run that is shown, or why it failed. */
export function OutputColumn({ stepId, stale }: { stepId: string; stale: boolean }) {
  const stepRun = useEditor(stepRunOf(stepId));
  const pinned = useEditor(isPinned(stepId));
  const view = useEditor(shownRunOf);
  const wait = useEditor(openWaitOf(stepId));
  const name = useEditor((state) => stepById(stepId)(state)?.name);
  const source = sourceOfStep(stepRun && { runs: [stepRun] });
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
      {(stale || pinned || source || ports.length > 1 || items.length > 1) && (
        <div className="flex flex-none flex-wrap items-center gap-2 px-3 pt-2">
          {stale && <StateBadge state="stale" word="From before your last edit" />}
          {(pinned || source?.kind === 'pin') && <StateBadge state="pinned" word="Pinned" />}
          {source?.kind === 'earlier' && view && <SourceMark source={source} where={view.where} />}
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
      {wait && view && (
        <div className="min-h-0 flex-1 overflow-auto p-3">
          <WaitCard key={placeOf(wait)} run={view} wait={wait} stepName={name ?? stepId} />
        </div>
      )}
      {stepRun?.error && !wait && <ErrorView error={stepRun.error} />}
      {!stepRun && <p className="flex items-center gap-2 p-4 text-small text-ink-3">It has not run yet.</p>}
      {stepRun &&
        !wait &&
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
