import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useRef } from 'react';
import type { RunLogLine } from '#shared/run/events.ts';
import { cx } from '../look/cx.ts';
import { openWorkflow } from '../state/documentSlice.ts';
import { shownRunOf } from '../state/runSlice.ts';
import { now, useEditor } from '../state/store.ts';

const NONE: RunLogLine[] = [];
const INKS = { debug: 'text-ink-3', info: 'text-ink-2', warn: 'text-wait-ink', error: 'text-bad-ink' };

/** What the steps wrote while they ran; follows the newest line until somebody scrolls up. Times are UTC. */
export function RunLog() {
  const lines = useEditor((state) => shownRunOf(state)?.logs ?? NONE);
  const steps = useEditor((state) => openWorkflow(state)?.steps);
  const box = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const rows = useVirtualizer({
    count: lines.length,
    getScrollElement: () => box.current,
    estimateSize: () => 22,
    overscan: 20,
  });
  useEffect(() => {
    if (follows.current && lines.length > 0) rows.scrollToIndex(lines.length - 1);
  }, [lines.length, rows]);
  if (lines.length === 0)
    return (
      <p className="p-4 text-small text-ink-3">The run wrote nothing yet. Code steps write here with ctx.log().</p>
    );
  return (
    <div
      ref={box}
      role="log"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it.
      tabIndex={0}
      onScroll={(event) => {
        const { scrollTop, clientHeight, scrollHeight } = event.currentTarget;
        follows.current = scrollHeight - scrollTop - clientHeight < 30;
      }}
      className="min-h-0 flex-1 overflow-auto font-mono text-[11.5px] focus-visible:-outline-offset-2"
    >
      <div className="relative" style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map((row) => {
          const line = lines[row.index];
          if (!line) return null;
          return (
            <div
              key={row.key}
              className="absolute inset-x-0 top-0 flex h-5.5 items-center gap-3 px-3 hover:bg-hover"
              style={{ transform: `translateY(${row.start}px)` }}
            >
              <span className="flex-none text-ink-3">{line.at.slice(11, 23)}</span>
              <span className={cx('w-10 flex-none', INKS[line.level])}>{line.level}</span>
              {line.stepId && (
                <button
                  type="button"
                  onClick={() => line.stepId && now().select([line.stepId])}
                  className="max-w-40 flex-none truncate text-accent-ink"
                >
                  {steps?.[line.stepId]?.name ?? line.stepId}
                </button>
              )}
              <span className="min-w-0 flex-1 truncate text-ink" title={line.message}>
                {line.message}
              </span>
            </div>
          );
        })}
      </div>
    </div>
  );
}
