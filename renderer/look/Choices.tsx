import { RadioGroup } from 'radix-ui';
import { useId } from 'react';

type ChoicesProps<T extends string> = {
  label: string;
  value: T | undefined;
  options: readonly { value: T; label: string; help?: string }[];
  onChange: (value: T) => void;
};

/** One of a few that need a sentence each. Nothing is chosen until somebody chooses. */
export function Choices<T extends string>({ label, value, options, onChange }: ChoicesProps<T>) {
  const id = useId();
  return (
    <RadioGroup.Root
      aria-label={label}
      value={value ?? ''}
      onValueChange={(next) => onChange(next as T)}
      className="flex flex-col gap-0.5"
    >
      {options.map((option) => (
        <label
          key={option.value}
          htmlFor={`${id}-${option.value}`}
          className="flex gap-2.5 rounded-control px-2 py-1.5 -mx-2 hover:bg-hover"
        >
          <RadioGroup.Item
            id={`${id}-${option.value}`}
            value={option.value}
            aria-labelledby={`${id}-${option.value}-label`}
            aria-describedby={option.help && `${id}-${option.value}-help`}
            className="relative mt-0.75 flex size-3.5 flex-none items-center justify-center rounded-full shadow-[inset_0_0_0_1px_var(--line-control)] before:absolute before:-inset-1.5 data-[state=checked]:shadow-[inset_0_0_0_4.5px_var(--accent)]"
          />
          <span className="flex min-w-0 flex-col">
            <span id={`${id}-${option.value}-label`} className="text-body font-control">
              {option.label}
            </span>
            {option.help && (
              <span id={`${id}-${option.value}-help`} className="text-small text-ink-3">
                {option.help}
              </span>
            )}
          </span>
        </label>
      ))}
    </RadioGroup.Root>
  );
}
