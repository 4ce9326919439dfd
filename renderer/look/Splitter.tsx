import { type KeyboardEvent, type PointerEvent, useRef } from 'react';
import { cx } from './cx.ts';

type SplitterProps = {
  label: string;
  /** `x` moves a column's edge, `y` a row's. */
  axis: 'x' | 'y';
  size: number;
  min: number;
  max: number;
  initial: number;
  /** -1 where the panel lies right of or below the line. */
  direction?: 1 | -1;
  onSize: (size: number) => void;
  className?: string;
};

/** A line to drag, with arrows too; double-click sets the first size again. */
export function Splitter({ label, axis, size, min, max, initial, direction = 1, onSize, className }: SplitterProps) {
  const start = useRef<{ at: number; size: number } | undefined>(undefined);
  const clamp = (next: number) => Math.round(Math.min(max, Math.max(min, next)));
  const at = (event: PointerEvent) => (axis === 'x' ? event.clientX : event.clientY);

  function onKeyDown(event: KeyboardEvent) {
    const step = { ArrowLeft: -16, ArrowUp: -16, ArrowRight: 16, ArrowDown: 16 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    onSize(clamp(size + step * direction));
  }

  return (
    // biome-ignore lint/a11y/useSemanticElements: a separator that can be moved has no element of its own.
    <div
      role="separator"
      tabIndex={0}
      aria-label={label}
      aria-orientation={axis === 'x' ? 'vertical' : 'horizontal'}
      aria-valuenow={size}
      aria-valuemin={min}
      aria-valuemax={max}
      onKeyDown={onKeyDown}
      onDoubleClick={() => onSize(initial)}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        start.current = { at: at(event), size };
      }}
      onPointerMove={(event) => {
        if (start.current) onSize(clamp(start.current.size + (at(event) - start.current.at) * direction));
      }}
      onPointerUp={() => {
        start.current = undefined;
      }}
      className={cx(
        'absolute z-10 touch-none transition-colors hover:bg-accent-line focus-visible:bg-accent focus-visible:outline-none',
        axis === 'x' ? 'inset-y-0 w-1 cursor-col-resize' : 'inset-x-0 h-1 cursor-row-resize',
        className,
      )}
    />
  );
}
