import { SluiceError } from '#shared/error.ts';
import { nextFires } from '#shared/schedule/next.ts';
import { ErrorLine, Input } from '../look/Input.tsx';
import { Select } from '../look/Select.tsx';
import { openWorkflow } from '../state/documentSlice.ts';
import { useEditor } from '../state/store.ts';

const USUAL = [
  { value: '*/5 * * * *', label: 'Every 5 minutes' },
  { value: '0 * * * *', label: 'Every hour' },
  { value: '0 2 * * *', label: 'Every day at 02:00' },
  { value: '0 7 * * 1-5', label: 'Working days at 07:00' },
  { value: '0 8 * * 1', label: 'Mondays at 08:00' },
  { value: '0 6 1 * *', label: 'The first of the month at 06:00' },
];

type CronFieldProps = {
  ids: { id?: string; 'aria-describedby'?: string; 'aria-label'?: string };
  value: string;
  placeholder?: string;
  onChange: (value: string) => void;
};

/** A cron line with the usual ones to choose from, and when it fires next in the workflow's time zone. */
export function CronField({ ids, value, placeholder, onChange }: CronFieldProps) {
  const timezone = useEditor((state) => openWorkflow(state)?.settings.timezone);
  const fires = value === '' ? [] : next(value, timezone);
  return (
    <div className="flex flex-col gap-1.5">
      <div className="grid grid-cols-2 gap-1.5">
        <Input
          {...ids}
          className="font-mono"
          value={value}
          placeholder={placeholder ?? '0 2 * * *'}
          onChange={(event) => onChange(event.target.value)}
        />
        <Select
          aria-label="Usual schedules"
          value={USUAL.find((one) => one.value === value)?.value}
          placeholder="Usual ones"
          options={USUAL}
          onChange={onChange}
        />
      </div>
      {typeof fires === 'string' ? (
        <ErrorLine>{fires}</ErrorLine>
      ) : (
        fires.length > 0 && (
          <p className="text-micro text-ink-3">
            Next: {fires.map((at) => inZone(at, timezone)).join(', ')} {timezone ?? 'UTC'}
          </p>
        )
      )}
    </div>
  );
}

function next(cron: string, timezone: string | undefined): number[] | string {
  try {
    return nextFires(cron, timezone, Date.now(), 3);
  } catch (thrown) {
    const error = SluiceError.from(thrown);
    return [error.message, error.advice].filter(Boolean).join(' ');
  }
}

function inZone(at: number, timezone: string | undefined): string {
  return new Date(at).toLocaleString('en-GB', {
    timeZone: timezone ?? 'UTC',
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
  });
}
