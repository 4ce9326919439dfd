import { RotateCcw } from 'lucide-react';
import { type KeyboardEvent, type MouseEvent, useRef, useState } from 'react';
import type { RunSummary } from '#shared/contract/cloud/common.ts';
import { StateBadge } from '../look/Badge.tsx';
import { cx } from '../look/cx.ts';
import { formatDuration, formatTime } from '../look/format.ts';
import { Checkbox } from '../look/Switch.tsx';
import { useNow } from '../look/useNow.ts';
import { isOver } from '../state/runView.ts';
import { HOLDS, WAITS } from '../state/waitWords.ts';
import { beside, pickRange, togglePick } from './picking.ts';
import { TRIGGERS } from './RunDetail.tsx';

type RunTableProps = {
  runs: readonly RunSummary[];
  /** The run beside the list. */
  open: string | undefined;
  picked: ReadonlySet<string>;
  onPick: (picked: Set<string>) => void;
  /** `byKey`: the focus goes along. */
  onOpen: (run: RunSummary, byKey: boolean) => void;
  onShow: (run: RunSummary) => void;
  onRetry: (ids: string[]) => void;
};

/**
 * The list of runs. `J` and `K` walk, with Shift they pick on the way, `X` picks, `Ctrl A` picks all, `R` retries what is
 * picked or else the row, `Enter` opens it beside.
 */
export function RunTable({ runs, open, picked, onPick, onOpen, onShow, onRetry }: RunTableProps) {
  const body = useRef<HTMLTableSectionElement>(null);
  /** The row that has or had the focus: where walking and picking go on from. */
  const [at, setAt] = useState<string>();
  const ids = runs.map(({ id }) => id);
  const stop = at !== undefined && ids.includes(at) ? at : open !== undefined && ids.includes(open) ? open : ids[0];

  function walk(by: number, picks: boolean) {
    const to = beside(ids, at ?? open, by);
    const run = runs.find(({ id }) => id === to);
    if (!to || !run) return;
    if (picks) onPick(pickRange(ids, picked, at ?? open, to));
    else if (open !== undefined) onOpen(run, false);
    body.current?.querySelector<HTMLElement>(`[data-run="${to}"]`)?.focus();
  }

  function onKeyDown(event: KeyboardEvent) {
    const row = (event.target as HTMLElement).closest<HTMLElement>('[data-run]')?.dataset.run;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const mod = event.ctrlKey || event.metaKey;
    const by = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[key];
    const run = runs.find(({ id }) => id === row);
    if (mod && key === 'a') onPick(new Set(ids));
    else if (mod || event.altKey) return;
    else if (by !== undefined) walk(by, event.shiftKey);
    else if (!row || !run) return;
    else if (key === 'x') onPick(togglePick(picked, row));
    else if (key === 'r') onRetry(picked.size > 0 ? ids.filter((id) => picked.has(id)) : [row]);
    else if (key === 'Enter' && event.target === event.currentTarget.querySelector(`[data-run="${row}"]`))
      onOpen(run, true);
    else return;
    event.preventDefault();
  }

  function onClick(event: MouseEvent, run: RunSummary) {
    if (event.shiftKey) onPick(pickRange(ids, picked, at, run.id));
    else if (event.ctrlKey || event.metaKey) onPick(togglePick(picked, run.id));
    else onOpen(run, false);
  }

  const all = runs.length > 0 && runs.every(({ id }) => picked.has(id));
  return (
    <table className="w-full border-separate border-spacing-0 text-list">
      <thead>
        <tr className="text-left text-micro font-control text-ink-3">
          <th scope="col" className="sticky top-0 z-1 h-7.5 w-9.5 border-b border-line bg-panel pl-6 max-sm:pl-4">
            <Checkbox
              aria-label="Pick all of these runs"
              checked={all}
              onChange={() => onPick(new Set(all ? [] : ids))}
              disabled={runs.length === 0}
            />
          </th>
          <Head>Workflow</Head>
          <Head>State</Head>
          <Head hide="lg">Environment</Head>
          <Head hide="lg">Started by</Head>
          <Head right hide="sm">
            Started
          </Head>
          <Head right hide="sm">
            Took
          </Head>
        </tr>
      </thead>
      <tbody ref={body} onKeyDown={onKeyDown}>
        {runs.map((run) => (
          <RunRow
            key={run.id}
            run={run}
            open={run.id === open}
            picked={picked.has(run.id)}
            tabStop={run.id === stop}
            onFocus={() => setAt(run.id)}
            onPick={() => onPick(togglePick(picked, run.id))}
            onClick={(event) => onClick(event, run)}
            onShow={() => onShow(run)}
          />
        ))}
      </tbody>
    </table>
  );
}

