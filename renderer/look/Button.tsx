import { LoaderCircle } from 'lucide-react';
import type { ComponentProps, ReactNode } from 'react';
import { cx } from './cx.ts';
import { Tooltip } from './Tooltip.tsx';

type ButtonProps = Omit<ComponentProps<'button'>, 'children'> & {
  look?: 'primary' | 'plain' | 'ghost' | 'danger' | 'destroy';
  size?: 'sm' | 'md' | 'lg';
  icon?: ReactNode;
  children?: ReactNode;
  /** Shows a spinner and this word in place of the label, at the same width. */
  busy?: string | false;
  /** Why it is switched off, for the tooltip. Setting it switches it off. */
  blocked?: string | false;
  pressed?: boolean;
};

const LOOKS = {
  primary:
    'bg-accent text-on-accent hover:bg-[color-mix(in_oklch,var(--accent),var(--ink)_10%)] [[data-theme=dark]_&]:hover:bg-[color-mix(in_oklch,var(--accent),var(--app)_14%)] shadow-[inset_0_1px_0_oklch(1_0_0/.14),0_1px_2px_oklch(0_0_0/.16)]',
  plain:
    'bg-raised text-ink hover:bg-[color-mix(in_oklch,var(--raised),var(--ink)_4%)] shadow-[inset_0_0_0_1px_var(--line-2),0_1px_1px_oklch(0_0_0/.04)]',
  ghost: 'text-ink-2 hover:bg-hover',
  danger: 'bg-raised text-bad-ink hover:bg-bad-soft shadow-[inset_0_0_0_1px_var(--line-2),0_1px_1px_oklch(0_0_0/.04)]',
  destroy: 'bg-bad-ink text-panel hover:opacity-90',
};
const SIZES = { sm: 'h-6 px-2 text-small', md: 'h-7 px-2.5 text-body', lg: 'h-9 px-3.5 text-body' };
const SQUARE = { sm: 'size-6', md: 'size-7', lg: 'size-9' };

/** A labelled action. Without children it is an icon button and needs `aria-label`, which is also its tooltip. */
export function Button({
  look = 'plain',
  size = 'md',
  icon,
  children,
  busy,
  blocked,
  pressed,
  className,
  ...rest
}: ButtonProps) {
  const off = Boolean(blocked) || rest.disabled;
  const button = (
    <button
      type="button"
      aria-pressed={pressed}
      aria-disabled={off || undefined}
      {...rest}
      disabled={rest.disabled && !blocked}
      onClick={off || busy ? undefined : rest.onClick}
      className={cx(
        'relative inline-flex flex-none items-center justify-center gap-1.5 rounded-control font-control whitespace-nowrap select-none transition-colors duration-[80ms]',
        children ? SIZES[size] : SQUARE[size],
        off && look !== 'ghost'
          ? 'bg-transparent text-ink-off shadow-[inset_0_0_0_1px_var(--line-2)]'
          : off
            ? 'text-ink-off'
            : LOOKS[look],
        pressed && 'bg-press text-ink',
        className,
      )}
    >
      <span className={cx('inline-flex items-center gap-1.5', busy && 'invisible')}>
        {icon}
        {children}
      </span>
      {busy && (
        <span className="absolute inset-0 flex items-center justify-center gap-1.5">
          <LoaderCircle className="icon-s spin" aria-hidden />
          {children ? busy : null}
        </span>
      )}
    </button>
  );
  const hint = blocked || (children ? undefined : rest['aria-label']);
  return hint ? <Tooltip text={hint}>{button}</Tooltip> : button;
}
