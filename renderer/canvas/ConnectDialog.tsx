import { useEffect, useState } from 'react';
import { edgeKey } from '#shared/workflow/tree.ts';
import { Button } from '../look/Button.tsx';
import { Dialog } from '../look/Dialog.tsx';
import { Field } from '../look/Input.tsx';
import { Select } from '../look/Select.tsx';
import { openWorkflow } from '../state/documentSlice.ts';
import { openPort, portsOf } from '../state/steps.ts';
import { now, useEditor } from '../state/store.ts';
import { connectSteps } from './commands.ts';

/** Draws an edge without a pointer: from which port, to which step and port. */
export function ConnectDialog({ stepId, onClose }: { stepId: string | undefined; onClose: () => void }) {
  const workflow = useEditor(openWorkflow);
  const catalog = useEditor((state) => state.stepTypes);
  const [outPort, setOutPort] = useState('main');
  const [target, setTarget] = useState<string>();
  useEffect(() => {
    const open = openWorkflow(now());
    if (stepId && open) setOutPort(openPort(now().stepTypes, open, stepId) ?? 'main');
    setTarget(undefined);
  }, [stepId]);
  if (!workflow || !stepId) return null;

  const targets = Object.keys(workflow.steps).flatMap((id) =>
    portsOf(catalog, workflow, id).inputs.map((port) => ({
      value: `${id}.${port}`,
      label: workflow.steps[id]?.name ?? id,
      hint: port === 'main' ? undefined : port,
      taken: workflow.edges[edgeKey({ from: stepId, outPort, to: id, inPort: port })] !== undefined,
    })),
  );
  const outputs = portsOf(catalog, workflow, stepId).outputs.map((port) => ({ value: port, label: port }));

  function connect() {
    const [to = '', inPort = 'main'] = (target ?? '').split('.');
    if (stepId && to) connectSteps(stepId, outPort, to, inPort);
    onClose();
  }

  return (
    <Dialog
      open
      onClose={onClose}
      title={`Connect ${workflow.steps[stepId]?.name ?? stepId}`}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" onClick={connect} blocked={!target && 'Choose where the edge leads.'}>
            Add edge
          </Button>
        </>
      }
    >
      <Field label="From port">
        {(ids) => <Select {...ids} value={outPort} options={outputs} onChange={setOutPort} />}
      </Field>
      <Field label="To">
        {(ids) => (
          <Select
            {...ids}
            value={target}
            placeholder="Choose a step"
            options={targets.filter((one) => !one.taken)}
            onChange={setTarget}
          />
        )}
      </Field>
    </Dialog>
  );
}
