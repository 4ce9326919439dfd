import { CircleX, Info, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { cx } from './cx.ts';

const KINDS = {
  info: { glyph: Info, box: 'bg-off-soft shadow-[inset_0_0_0_1px_var(--line)]', ink: 'text-off-ink' },
  wait: { glyph: TriangleAlert, box: 'bg-wait-soft shadow-[inset_0_0_0_1px_var(--wait-line)]', ink: 'text-wait-ink' },
  bad: { glyph: CircleX, box: 'bg-bad-soft shadow-[inset_0_0_0_1px_var(--bad-line)]', ink: 'text-bad-ink' },
};

type NoteProps = {
  kind?: keyof typeof KINDS;
  title?: ReactNode;
  children?: ReactNode;
  actions?: ReactNode;
  className?: string;
};

/** A message in its place: what happened in the title, then the cause and what to do. */
export function Note({ kind = 'info', title, children, actions, className }: NoteProps) {
  const { glyph: Glyph, box, ink } = KINDS[kind];
  return (
    <div
      role={kind === 'bad' ? 'alert' : 'note'}
      className={cx('flex gap-2.5 rounded-card px-3 py-2.5 text-small text-ink-2', box, className)}
    >
      <Glyph className={cx('icon flex-none', ink)} aria-hidden />
      <div className="min-w-0 flex-1 break-words">
        {title && <p className="font-heading text-ink">{title}</p>}
        {children}
        {actions && <div className="mt-1.5 flex flex-wrap gap-2">{actions}</div>}
      </div>
    </div>
  );
}
