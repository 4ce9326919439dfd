import type { ReactNode } from 'react';

/** A full screen beside the rail: its title, its actions, and its content below. */
export function Screen({
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
    <main className="flex min-w-0 flex-1 flex-col bg-app">
      <header className="flex h-13 flex-none items-center gap-3 border-b border-line px-6 max-sm:px-4">
        <h1 className="text-title font-heading tracking-[-.01em]">{title}</h1>
        {word}
        <span className="ml-auto flex items-center gap-2">{actions}</span>
      </header>
      <div className="flex min-h-0 flex-1 flex-col overflow-auto">{children}</div>
    </main>
  );
}
