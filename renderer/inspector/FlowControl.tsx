import { type ReactNode, useId, useState } from 'react';
import type { Rate, Settings } from '#shared/workflow/tree.ts';
import { Field } from '../look/Input.tsx';
import { Select } from '../look/Select.tsx';
import { Switch } from '../look/Switch.tsx';
import { DurationField } from './DurationField.tsx';
import { NumberField } from './ErrorForm.tsx';
import { ExpressionField } from './ExpressionField.tsx';
import { shownText } from './expressionText.ts';
import { preview } from './preview.ts';
import { type FieldScope, useTriggerScope } from './usePreviewScope.ts';
import type { SettingsOf } from './useSettings.ts';

const DAY_MS = 86_400_000;
const SHARED = 'Runs with the same value share it. Empty: all runs of the workflow do.';
const MODES = [
  { value: 'skip', label: 'Refuse the new one' },
  { value: 'cancel', label: 'End the one before' },
];

/** When runs of the workflow begin, and whether they do: each rule is switched on by itself and says what it does. */
export function FlowControl({ settings, set, problemOf }: SettingsOf) {
  const data = useTriggerScope();
  const { concurrency, concurrencyKey, rate, throttle, debounce, priority, singleton, idempotency } = settings;
  const key = (path: string, value: string | undefined, onChange: (key: string | undefined) => void, help = SHARED) => (
    <KeyField data={data} value={value} help={help} error={problemOf(path)} onChange={onChange} />
  );
  return (
    <section aria-labelledby="flow-control" className="flex flex-col">
      <h3 id="flow-control" className="text-body font-heading">
        Flow control
      </h3>
      <p className="mb-1 text-micro text-ink-3">When runs begin, and whether they do. The same here and hosted.</p>
      <Rule
        title="Limit runs at once"
        help="One too many waits for a place. A run that waits for a time or a person leaves its own."
        on={concurrency !== undefined}
        onSwitch={(on) => set(on ? { concurrency: 1 } : { concurrency: undefined, concurrencyKey: undefined })}
      >
        <NumberField
          label="Runs at once"
          value={concurrency}
          min={1}
          max={1_000}
          onChange={(count) => set({ concurrency: count ?? 1 })}
        />
        {key('concurrencyKey', concurrencyKey, (next) => set({ concurrencyKey: next }))}
      </Rule>
      <Rule
        title="Start later above a rate"
        help="Throttle: one too many begins later, in the order it came."
        on={throttle !== undefined}
        onSwitch={(on) => set({ throttle: on ? { count: 10, perMs: 60_000 } : undefined })}
      >
        {throttle && <RateFields rate={throttle} onChange={(next) => set({ throttle: next })} />}
        {key('throttle.key', throttle?.key, (next) => throttle && set({ throttle: withKey(throttle, next) }))}
      </Rule>
      <Rule
        title="Refuse above a rate"
        help="Rate: one too many is not taken in; a webhook's sender gets 429 and when to try again."
        on={rate !== undefined}
        onSwitch={(on) => set({ rate: on ? { count: 100, perMs: 60_000 } : undefined })}
      >
        {rate && <RateFields rate={rate} onChange={(next) => set({ rate: next })} />}
        {key('rate.key', rate?.key, (next) => rate && set({ rate: withKey(rate, next) }))}
      </Rule>
      <Rule
        title="Wait until it is quiet"
        help="Debounce: begins once nothing more has come for a while. The last one counts."
        on={debounce !== undefined}
        onSwitch={(on) => set({ debounce: on ? { waitMs: 5_000 } : undefined })}
      >
        {debounce && (
          <>
            <DurationField
              label="Quiet for"
              value={debounce.waitMs}
              min={1}
              max={7 * DAY_MS}
              onChange={(waitMs) => waitMs !== undefined && set({ debounce: { ...debounce, waitMs } })}
            />
            <DurationField
              label="At the latest after"
              help="Counted from the first. Empty: it waits until it is quiet."
              optional
              value={debounce.maxMs}
              min={1}
              max={7 * DAY_MS}
              onChange={(maxMs) => {
                const { maxMs: _, ...rest } = debounce;
                set({ debounce: maxMs === undefined ? rest : { ...rest, maxMs } });
              }}
            />
            {key('debounce.key', debounce.key, (next) => set({ debounce: withKey(debounce, next) }))}
          </>
        )}
      </Rule>
      <Rule
        title="One at a time"
        help="Singleton: only one run that has not ended, also while it waits."
        on={singleton !== undefined}
        onSwitch={(on) => set({ singleton: on ? { mode: 'skip' } : undefined })}
      >
        {singleton && (
          <>
            <Field label="When a second one comes">
              {(ids) => (
                <Select
                  {...ids}
                  value={singleton.mode}
                  options={MODES}
                  onChange={(mode) => set({ singleton: { ...singleton, mode: mode as 'skip' | 'cancel' } })}
                />
              )}
            </Field>
            {key(
              'singleton.key',
              singleton.key,
              (next) => set({ singleton: withKey(singleton, next) }),
              'One at a time for each value. Empty: one of the whole workflow.',
            )}
          </>
        )}
      </Rule>
      <Rule
        title="Take each only once"
        help="Idempotency: what comes again starts nothing new and gets the first run's answer."
        on={idempotency !== undefined}
        onSwitch={(on) => set({ idempotency: on ? { key: '=$json.id', windowMs: DAY_MS } : undefined })}
      >
        {idempotency && (
          <>
            <KeyField
              data={data}
              needed
              value={idempotency.key}
              help="What tells one from another. Where it is missing or null, the run is no repetition."
              error={problemOf('idempotency.key')}
              onChange={(next) => next && set({ idempotency: { ...idempotency, key: next } })}
            />
            <DurationField
              label="Remembered for"
              value={idempotency.windowMs}
              min={1}
              max={30 * DAY_MS}
              onChange={(windowMs) => windowMs !== undefined && set({ idempotency: { ...idempotency, windowMs } })}
            />
          </>
        )}
      </Rule>
      <div className="border-t border-line pt-3">
        <Field
          label="Priority"
          optional
          help="A whole number from -100 to 100, or an expression. Of runs that could begin, the greatest does."
          error={problemOf('priority') ?? priorityFault(priority)}
        >
          {(ids) => (
            <ExpressionField
              {...ids}
              value={priority ?? ''}
              data={data}
              placeholder="0"
              onChange={(text) => set({ priority: text === '' ? undefined : text })}
            />
          )}
        </Field>
      </div>
    </section>
  );
}

