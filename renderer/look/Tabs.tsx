import { Tabs as Radix } from 'radix-ui';
import type { ReactNode } from 'react';
import { Count } from './Badge.tsx';

type TabsProps<T extends string> = {
  label: string;
  value: T;
  tabs: readonly { value: T; label: string; count?: number }[];
  onChange: (value: T) => void;
  end?: ReactNode;
};

/** A row of tabs with the accent line below the open one. The panels are the caller's. */
export function TabRow<T extends string>({ label, value, tabs, onChange, end }: TabsProps<T>) {
  return (
    <Radix.Root value={value} onValueChange={(next) => onChange(next as T)}>
      <Radix.List
        aria-label={label}
        className="flex h-8.5 flex-none items-stretch gap-0.5 border-b border-line bg-panel px-2"
      >
        {tabs.map((tab) => (
          <Radix.Trigger
            key={tab.value}
            value={tab.value}
            className="flex items-center gap-1.5 px-2.25 text-list whitespace-nowrap text-ink-3 hover:text-ink data-[state=active]:font-control data-[state=active]:text-ink data-[state=active]:shadow-[inset_0_-2px_0_var(--accent)]"
          >
            {tab.label}
            {tab.count !== undefined && <Count>{tab.count}</Count>}
          </Radix.Trigger>
        ))}
        <span className="ml-auto flex items-center gap-1">{end}</span>
      </Radix.List>
    </Radix.Root>
  );
}
