import type { ReactNode } from 'react';

/** A screen of the web: its title and actions in a bar, its content below in one column. */
export function Page({
  title,
  word,
  actions,
  children,
}: {
  title: string;
  word?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}) {
  return (
    <main tabIndex={-1} className="flex min-h-0 min-w-0 flex-1 flex-col bg-app outline-none">
      <header className="flex min-h-13 flex-none max-sm:[&_button]:min-h-9 pointer-coarse:[&_button]:min-h-11 flex-wrap items-center gap-x-3 gap-y-2 border-b border-line px-6 py-2 max-sm:px-4">
        <h1 className="text-title font-heading tracking-[-.01em]">{title}</h1>
        {word && <span className="text-small text-ink-3 max-sm:hidden">{word}</span>}
        <span className="ml-auto flex flex-wrap items-center gap-2">{actions}</span>
      </header>
      <div className="min-h-0 flex-1 overflow-auto">
        <div className="mx-auto flex w-full max-w-360 flex-col gap-4 p-6 max-sm:p-3 max-sm:[&_button:not([role=checkbox])]:min-h-9 pointer-coarse:[&_button:not([role=checkbox])]:min-h-11">
          {children}
        </div>
      </div>
    </main>
  );
}

/** A part of a screen, with a heading of its own. */
export function Panel({ title, extra, children }: { title?: ReactNode; extra?: ReactNode; children: ReactNode }) {
  return (
    <section className="overflow-hidden rounded-panel bg-panel shadow-card">
      {title && (
        <header className="flex min-h-11 flex-wrap items-center gap-2 border-b border-line px-4 py-2">
          <h2 className="font-heading">{title}</h2>
          <span className="ml-auto flex items-center gap-2">{extra}</span>
        </header>
      )}
      {children}
    </section>
  );
}

/** One question, and what can be done about it. */
export function Empty({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="mx-auto max-w-100 px-4 py-12 text-center">
      <h2 className="text-lead font-heading">{title}</h2>
      {children && <p className="mt-1 text-ink-2">{children}</p>}
      {action && <div className="mt-3 flex justify-center gap-2">{action}</div>}
    </div>
  );
}
