import { Field } from '../look/Input.tsx';
import { Select } from '../look/Select.tsx';
import { stepById } from '../state/documentSlice.ts';
import { now, useEditor } from '../state/store.ts';

const NONE = 'none ';
const NEW = 'new ';

/** Which of the project's connections a step uses; only those of the right connector are offered. */
export function ConnectionPicker({ stepId, connector }: { stepId: string; connector: string | undefined }) {
  const step = useEditor(stepById(stepId));
  const connections = useEditor((state) => state.doc?.tree.connections);
  const fitting = Object.entries(connections ?? {}).filter(
    ([, one]) => connector === undefined || one.connector === connector,
  );
  const options = [
    { value: NONE, label: 'No connection' },
    ...fitting.map(([name, one]) => ({ value: name, label: name, hint: one.connector })),
    { value: NEW, label: 'New connection…' },
  ];
  const missing = step?.connection && !connections?.[step.connection];
  function choose(value: string) {
    const { workflowId, edit, go } = now();
    if (value === NEW) return go('connections');
    if (!workflowId) return;
    edit([{ type: 'setStep', workflowId, stepId, field: 'connection', ...(value === NONE ? {} : { value }) }]);
  }
  return (
    <Field
      label="Connection"
      optional
      error={missing ? `The project has no connection named ${step.connection}.` : undefined}
      help="Its secret stays outside the project."
    >
      {(ids) => (
        <Select
          {...ids}
          value={missing ? undefined : (step?.connection ?? NONE)}
          placeholder={step?.connection}
          options={options}
          onChange={choose}
        />
      )}
    </Field>
  );
}