type RuleProps = { title: string; help: string; on: boolean; onSwitch: (on: boolean) => void; children: ReactNode };

function Rule({ title, help, on, onSwitch, children }: RuleProps) {
  const id = useId();
  return (
    <div className="flex flex-col border-t border-line py-3 first-of-type:border-t-0">
      <div className="flex items-start gap-3">
        <label htmlFor={id} className="min-w-0 flex-1">
          <span className="block text-small font-control text-ink">{title}</span>
          <span id={`${id}-help`} className="block text-micro text-ink-3">
            {help}
          </span>
        </label>
        <Switch id={id} aria-label={title} aria-describedby={`${id}-help`} checked={on} onChange={onSwitch} />
      </div>
      {on && (
        <fieldset aria-label={title} className="mt-3 flex min-w-0 flex-col gap-3">
          {children}
        </fieldset>
      )}
    </div>
  );
}

function RateFields({ rate, onChange }: { rate: Rate; onChange: (rate: Rate) => void }) {
  return (
    <div className="grid grid-cols-[88px_1fr] gap-2">
      <NumberField
        label="At most"
        value={rate.count}
        min={1}
        max={100_000}
        onChange={(count) => onChange({ ...rate, count: count ?? 1 })}
      />
      <DurationField
        label="runs in"
        value={rate.perMs}
        min={1}
        max={DAY_MS}
        onChange={(perMs) => perMs !== undefined && onChange({ ...rate, perMs })}
      />
    </div>
  );
}

type KeyFieldProps = {
  data: FieldScope;
  value: string | undefined;
  help: string;
  error: string | undefined;
  /** Without a key the rule means nothing: an empty one is not kept. */
  needed?: boolean;
  onChange: (key: string | undefined) => void;
};

function KeyField({ data, value, help, error, needed, onChange }: KeyFieldProps) {
  const [empty, setEmpty] = useState(false);
  // Where there are items, the field tries the key itself and says what is wrong.
  const tried =
    data.count > 0 && value !== undefined && preview(shownText(value, true).source, data.scope).kind === 'error';
  return (
    <Field
      label="Key"
      optional={!needed}
      help={help}
      error={empty ? 'It needs a key. Until there is one, the last one counts.' : tried ? undefined : error}
    >
      {(ids) => (
        <ExpressionField
          {...ids}
          always
          value={empty ? '' : (value ?? '')}
          data={data}
          placeholder="$json.customer"
          onChange={(text) => {
            const bare = text === '=' ? '' : text;
            setEmpty(needed === true && bare === '');
            onChange(bare === '' ? undefined : bare);
          }}
        />
      )}
    </Field>
  );
}

function withKey<T extends { key?: string }>(rule: T, key: string | undefined): T {
  const { key: _, ...rest } = rule;
  return (key === undefined ? rest : { ...rest, key }) as T;
}

/** A plain text must be the number itself; an expression is looked at when a run begins. */
export function priorityFault(priority: Settings['priority']): string | undefined {
  if (priority === undefined || priority.startsWith('=') || priority.includes('{{')) return undefined;
  const number = Number(priority);
  if (priority.trim() !== '' && Number.isInteger(number) && Math.abs(number) <= 100) return undefined;
  return `"${priority}" is no whole number from -100 to 100.`;
}
