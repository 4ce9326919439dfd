import { useState } from 'react';
import { Field, Input } from '../look/Input.tsx';
import { Select } from '../look/Select.tsx';
import { type DurationUnit, toMs, UNIT_MS, unitOf } from './durations.ts';

const UNITS: { value: DurationUnit; label: string }[] = [
  { value: 'ms', label: 'ms' },
  { value: 's', label: 'seconds' },
  { value: 'min', label: 'minutes' },
  { value: 'h', label: 'hours' },
  { value: 'd', label: 'days' },
];

type DurationFieldProps = {
  label: string;
  help?: string;
  error?: string;
  optional?: boolean;
  /** Milliseconds. */
  value: number | undefined;
  min: number;
  max: number;
  /** Without a value where the field was emptied; never for one that is not optional. */
  onChange: (ms: number | undefined) => void;
};

/** A length of time, as a number of a unit that fits it. */
export function DurationField({ label, help, error, optional, value, min, max, onChange }: DurationFieldProps) {
  const [chosen, setChosen] = useState<DurationUnit>();
  // A unit stays while what it shows can be read, also where a greater one would fit.
  const unit =
    chosen && (value === undefined || Number.isInteger((value / UNIT_MS[chosen]) * 100)) ? chosen : unitOf(value);
  return (
    <Field label={label} help={help} error={error} optional={optional}>
      {(ids) => (
        <div className="grid grid-cols-[1fr_112px] gap-1.5">
          <Input
            {...ids}
            type="number"
            min={0}
            step="any"
            value={value === undefined ? '' : value / UNIT_MS[unit]}
            onChange={(event) => {
              const count = event.target.valueAsNumber;
              if (!Number.isNaN(count)) onChange(toMs(count, unit, min, max));
              else if (optional) onChange(undefined);
            }}
          />
          <Select
            aria-label={`Unit of ${label.toLowerCase()}`}
            value={unit}
            options={UNITS.filter((one) => UNIT_MS[one.value] <= max)}
            onChange={(next) => {
              const to = next as DurationUnit;
              setChosen(to);
              if (value !== undefined) onChange(toMs(value / UNIT_MS[unit], to, min, max));
            }}
          />
        </div>
      )}
    </Field>
  );
}
