import { useReactFlow, useViewport } from '@xyflow/react';
import {
  Hand,
  History,
  Hourglass,
  LayoutDashboard,
  LoaderCircle,
  Maximize,
  MousePointer2,
  Plus,
  Square,
} from 'lucide-react';
import { Button } from '../look/Button.tsx';
import { cx } from '../look/cx.ts';
import { formatDuration, formatTime } from '../look/format.ts';
import { useNow } from '../look/useNow.ts';
import { openWorkflow } from '../state/documentSlice.ts';
import { isReadOnly } from '../state/historySlice.ts';
import { isRunning, shownRunOf } from '../state/runSlice.ts';
import { stepsDone } from '../state/runView.ts';
import { stepIds } from '../state/stepLists.ts';
import { now, useEditor } from '../state/store.ts';
import { ANSWERABLE, WAITS } from '../state/waitWords.ts';
import { addAfterSelection, tidyUp } from './commands.ts';
import { fitAll } from './fit.ts';

type CanvasToolsProps = { mode: 'select' | 'hand'; onMode: (mode: 'select' | 'hand') => void };

export function CanvasTools({ mode, onMode }: CanvasToolsProps) {
  const flow = useReactFlow();
  const { zoom } = useViewport();
  const readOnly = useEditor(isReadOnly);
  const fit = () => fitAll(flow, 280);
  return (
    <div role="toolbar" aria-label="Canvas" className="canvas-tool absolute bottom-3.5 left-4 z-5">
      <Button
        look="ghost"
        size="sm"
        aria-label="Select"
        pressed={mode === 'select'}
        onClick={() => onMode('select')}
        icon={<MousePointer2 className="icon-s" />}
      />
      <Button
        look="ghost"
        size="sm"
        aria-label="Pan"
        pressed={mode === 'hand'}
        onClick={() => onMode('hand')}
        icon={<Hand className="icon-s" />}
      />
      <span className="mx-0.75 h-4 w-px bg-line-2" />
      {!readOnly && (
        <Button
          look="ghost"
          size="sm"
          aria-label="Add a step"
          onClick={addAfterSelection}
          icon={<Plus className="icon-s" />}
        />
      )}
      {!readOnly && (
        <Button
          look="ghost"
          size="sm"
          aria-label="Tidy up"
          onClick={() => void tidyUp().then(fit)}
          icon={<LayoutDashboard className="icon-s" />}
        />
      )}
      <Button look="ghost" size="sm" aria-label="Fit" onClick={fit} icon={<Maximize className="icon-s" />} />
      <span className="mx-0.75 h-4 w-px bg-line-2" />
      <button
        type="button"
        aria-label={`Zoom is ${Math.round(zoom * 100)} %, set it to 100 %`}
        onClick={() => void flow.zoomTo(1, { duration: 180 })}
        className="h-6 rounded-control px-1.5 text-small tabular-nums text-ink-3 hover:bg-hover"
      >
        {Math.round(zoom * 100)}%
      </button>
    </div>
  );
}

/** What the run does now, at the bottom of the canvas while it moves. */
export function RunPill() {
  const running = useEditor(isRunning);
  const view = useEditor(shownRunOf);
  const total = useEditor((state) => stepIds(openWorkflow(state)).length);
  const time = useNow(100, running);
  if (!running || !view) return null;
  const { run, waits } = view;
  const wait = run.status === 'waiting' ? waits.open[0] : undefined;
  const asks = waits.open.find(({ reason, path }) => ANSWERABLE.has(reason) && !path?.length);
  const spent = run.startedAt ? formatDuration(Math.max(0, time - Date.parse(run.startedAt))) : '';
  return (
    <div className="canvas-tool absolute bottom-3.5 left-1/2 z-5 -translate-x-1/2 gap-2! py-0.75! pr-1! pl-2.5! text-list">
      <span className={cx('flex items-center gap-1.5 font-name', wait ? 'text-wait-ink' : 'text-run-ink')}>
        {wait ? <Hourglass className="icon-s" aria-hidden /> : <LoaderCircle className="icon-s spin" aria-hidden />}
        {run.status === 'waiting'
          ? `Waiting${wait ? `: ${WAITS[wait.reason].toLowerCase()}` : ''}`
          : view.where === 'hosted'
            ? `Hosted run, ${run.environment ?? ''}`
            : 'Running'}
      </span>
      <span className="tabular-nums text-ink-3">
        {stepsDone(run)} of {total} steps
      </span>
      <span className="tabular-nums text-ink-3">{spent}</span>
      <span className="h-4 w-px bg-line-2" />
      {asks && (
        <Button
          size="sm"
          onClick={() => {
            now().select([asks.stepId]);
            now().setBottom({ open: true, tab: 'data' });
          }}
        >
          {asks.reason === 'webhook_reply' ? 'See what for' : 'Decide'}
        </Button>
      )}
      <Button look="ghost" size="sm" icon={<Square className="icon-s" />} onClick={() => void now().stop()}>
        Stop
      </Button>
    </div>
  );
}

/** Says which state of the project is shown, how it is coloured, and leads back to the drawing. */
export function LookingChip() {
  const looking = useEditor((state) => state.looking);
  const workflowId = useEditor((state) => state.workflowId);
  if (!looking) return null;
  const marks = Object.values(looking.marks[workflowId ?? ''] ?? {});
  const [before, after] = looking.names;
  const kinds = (['added', 'changed', 'removed', 'moved'] as const).filter((mark) => marks.includes(mark));
  return (
    <div className="canvas-tool absolute bottom-14 left-4 z-5 max-w-[calc(100%-32px)] flex-wrap gap-x-2.5! gap-y-1! pr-1! pl-2.5! text-list">
      <History className="icon-s text-ink-3" aria-hidden />
      <span>
        {before === after ? after : `${before} → ${after}`}
        <span className="text-ink-3">, read-only</span>
      </span>
      {kinds.map((mark) => (
        <span key={mark} className="flex items-center gap-1.25 text-small text-ink-2">
          <span className="mark-key" data-mark={mark} aria-hidden />
          {marks.filter((one) => one === mark).length} {mark}
        </span>
      ))}
      <Button size="sm" onClick={() => now().go('workflows')}>
        Back to editing
      </Button>
    </div>
  );
}
/** Says that a past run is shown, and leads back to the drawing. */
export function ReadOnlyChip() {
  const readOnly = useEditor((state) => state.readOnlyRun);
  const view = useEditor((state) => (state.readOnlyRun ? state.runs[state.readOnlyRun] : undefined));
  if (!readOnly) return null;
  return (
    <div className="canvas-tool absolute bottom-14 left-4 z-5 gap-2! pr-1! pl-2.5! text-list">
      <History className="icon-s text-ink-3" aria-hidden />
      <span>
        {view?.where === 'hosted' ? 'Hosted run' : 'Past run'}
        {view?.run.startedAt && <span className="text-ink-3"> of {formatTime(view.run.startedAt)}</span>}, read-only
      </span>
      <Button size="sm" onClick={() => now().leaveRun()}>
        Back to editing
      </Button>
    </div>
  );
}
