import { ArchiveRestore, Pin } from 'lucide-react';
import { formatTime } from '../look/format.ts';
import { Tooltip } from '../look/Tooltip.tsx';
import type { RunView, StepSource } from '../state/runView.ts';
import { now, useEditor } from '../state/store.ts';
import { timeOfId } from './picking.ts';

type SourceMarkProps = {
  source: StepSource;
  where: RunView['where'];
  /** Only the words: where a row takes the click itself. */
  plain?: boolean;
};

const BOX = 'inline-flex h-5 flex-none items-center gap-1 rounded-[5px] px-1.25 text-[11.5px]/none font-control';

/** Says of data that it was not made by this run's step: somebody pinned it, or an earlier run made it. */
export function SourceMark({ source, where, plain }: SourceMarkProps) {
  if (source.kind === 'pin') {
    return (
      <span className={`${BOX} bg-pin-soft text-pin-ink [[data-theme=hc]_&]:shadow-[inset_0_0_0_1px_currentColor]`}>
        <Pin className="icon-xs" aria-hidden /> {source.partly ? 'Partly pinned' : 'Pinned'}
      </span>
    );
  }
  const words = source.partly ? 'Partly from an earlier run' : 'From an earlier run';
  const inside = (
    <>
      <ArchiveRestore className="icon-xs" aria-hidden /> {words}
    </>
  );
  const { runId } = source;
  if (plain) return <span className={`${BOX} bg-off-soft text-off-ink`}>{inside}</span>;
  return (
    <Tooltip text={`Made by the run of ${formatTime(timeOfId(runId))}. Open it.`}>
      <button
        type="button"
        onClick={() => void now().lookAt(runId, where)}
        className={`${BOX} bg-off-soft text-off-ink hover:bg-press`}
      >
        {inside}
      </button>
    </Tooltip>
  );
}

/** A run by the time it began, as a way to it. */
export function RunLink({ runId, where }: { runId: string; where: RunView['where'] }) {
  const known = useEditor((state) =>
    (where === 'local' ? state.localRuns : state.hostedRuns).find((run) => run.id === runId),
  );
  return (
    <button
      type="button"
      onClick={() => void now().lookAt(runId, where)}
      className="rounded-chip text-accent-ink tabular-nums hover:underline"
    >
      Run of {formatTime(known?.startedAt ?? known?.queuedAt ?? timeOfId(runId))}
    </button>
  );
}
