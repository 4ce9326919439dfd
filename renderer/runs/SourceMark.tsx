import { ArchiveRestore, Pin } from 'lucide-react';
import { formatTime } from '../look/format.ts';
import { Tooltip } from '../look/Tooltip.tsx';
import type { RunView, StepSource } from '../state/runView.ts';
import { now, useEditor } from '../state/store.ts';
import { timeOfId } from './picking.ts';

type SourceMarkProps = { source: StepSource; where: RunView['where'] };

const BOX = 'inline-flex h-5 flex-none items-center gap-1 rounded-[5px] px-1.25 text-[11.5px]/none font-control';

/** Says of data that it was not made by this run's step: somebody pinned it, or an earlier run made it. */
export function SourceMark({ source, where }: SourceMarkProps) {
  if (source.kind === 'pin') {
    return (
      <span className={`${BOX} bg-pin-soft text-pin-ink [[data-theme=hc]_&]:shadow-[inset_0_0_0_1px_currentColor]`}>
        <Pin className="icon-xs" aria-hidden /> {source.partly ? 'Partly pinned' : 'Pinned'}
      </span>
    );
  }
  const { runId } = source;
  return (
    <Tooltip text={`Made by the run of ${formatTime(timeOfId(runId))}. Open it.`}>
      <button
        type="button"
        onClick={() => void now().lookAt(runId, where)}
        className={`${BOX} bg-off-soft text-off-ink hover:bg-press`}
      >
        <ArchiveRestore className="icon-xs" aria-hidden />
        {source.partly ? 'Partly from an earlier run' : 'From an earlier run'}
      </button>
    </Tooltip>
  );
}

/** The same where there is only room for a glyph. */
export function SourceGlyph({ source }: { source: StepSource | undefined }) {
  if (!source) return null;
  const pin = source.kind === 'pin';
  const word = pin ? 'Pinned' : 'From an earlier run';
  const Glyph = pin ? Pin : ArchiveRestore;
  return (
    <span className={pin ? 'flex flex-none text-pin-ink' : 'flex flex-none text-ink-3'} title={word}>
      <Glyph className="icon-xs" aria-label={word} />
    </span>
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