/** Below which width a column gives way. */
const HIDE = { sm: 'max-sm:hidden', lg: 'max-lg:hidden' };

function Head({ children, right, hide }: { children: string; right?: boolean; hide?: 'sm' | 'lg' }) {
  return (
    <th
      scope="col"
      className={cx(
        'sticky top-0 z-1 h-7.5 border-b border-line bg-panel px-3 last:pr-6',
        right && 'text-right',
        hide && HIDE[hide],
      )}
    >
      {children}
    </th>
  );
}

type RunRowProps = {
  run: RunSummary;
  open: boolean;
  picked: boolean;
  /** Tab comes to this row and no other. */
  tabStop: boolean;
  onFocus: () => void;
  onPick: () => void;
  onClick: (event: MouseEvent) => void;
  onShow: () => void;
};

function RunRow({ run, open, picked, tabStop, onFocus, onPick, onClick, onShow }: RunRowProps) {
  const time = useNow(1_000, !isOver(run.status) && run.startedAt !== undefined);
  const took =
    run.durationMs ??
    (run.startedAt
      ? Math.max(0, (run.finishedAt ? Date.parse(run.finishedAt) : time) - Date.parse(run.startedAt))
      : undefined);
  const cell = 'h-9 border-b border-line px-3 whitespace-nowrap';
  const started = formatTime(run.startedAt ?? run.queuedAt);
  return (
    <tr
      data-run={run.id}
      tabIndex={tabStop ? 0 : -1}
      aria-selected={open}
      onClick={onClick}
      onDoubleClick={onShow}
      onFocus={onFocus}
      className={cx('select-none focus-visible:-outline-offset-2', open || picked ? 'bg-selected' : 'hover:bg-hover')}
    >
      <td className={cx(cell, 'pr-0! pl-6! max-sm:pl-4!', open && 'shadow-[inset_2px_0_0_var(--accent)]')}>
        {/* biome-ignore lint/a11y/noStaticElementInteractions: a click on the box is not one on the row. */}
        {/* biome-ignore lint/a11y/useKeyWithClickEvents: the box itself takes the keys. */}
        <span className="flex" onClick={(event) => event.stopPropagation()}>
          <Checkbox
            aria-label={`Pick ${run.workflowName} of ${started}`}
            tabIndex={tabStop ? 0 : -1}
            checked={picked}
            onChange={onPick}
          />
        </span>
      </td>
      <td className={cx(cell, 'max-w-60 truncate font-name max-sm:h-12 max-sm:w-1/2 max-sm:max-w-0')}>
        {run.workflowName}
        {run.versionNumber !== undefined && <span className="ml-1.5 font-normal text-ink-3">v{run.versionNumber}</span>}
        {run.retryOf && (
          <RotateCcw className="ml-1.5 mb-px inline icon-xs text-ink-3" aria-label="A retry of an earlier run" />
        )}
        <span className="block text-small font-normal tabular-nums text-ink-3 sm:hidden">
          {started}
          {took !== undefined && `, ${formatDuration(took)}`}
        </span>
      </td>
      <td className={cx(cell, 'w-[45%] max-w-0')}>
        <span className="flex items-center gap-2">
          <StateBadge state={run.status} />
          <span className="min-w-0 truncate text-small text-ink-3">{whyOf(run)}</span>
        </span>
      </td>
      <td className={cx(cell, 'max-lg:hidden')}>{run.environment}</td>
      <td className={cx(cell, 'max-lg:hidden')}>{TRIGGERS[run.trigger]}</td>
      <td className={cx(cell, 'text-right tabular-nums', HIDE.sm)} title={run.queuedAt}>
        {started}
      </td>
      <td className={cx(cell, 'pr-6 text-right tabular-nums', HIDE.sm)}>
        {took === undefined ? '' : formatDuration(took)}
      </td>
    </tr>
  );
}

/** Every wait and failure says why in the same line. */
function whyOf({ status, wait, heldBy, error }: RunSummary): string | undefined {
  if (status === 'waiting') return wait && WAITS[wait.reason];
  if (status === 'queued') return heldBy && HOLDS[heldBy];
  return status === 'failed' || status === 'timed_out' ? error?.message : undefined;
}
