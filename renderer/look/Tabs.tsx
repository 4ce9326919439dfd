import { Tabs as Radix } from 'radix-ui';
import type { ReactNode } from 'react';
import { Count } from './Badge.tsx';

type TabsProps<T extends string> = {
  label: string;
  value: T;
  tabs: readonly { value: T; label: string; count?: number }[];
  onChange: (value: T) => void;
  /** The id of what the tabs show, which the caller draws. */
  panel: string;
  end?: ReactNode;
};

/** A row of tabs with the accent line below the open one; where there is no room for all, it scrolls. */
export function TabRow<T extends string>({ label, value, tabs, onChange, panel, end }: TabsProps<T>) {
  return (
    <Radix.Root
      value={value}
      onValueChange={(next) => onChange(next as T)}
      className="flex h-8.5 flex-none border-b border-line bg-panel pr-2"
    >
      <Radix.List
        aria-label={label}
        className="flex min-w-0 flex-1 items-stretch gap-0.5 overflow-x-auto pl-2 [scrollbar-width:none]"
      >
        {tabs.map((tab) => (
          <Radix.Trigger
            key={tab.value}
            value={tab.value}
            aria-controls={panel}
            className="flex flex-none items-center gap-1.5 px-2.25 text-list whitespace-nowrap text-ink-3 hover:text-ink data-[state=active]:font-control data-[state=active]:text-ink data-[state=active]:shadow-[inset_0_-2px_0_var(--accent)] focus-visible:rounded-control focus-visible:-outline-offset-2"
          >
            {tab.label}
            {tab.count !== undefined && <Count>{tab.count}</Count>}
          </Radix.Trigger>
        ))}
      </Radix.List>
      {end && <span className="flex flex-none items-center gap-1">{end}</span>}
    </Radix.Root>
  );
}
