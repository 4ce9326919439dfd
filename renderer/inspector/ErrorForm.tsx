import type { Json } from '#shared/json.ts';
import { stepTypeInfo } from '#shared/workflow/catalog.ts';
import { type Retry, Step } from '#shared/workflow/tree.ts';
import { Field, Input, TextArea } from '../look/Input.tsx';
import { Select } from '../look/Select.tsx';
import { Switch } from '../look/Switch.tsx';
import { stepById } from '../state/documentSlice.ts';
import { isReadOnly } from '../state/historySlice.ts';
import { now, useEditor } from '../state/store.ts';

type StepField = 'onError' | 'retry' | 'timeoutMs' | 'mode' | 'notes' | 'disabled';

function set(stepId: string, field: StepField, value: Json | undefined) {
  const { workflowId, edit } = now();
  if (!workflowId) return;
  edit(
    [{ type: 'setStep', workflowId, stepId, field, ...(value === undefined ? {} : { value }) }],
    `${stepId}.${field}`,
  );
}

const ON_ERROR = [
  { value: 'stop', label: 'Stop the run' },
  { value: 'continue', label: 'Go on, with the error on the item' },
  { value: 'port', label: 'Leave by the error port' },
];
const DEFAULT_RETRY: Retry = { count: 3, delayMs: 1_000, backoff: 'exponential' };

/** What happens when the step fails, how often it is tried again, and how long it may take. */
export function ErrorForm({ stepId }: { stepId: string }) {
  const step = useEditor(stepById(stepId));
  const trigger = useEditor((state) => (step ? stepTypeInfo(state.stepTypes, step.uses)?.trigger : false));
  const readOnly = useEditor(isReadOnly);
  if (!step) return null;
  const { retry } = step;
  return (
    <fieldset disabled={readOnly} className="flex min-w-0 flex-col gap-4">
      {!trigger && (
        <>
          <Field label="When it fails" help="After the last try.">
            {(ids) => (
              <Select
                {...ids}
                value={step.onError}
                options={ON_ERROR}
                onChange={(value) => set(stepId, 'onError', value)}
              />
            )}
          </Field>
          <Field
            label="Try again"
            help={retry ? undefined : 'Without this, only what surely did not happen is tried again.'}
          >
            {(ids) => (
              <Switch
                {...ids}
                checked={retry !== undefined}
                onChange={(on) => set(stepId, 'retry', on ? DEFAULT_RETRY : undefined)}
              />
            )}
          </Field>
          {retry && (
            <div className="grid grid-cols-2 gap-3">
              <NumberField
                label="Tries after the first"
                value={retry.count}
                min={0}
                max={10}
                onChange={(count) => set(stepId, 'retry', { ...retry, count: count ?? 0 })}
              />
              <NumberField
                label="Wait between"
                unit="ms"
                value={retry.delayMs}
                min={0}
                max={3_600_000}
                onChange={(delayMs) => set(stepId, 'retry', { ...retry, delayMs: delayMs ?? 0 })}
              />
              <div className="col-span-2">
                <Field label="The wait">
                  {(ids) => (
                    <Select
                      {...ids}
                      value={retry.backoff}
                      options={[
                        { value: 'fixed', label: 'Stays the same' },
                        { value: 'exponential', label: 'Doubles each time' },
                      ]}
                      onChange={(backoff) => set(stepId, 'retry', { ...retry, backoff: backoff as Retry['backoff'] })}
                    />
                  )}
                </Field>
              </div>
            </div>
          )}
          <NumberField
            label="Time of one try"
            unit="ms"
            optional
            value={step.timeoutMs}
            min={1}
            max={86_400_000}
            onChange={(timeoutMs) => set(stepId, 'timeoutMs', timeoutMs)}
          />
        </>
      )}
      <Field label="Off" help="Items pass through untouched.">
        {(ids) => (
          <Switch
            {...ids}
            checked={step.disabled === true}
            onChange={(on) => set(stepId, 'disabled', on ? true : undefined)}
          />
        )}
      </Field>
    </fieldset>
  );
}

type NumberFieldProps = {
  label: string;
  value: number | undefined;
  min: number;
  max: number;
  unit?: string;
  optional?: boolean;
  onChange: (value: number | undefined) => void;
};

export function NumberField({ label, value, min, max, unit, optional, onChange }: NumberFieldProps) {
  return (
    <Field label={label} optional={optional}>
      {(ids) => (
        <Input
          {...ids}
          type="number"
          min={min}
          max={max}
          unit={unit}
          value={value ?? ''}
          onChange={(event) => {
            const number = event.target.valueAsNumber;
            if (Number.isNaN(number)) onChange(undefined);
            else onChange(Math.round(Math.min(max, Math.max(min, number))));
          }}
        />
      )}
    </Field>
  );
}

export function NotesForm({ stepId }: { stepId: string }) {
  const notes = useEditor((state) => stepById(stepId)(state)?.notes ?? '');
  const readOnly = useEditor(isReadOnly);
  return (
    <Field label="Notes" help="For whoever reads this next. They change nothing that runs.">
      {(ids) => (
        <TextArea
          {...ids}
          rows={8}
          readOnly={readOnly}
          maxLength={Step.shape.notes.unwrap().maxLength ?? 10_000}
          value={notes}
          onChange={(event) => set(stepId, 'notes', event.target.value || undefined)}
        />
      )}
    </Field>
  );
}
