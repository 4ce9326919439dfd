import { Check } from 'lucide-react';
import { Checkbox as RadixCheckbox, Switch as RadixSwitch } from 'radix-ui';

type ToggleProps = {
  id?: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
  'aria-label'?: string;
  'aria-describedby'?: string;
  disabled?: boolean;
  tabIndex?: number;
};

export function Switch({ checked, onChange, ...rest }: ToggleProps) {
  return (
    <RadixSwitch.Root
      {...rest}
      checked={checked}
      onCheckedChange={onChange}
      className="relative h-4 w-7 flex-none rounded-full bg-line-control transition-colors before:absolute before:-inset-1 data-[state=checked]:bg-accent"
    >
      <RadixSwitch.Thumb className="block size-3 translate-x-0.5 rounded-full bg-[#fff] transition-transform duration-[80ms] data-[state=checked]:translate-x-3.5 [[data-theme=hc]_&]:bg-panel" />
    </RadixSwitch.Root>
  );
}

export function Checkbox({ checked, onChange, ...rest }: ToggleProps) {
  return (
    <RadixCheckbox.Root
      {...rest}
      checked={checked}
      onCheckedChange={(next) => onChange(next === true)}
      className="relative flex size-3.5 flex-none items-center justify-center rounded-chip text-on-accent shadow-[inset_0_0_0_1px_var(--line-control)] before:absolute before:-inset-1.5 data-[state=checked]:bg-accent data-[state=checked]:shadow-none"
    >
      <RadixCheckbox.Indicator>
        <Check className="size-2.5 stroke-3" aria-hidden />
      </RadixCheckbox.Indicator>
    </RadixCheckbox.Root>
  );
}
