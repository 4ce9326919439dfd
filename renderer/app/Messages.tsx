import { CircleCheck, CircleX, Info, X } from 'lucide-react';
import { useEffect, useState } from 'react';
import { Button } from '../look/Button.tsx';
import { cx } from '../look/cx.ts';
import { now, useEditor } from '../state/store.ts';
import type { Toast } from '../state/viewSlice.ts';

const STAY_MS = 6_000;
const GLYPHS = { ok: CircleCheck, info: Info, bad: CircleX };
const INKS = { ok: 'text-ok-ink', info: 'text-ink-3', bad: 'text-bad-ink' };

/** Messages that pass. They stay while the pointer or the focus is on them. */
export function Toasts() {
  const toasts = useEditor((state) => state.toasts);
  const aside = useEditor((state) => state.host?.shell === 'web' && state.doc === undefined);
  return (
    // What is live stays in reach of screen readers while a dialog hides the rest. It is spoken by the region below, once.
    <section
      data-toasts
      aria-label="Messages"
      aria-live="off"
      className={cx(
        'pointer-events-none fixed inset-x-0 bottom-10 z-70 flex flex-col items-center gap-2 px-4',
        aside && 'sm:items-end sm:px-6',
      )}
    >
      {toasts.map((toast) => (
        <OneToast key={toast.id} toast={toast} />
      ))}
    </section>
  );
}

function OneToast({ toast }: { toast: Toast }) {
  const [held, setHeld] = useState(false);
  useEffect(() => {
    if (held) return;
    const timer = setTimeout(() => now().dismiss(toast.id), STAY_MS);
    return () => clearTimeout(timer);
  }, [held, toast.id]);
  const Glyph = GLYPHS[toast.kind];
  return (
    <div
      role="note"
      aria-label="Message"
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
      className="pointer-events-auto flex max-w-130 items-start gap-2.5 rounded-[9px] bg-raised py-2 pr-2 pl-3 text-list shadow-pop animate-[pop-in_180ms_ease-out]"
    >
      <Glyph className={cx('icon mt-0.5', INKS[toast.kind])} aria-hidden />
      <div className="min-w-0 py-0.5">
        <p className="font-control">{toast.title}</p>
        {toast.text && <p className="text-small break-words text-ink-2">{toast.text}</p>}
      </div>
      {toast.action && (
        <Button size="sm" onClick={toast.action.run}>
          {toast.action.label}
        </Button>
      )}
      <Button
        look="ghost"
        size="sm"
        aria-label="Dismiss"
        icon={<X className="icon-s" />}
        onClick={() => now().dismiss(toast.id)}
      />
    </div>
  );
}

const BETWEEN_MS = 1_000;

/** What a screen reader is told: at most one message a second, the newest. */
export function LiveRegion() {
  const spoken = useEditor((state) => state.spoken);
  const [said, setSaid] = useState('');
  useEffect(() => {
    const timer = setTimeout(() => setSaid(spoken), BETWEEN_MS);
    return () => clearTimeout(timer);
  }, [spoken]);
  return (
    <div aria-live="polite" className="visually-hidden">
      {said}
    </div>
  );
}
