import { ToggleGroup } from 'radix-ui';
import type { ReactNode } from 'react';

type SegmentedProps<T extends string> = {
  label: string;
  /** None is on where what is shown is none of them. */
  value: T | undefined;
  options: readonly { value: T; label: ReactNode; count?: number | string }[];
  onChange: (value: T) => void;
};

/** A few views of the same thing, one at a time. */
export function Segmented<T extends string>({ label, value, options, onChange }: SegmentedProps<T>) {
  return (
    <ToggleGroup.Root
      type="single"
      aria-label={label}
      value={value ?? ''}
      onValueChange={(next) => next && onChange(next as T)}
      className="inline-flex w-fit max-w-full flex-none flex-wrap gap-px rounded-[7px] bg-sunken p-0.5 shadow-[inset_0_0_0_1px_var(--line)]"
    >
      {options.map((option) => (
        <ToggleGroup.Item
          key={option.value}
          value={option.value}
          className="inline-flex h-5.5 items-center gap-1.25 rounded-[5px] px-2 text-[12px]/none font-medium whitespace-nowrap text-ink-3 hover:text-ink data-[state=on]:bg-raised data-[state=on]:text-ink data-[state=on]:shadow-card"
        >
          {option.label}
          {option.count !== undefined && <span className="font-normal tabular-nums text-ink-3">{option.count}</span>}
        </ToggleGroup.Item>
      ))}
    </ToggleGroup.Root>
  );
}
