import { useCallback, useMemo, useState } from 'react';
import type { Json } from '#shared/json.ts';
import { type StepTypeInfo, stepTypeInfo } from '#shared/workflow/catalog.ts';
import type { Problem } from '#shared/workflow/problem.ts';
import type { Step } from '#shared/workflow/tree.ts';
import { Field } from '../look/Input.tsx';
import { Note } from '../look/Note.tsx';
import { Select } from '../look/Select.tsx';
import { stepById } from '../state/documentSlice.ts';
import { isReadOnly } from '../state/historySlice.ts';
import { fieldsOf } from '../state/stepFacts.ts';
import { now, useEditor } from '../state/store.ts';
import { ConfigField } from './ConfigField.tsx';
import { ConnectionPicker } from './ConnectionPicker.tsx';
import { type FieldModel, shownFields } from './formSchema.ts';
import { type FieldScope, useFieldScope } from './usePreviewScope.ts';

const NO_PROBLEMS: Problem[] = [];

/** The fields of a step's config, each its own edit. */
export function StepForm({ stepId }: { stepId: string }) {
  const step = useEditor(stepById(stepId));
  const info = useEditor((state) => (step ? stepTypeInfo(state.stepTypes, step.uses) : undefined));
  const all = useEditor((state) => state.doc?.problems ?? NO_PROBLEMS);
  const data = useFieldScope(stepId);
  const problems = useMemo(
    () => all.filter((one) => one.stepId === stepId && one.workflowId === now().workflowId),
    [all, stepId],
  );
  const readOnly = useEditor(isReadOnly);
  if (!step) return null;
  if (!info) {
    return (
      <Note kind="wait" title={`No step type is called ${step.uses}`}>
        Its config is kept as it is. Change the type in the YAML, or delete the step.
      </Note>
    );
  }
  const fields = shownFields(fieldsOf(info.configSchema), step.config);
  const known = new Set(fields.map((field) => `config.${field.key}`));
  const rest = problems.filter((one) => !one.field || !known.has(one.field.split('.').slice(0, 2).join('.')));
  return (
    <fieldset disabled={readOnly} className="flex min-w-0 flex-col gap-4">
      {rest.map((problem) => (
        <Note
          key={problem.code + problem.message}
          kind={problem.severity === 'error' ? 'bad' : 'wait'}
          title={problem.message}
        >
          {problem.advice}
        </Note>
      ))}
      {(info.connector || step.connection) && <ConnectionPicker stepId={stepId} connector={info.connector} />}
      {fields.length === 0 && !info.connector && <p className="text-small text-ink-3">This step has nothing to set.</p>}
      {step.uses.startsWith('code.') && <ModeField stepId={stepId} mode={step.mode} />}
      <Fields stepId={stepId} step={step} info={info} fields={fields} data={data} problems={problems} />
    </fieldset>
  );
}

const MODES = [
  { value: 'each', label: 'Once for each item' },
  { value: 'once', label: 'Once with all items' },
];

function ModeField({ stepId, mode }: { stepId: string; mode: Step['mode'] }) {
  return (
    <Field label="Runs">
      {(ids) => (
        <Select
          {...ids}
          value={mode}
          options={MODES}
          onChange={(value) => {
            const { workflowId, edit } = now();
            if (workflowId) edit([{ type: 'setStep', workflowId, stepId, field: 'mode', value }]);
          }}
        />
      )}
    </Field>
  );
}

type FieldsProps = {
  stepId: string;
  step: Step;
  info: StepTypeInfo;
  fields: FieldModel[];
  data: FieldScope;
  problems: Problem[];
};

function Fields({ stepId, step, fields, data, problems }: FieldsProps) {
  return fields.map((field) => (
    <OneField
      key={field.key}
      stepId={stepId}
      field={field}
      value={step.config[field.key]}
      data={data}
      problem={problems.find(
        (one) => one.field === `config.${field.key}` || one.field?.startsWith(`config.${field.key}.`),
      )}
    />
  ));
}

type OneFieldProps = {
  stepId: string;
  field: FieldModel;
  value: Json | undefined;
  data: FieldScope;
  problem: Problem | undefined;
};

function OneField({ stepId, field, value, data, problem }: OneFieldProps) {
  const [touched, setTouched] = useState(false);
  const onChange = useCallback(
    (next: Json | undefined) => {
      const { workflowId, edit } = now();
      if (!workflowId) return;
      edit(
        [{ type: 'setConfig', workflowId, stepId, path: [field.key], ...(next === undefined ? {} : { value: next }) }],
        `${stepId}.${field.key}`,
      );
    },
    [stepId, field.key],
  );
  // A field that was never touched does not shout because it is empty.
  const empty = value === undefined || value === '';
  const shown = problem && (touched || !empty) ? problem : undefined;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it only notes that somebody was here.
    <div onBlur={() => setTouched(true)}>
      <ConfigField
        field={field}
        value={value}
        onChange={onChange}
        data={data}
        path={`${now().workflowId}/${stepId}/${field.key}`}
        error={shown && `${shown.message} ${shown.advice}`}
      />
    </div>
  );
}
