const isMac = typeof navigator !== 'undefined' && /mac/i.test(navigator.userAgent);

/** Keys as they are called on this computer: `Ctrl K`, on a Mac `⌘ K`. */
export function Kbd({ keys }: { keys: string }) {
  return (
    <span className="inline-flex flex-none items-center gap-1">
      {keys.split(' ').map((key) => (
        <kbd
          key={key}
          className="inline-flex h-4.5 min-w-4.5 items-center justify-center rounded-chip bg-sunken px-1 font-ui text-[11px]/none font-medium text-ink-3 shadow-[inset_0_0_0_1px_var(--line)]"
        >
          {key === 'Ctrl' && isMac ? '⌘' : key}
        </kbd>
      ))}
    </span>
  );
}
