import { X } from 'lucide-react';
import { Dialog as Radix } from 'radix-ui';
import type { ReactNode } from 'react';
import { Button } from './Button.tsx';
import { cx } from './cx.ts';
import { useFocusBack } from './useFocusBack.ts';

type DialogProps = {
  open: boolean;
  onClose: () => void;
  /** Says the act: "Publish support-ops". */
  title: ReactNode;
  /** Beside the title. */
  head?: ReactNode;
  size?: 'confirm' | 'form' | 'wide';
  /** The consequence, left in the footer. */
  consequence?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  /** The body has its own padding and scrolls within its parts. */
  bare?: boolean;
  /** Enter in a field, or a button of type `submit`. */
  onSubmit?: () => void;
};

const WIDTHS = { confirm: 'w-[420px]', form: 'w-[640px]', wide: 'w-[960px]' };

/** Blocks the screen; only publish, delete, sign-in and their like may. It traps the focus and gives it back. */
export function Dialog({
  open,
  onClose,
  title,
  head,
  size = 'confirm',
  consequence,
  actions,
  children,
  bare,
  onSubmit,
}: DialogProps) {
  const giveFocusBack = useFocusBack();
  const parts = (
    <>
      <div
        data-body
        className={cx('flex min-h-0 flex-1 flex-col', bare ? 'overflow-hidden' : 'gap-4 overflow-auto p-5 max-sm:p-4')}
      >
        {children}
      </div>
      {(actions || consequence) && (
        <footer className="flex min-h-15 flex-none flex-wrap items-center justify-end gap-2 border-t border-line px-5 py-3 max-sm:px-4 max-sm:[&_button]:min-h-9 pointer-coarse:[&_button]:min-h-11">
          <span className="flex min-w-0 flex-1 text-small text-ink-3 empty:hidden max-sm:basis-full">
            {consequence}
          </span>
          {actions}
        </footer>
      )}
    </>
  );
  return (
    <Radix.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-scrim animate-[fade-in_120ms_ease-out]" />
        <Radix.Content
          aria-describedby={undefined}
          onOpenAutoFocus={(event) => {
            // Where one types comes first, but for what may be left out; then the act at the right of the footer, once it
            // can be done and leaves things where they are; then what is chosen beside the title; then the way out.
            const box = event.currentTarget as HTMLElement;
            const first =
              box.querySelector<HTMLElement>('[data-body] :is(input, textarea, [role="combobox"]):not([data-later])') ??
              box.querySelector<HTMLElement>(
                'footer button:last-of-type:not([aria-disabled="true"]):not([data-destroys])',
              ) ??
              box.querySelector<HTMLElement>('header [role="combobox"]') ??
              box.querySelector<HTMLElement>('footer button');
            event.preventDefault();
            (first ?? box).focus();
          }}
          onCloseAutoFocus={(event) => giveFocusBack(event)}
          onInteractOutside={(event) => {
            // A message that passes lies above the dialog and does not belong to what is behind it.
            if ((event.target as HTMLElement | null)?.closest('[data-toasts]')) event.preventDefault();
          }}
          className={cx(
            'fixed top-[min(11vh,100px)] left-1/2 z-50 flex max-h-[min(82vh,720px)] max-w-[calc(100vw-32px)] -translate-x-1/2 flex-col overflow-hidden rounded-dialog bg-panel shadow-dialog outline-none animate-[fade-in_180ms_ease-out]',
            WIDTHS[size],
          )}
        >
          <header className="flex min-h-14 flex-none items-center gap-2 border-b border-line py-2 pr-3 pl-5 max-sm:flex-wrap max-sm:pl-4">
            <Radix.Title className="min-w-0 text-lead font-heading tracking-[-.01em] [overflow-wrap:anywhere] max-sm:flex-1">
              {title}
            </Radix.Title>
            {head && <div className="flex min-w-0 flex-1 max-sm:order-1 max-sm:basis-full">{head}</div>}
            <Radix.Close asChild>
              <Button look="ghost" className="ml-auto max-sm:size-9" aria-label="Close" icon={<X className="icon" />} />
            </Radix.Close>
          </header>
          {onSubmit ? (
            <form
              noValidate
              className="flex min-h-0 flex-1 flex-col"
              onSubmit={(event) => {
                event.preventDefault();
                // A dialog may stand in a form of the page; its own is none of that one's business.
                event.stopPropagation();
                onSubmit();
              }}
            >
              {parts}
            </form>
          ) : (
            parts
          )}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
