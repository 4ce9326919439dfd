import {
  Check,
  CircleCheck,
  CircleDashed,
  CircleX,
  Clock,
  History,
  Hourglass,
  LoaderCircle,
  Pin,
  RotateCw,
  Slash,
  TimerOff,
  TriangleAlert,
} from 'lucide-react';
import type { ComponentType } from 'react';
import { cx } from './cx.ts';

export type StateName =
  | 'idle'
  | 'queued'
  | 'running'
  | 'retrying'
  | 'waiting'
  | 'succeeded'
  | 'failed'
  | 'timed_out'
  | 'cancelled'
  | 'skipped'
  | 'stale'
  | 'pinned'
  | 'disabled'
  | 'lacks';

type Glyph = ComponentType<{ className?: string; 'aria-hidden'?: boolean }>;
type State = { word: string; glyph: Glyph; cardGlyph?: Glyph; tint: string; ink: string; quiet?: boolean };

/** One word, one glyph and one colour per state: never colour alone. */
export const STATES: Record<StateName, State> = {
  idle: { word: 'Not run', glyph: CircleDashed, tint: '', ink: 'text-ink-3', quiet: true },
  queued: { word: 'Queued', glyph: Clock, tint: '', ink: 'text-off-mark', quiet: true },
  running: { word: 'Running', glyph: LoaderCircle, tint: 'bg-run-soft text-run-ink', ink: 'text-run-ink' },
  retrying: { word: 'Retrying', glyph: RotateCw, tint: 'bg-run-soft text-run-ink', ink: 'text-run-ink' },
  waiting: { word: 'Waiting', glyph: Hourglass, tint: 'bg-wait-soft text-wait-ink', ink: 'text-wait-ink' },
  succeeded: { word: 'Succeeded', glyph: CircleCheck, cardGlyph: Check, tint: '', ink: 'text-ok-ink', quiet: true },
  failed: { word: 'Failed', glyph: CircleX, tint: 'bg-bad-soft text-bad-ink', ink: 'text-bad-ink' },
  timed_out: { word: 'Timed out', glyph: TimerOff, tint: 'bg-bad-soft text-bad-ink', ink: 'text-bad-ink' },
  cancelled: { word: 'Cancelled', glyph: Slash, tint: '', ink: 'text-off-mark', quiet: true },
  skipped: { word: 'Skipped', glyph: CircleDashed, tint: 'bg-off-soft text-off-ink', ink: 'text-off-mark' },
  stale: { word: 'Stale', glyph: History, tint: 'bg-wait-soft text-wait-ink', ink: 'text-wait-ink' },
  pinned: { word: 'Pinned', glyph: Pin, tint: 'bg-pin-soft text-pin-ink', ink: 'text-pin-ink' },
  disabled: { word: 'Off', glyph: Slash, tint: '', ink: 'text-ink-3', quiet: true },
  lacks: { word: 'Not complete', glyph: TriangleAlert, tint: 'bg-wait-soft text-wait-ink', ink: 'text-wait-ink' },
};

/** A run's or a step's state in a line of text or a table. */
export function StateBadge({ state, word }: { state: StateName; word?: string }) {
  const { glyph: Glyph, tint, ink, quiet, word: usual } = STATES[state];
  return (
    <span
      className={cx(
        'inline-flex h-5 flex-none items-center gap-1 rounded-[5px] text-[11.5px]/none font-control whitespace-nowrap',
        quiet ? 'text-ink-2' : cx(tint, 'pr-1.75 pl-1.25 [[data-theme=hc]_&]:shadow-[inset_0_0_0_1px_currentColor]'),
      )}
    >
      <Glyph className={cx('icon-xs', quiet && ink, state === 'running' && 'spin')} aria-hidden />
      {word ?? usual}
    </span>
  );
}

/** Only the glyph, for rows that say the word elsewhere. */
export function StateGlyph({ state }: { state: StateName }) {
  const { glyph: Glyph, ink, word } = STATES[state];
  return (
    <span className={cx('flex flex-none', ink)} title={word}>
      <Glyph className={cx('icon-s', state === 'running' && 'spin')} aria-hidden />
    </span>
  );
}

export function Count({ children }: { children: number | string }) {
  return (
    <span className="rounded-chip bg-press px-1.25 text-[11px]/4 font-control tabular-nums text-ink-3">{children}</span>
  );
}
