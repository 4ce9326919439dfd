import { CircleX, TriangleAlert } from 'lucide-react';
import { cx } from './cx.ts';

type MeterProps = {
  label: string;
  used: number;
  included?: number;
  reserved?: number;
  format: (amount: number) => string;
  note?: string;
};

/** "Used of included": neutral, amber with a triangle from 85 %, red from 100 %. Without a limit only the number. */
export function Meter({ label, used, included, reserved = 0, format, note }: MeterProps) {
  const share = included ? (used + reserved) / included : 0;
  const level = share >= 1 ? 'full' : share >= 0.85 ? 'near' : 'fine';
  return (
    <div className="flex flex-col gap-1.5">
      <div className="flex items-center gap-1.5 text-small">
        <span className="text-ink-2">{label}</span>
        <span className="ml-auto flex items-center gap-1.5 tabular-nums">
          {level === 'near' && <TriangleAlert className="icon-s text-wait-ink" aria-label="Nearly used up" />}
          {level === 'full' && <CircleX className="icon-s text-bad-ink" aria-label="Used up" />}
          <span className="font-name text-ink">{format(used + reserved)}</span>
          <span className="text-ink-3">{included === undefined ? 'no limit' : `of ${format(included)}`}</span>
        </span>
      </div>
      {included !== undefined && (
        // biome-ignore lint/a11y/useSemanticElements: the element <meter> has colours of its own that cannot be set everywhere.
        <div
          role="meter"
          aria-label={label}
          aria-valuemin={0}
          aria-valuemax={included}
          aria-valuenow={used + reserved}
          className="h-1.5 overflow-hidden rounded-[3px] bg-press"
        >
          <div
            className={cx(
              'h-full rounded-[3px]',
              level === 'full' ? 'bg-bad-mark' : level === 'near' ? 'bg-wait-mark' : 'bg-ink-3',
            )}
            style={{ width: `${Math.min(100, share * 100)}%` }}
          />
        </div>
      )}
      {note && <p className="text-micro text-ink-3">{note}</p>}
    </div>
  );
}
