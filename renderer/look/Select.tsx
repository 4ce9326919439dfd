import { Check, ChevronDown } from 'lucide-react';
import { Select as Radix } from 'radix-ui';
import type { ReactNode } from 'react';
import { cx } from './cx.ts';

export type Option = { value: string; label: string; hint?: string };
type SelectProps = {
  id?: string;
  value: string | undefined;
  options: Option[];
  onChange: (value: string) => void;
  placeholder?: string;
  'aria-label'?: string;
  'aria-describedby'?: string;
  icon?: ReactNode;
  look?: 'field' | 'button' | 'ghost';
  disabled?: boolean;
};

/** One of a few. An empty text cannot be a value; use a word for "none". */
export function Select({
  value,
  options,
  onChange,
  placeholder = 'Choose',
  icon,
  look = 'field',
  ...rest
}: SelectProps) {
  return (
    <Radix.Root value={value ?? ''} onValueChange={onChange} disabled={rest.disabled}>
      <Radix.Trigger
        id={rest.id}
        aria-label={rest['aria-label']}
        aria-describedby={rest['aria-describedby']}
        className={cx(
          'flex min-w-0 items-center gap-1.5 rounded-control text-left data-[placeholder]:text-ink-3 disabled:text-ink-off',
          look === 'field' && 'field-box h-7.5 w-full bg-panel px-2.25',
          look === 'button' &&
            'h-6 bg-raised px-2 text-small font-control text-ink shadow-[inset_0_0_0_1px_var(--line-2)]',
          look === 'ghost' && 'h-7 px-2.5 font-control text-ink-2 hover:bg-hover',
        )}
      >
        {icon}
        <span className="min-w-0 flex-1 truncate">
          <Radix.Value placeholder={placeholder} />
        </span>
        <ChevronDown className="icon-xs text-ink-3" aria-hidden />
      </Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          position="popper"
          sideOffset={4}
          collisionPadding={8}
          className="z-60 max-h-[min(360px,var(--radix-select-content-available-height))] min-w-[var(--radix-select-trigger-width)] overflow-hidden rounded-card bg-raised p-1 shadow-pop animate-[pop-in_120ms_ease-out]"
        >
          <Radix.Viewport>
            {options.map((option) => (
              <Radix.Item
                key={option.value}
                value={option.value}
                className="flex h-7 items-center gap-2 rounded-[5px] pr-3 pl-2 text-list outline-none data-[highlighted]:bg-selected"
              >
                <span className="flex w-3.5 flex-none">
                  <Radix.ItemIndicator>
                    <Check className="icon-xs" aria-hidden />
                  </Radix.ItemIndicator>
                </span>
                <Radix.ItemText>{option.label}</Radix.ItemText>
                {option.hint && <span className="ml-auto pl-4 text-micro text-ink-3">{option.hint}</span>}
              </Radix.Item>
            ))}
          </Radix.Viewport>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
