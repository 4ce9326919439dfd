import { useEffect, useState } from 'react';
import { v7 as uuid } from 'uuid';
import type { Edit } from '#shared/workflow/edit.ts';
import { Button } from '../look/Button.tsx';
import { Dialog } from '../look/Dialog.tsx';
import { Field, Input } from '../look/Input.tsx';
import { now, useEditor } from '../state/store.ts';

export type Removing = { kind: 'workflow' | 'script' | 'environment'; id: string; name: string };

/** A copy of a workflow under a name of its own, opened. */
export function duplicateWorkflow(id: string): void {
  const { doc, edit, openWorkflowTab } = now();
  const workflow = doc?.tree.workflows[id];
  if (!workflow) return;
  const workflowId = uuid();
  const name = `${workflow.name} copy`;
  if (edit([{ type: 'replaceWorkflow', workflowId, workflow: { ...workflow, name } }])) openWorkflowTab(workflowId);
}

/** Asks before something goes; what is deployed asks for its name. */
export function RemoveDialog({ removing, onClose }: { removing: Removing | undefined; onClose: () => void }) {
  const [typed, setTyped] = useState('');
  useEffect(() => setTyped(''), []);
  const deployed = useEditor((state) =>
    state.deployments.some(
      (one) =>
        one.status === 'active' &&
        (removing?.kind === 'workflow'
          ? [...one.hooks, ...one.schedules].some((hook) => hook.workflowId === removing.id)
          : removing?.kind === 'environment' && one.environment === removing.id),
    ),
  );
  if (!removing) return null;

  function remove() {
    if (!removing) return;
    const { kind, id } = removing;
    const edit: Edit =
      kind === 'workflow'
        ? { type: 'removeWorkflow', workflowId: id }
        : kind === 'script'
          ? { type: 'removeScript', path: id }
          : { type: 'setEnvironment', name: id };
    if (now().edit([edit])) now().closeTab({ kind, id });
    setTyped('');
    onClose();
  }

  return (
    <Dialog
      open
      onClose={onClose}
      title={`Delete ${removing.name}`}
      consequence="Undo brings it back."
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            look="destroy"
            onClick={remove}
            blocked={deployed && typed !== removing.name && 'Type its name first.'}
          >
            Delete {removing.kind}
          </Button>
        </>
      }
    >
      <p className="text-ink-2">
        {deployed
          ? 'It is deployed. What is published goes on running until the next version is published.'
          : `The ${removing.kind} leaves the project and its folder.`}
      </p>
      {deployed && (
        <Field label={`Type ${removing.name}`}>
          {(ids) => <Input {...ids} value={typed} onChange={(event) => setTyped(event.target.value)} />}
        </Field>
      )}
    </Dialog>
  );
}
