import { useEffect, useState } from 'react';
import { Button } from '../look/Button.tsx';
import { Dialog } from '../look/Dialog.tsx';
import { Field, Input } from '../look/Input.tsx';
import { openWorkflow } from '../state/documentSlice.ts';
import { now } from '../state/store.ts';

/** Asks for a step's new name; its id stays. */
export function RenameStep({ stepId, onClose }: { stepId: string | undefined; onClose: () => void }) {
  const [name, setName] = useState('');
  useEffect(() => {
    if (stepId) setName(openWorkflow(now())?.steps[stepId]?.name ?? '');
  }, [stepId]);

  function rename() {
    const { workflowId } = now();
    if (stepId && workflowId && name.trim())
      now().edit([{ type: 'renameStep', workflowId, stepId, name: name.trim() }]);
    onClose();
  }

  return (
    <Dialog
      open={stepId !== undefined}
      onClose={onClose}
      title="Rename the step"
      consequence="Expressions go on working: they name the id."
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" onClick={rename} blocked={name.trim() === '' && 'A step needs a name.'}>
            Rename
          </Button>
        </>
      }
    >
      <Field label="Name">
        {(ids) => (
          <Input
            {...ids}
            value={name}
            maxLength={120}
            onChange={(event) => setName(event.target.value)}
            onKeyDown={(event) => event.key === 'Enter' && rename()}
          />
        )}
      </Field>
    </Dialog>
  );
}
