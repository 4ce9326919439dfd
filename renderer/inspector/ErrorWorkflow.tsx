import { useMemo } from 'react';
import { Field } from '../look/Input.tsx';
import { Select } from '../look/Select.tsx';
import { useEditor } from '../state/store.ts';
import type { SettingsOf } from './useSettings.ts';

const NONE = 'none';

/** The workflow that is told of runs that failed: one with an error trigger. */
export function ErrorWorkflow({ settings, set, problemOf }: SettingsOf) {
  const workflows = useEditor((state) => state.doc?.tree.workflows);
  const { errorWorkflow } = settings;
  const options = useMemo(() => {
    const hears = Object.entries(workflows ?? {}).filter(
      ([id, { steps }]) => id === errorWorkflow || Object.values(steps).some(isErrorTrigger),
    );
    const known = hears.map(([value, { name, steps }]) => ({
      value,
      label: name,
      ...(Object.values(steps).some(isErrorTrigger) ? {} : { hint: 'has no error trigger' }),
    }));
    const gone = errorWorkflow !== undefined && !workflows?.[errorWorkflow];
    return [
      { value: NONE, label: 'None' },
      ...known.sort((a, b) => a.label.localeCompare(b.label)),
      ...(gone ? [{ value: errorWorkflow, label: 'One that is not there any more' }] : []),
    ];
  }, [workflows, errorWorkflow]);
  return (
    <Field
      label="Tell this workflow"
      help={
        options.length === 1
          ? 'Of runs that failed. No workflow has an error trigger yet: add one to a workflow of its own.'
          : 'Of runs that failed. It starts at its error trigger.'
      }
      error={problemOf('errorWorkflow')}
    >
      {(ids) => (
        <Select
          {...ids}
          value={errorWorkflow ?? NONE}
          options={options}
          onChange={(value) => set({ errorWorkflow: value === NONE ? undefined : value })}
        />
      )}
    </Field>
  );
}

const isErrorTrigger = ({ uses, disabled }: { uses: string; disabled?: true }) => uses === 'trigger.error' && !disabled;
