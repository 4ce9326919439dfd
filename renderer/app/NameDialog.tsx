import { useEffect, useState } from 'react';
import { v7 as uuid } from 'uuid';
import { ScriptPath, Slug, slugOf } from '#shared/ids.ts';
import { Button } from '../look/Button.tsx';
import { Dialog } from '../look/Dialog.tsx';
import { Field, Input } from '../look/Input.tsx';
import { now } from '../state/store.ts';

/** What is being named; with an id it is there already. */
export type Naming = { kind: 'workflow' | 'script' | 'environment'; id?: string; name?: string };

const NEW_SCRIPT = 'export default (item, ctx) => {\n  return item.json;\n};\n';
const TITLES = { workflow: 'New workflow', script: 'New script', environment: 'New environment' };
const HELP = {
  workflow: undefined,
  script: 'A path below scripts/ that ends in .ts or .js.',
  environment: 'Lower-case letters, digits and "-".',
};

/** Asks for the name of a new part of the project, or another name for a workflow. */
export function NameDialog({ naming, onClose }: { naming: Naming | undefined; onClose: () => void }) {
  const [name, setName] = useState('');
  useEffect(() => setName(naming?.name ?? ''), [naming]);
  if (!naming) return null;
  const wrong = problemOf(naming, name);

  function keep() {
    if (!naming || wrong) return;
    const { edit, open } = now();
    const trimmed = name.trim();
    if (naming.kind === 'workflow' && naming.id)
      edit([{ type: 'renameWorkflow', workflowId: naming.id, name: trimmed, slug: slugOf(trimmed) }]);
    else if (naming.kind === 'workflow') {
      const workflowId = uuid();
      if (edit([{ type: 'addWorkflow', workflowId, name: trimmed }])) open({ kind: 'workflow', id: workflowId });
    } else if (naming.kind === 'script') {
      if (edit([{ type: 'setScript', path: trimmed, text: NEW_SCRIPT }])) open({ kind: 'script', id: trimmed });
    } else if (edit([{ type: 'setEnvironment', name: trimmed, environment: { vars: {}, bindings: {} } }]))
      open({ kind: 'environment', id: trimmed });
    onClose();
  }

  return (
    <Dialog
      open
      onClose={onClose}
      title={naming.id ? 'Rename the workflow' : TITLES[naming.kind]}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" onClick={keep} blocked={wrong}>
            {naming.id ? 'Rename' : `Create ${naming.kind}`}
          </Button>
        </>
      }
    >
      <Field
        label={naming.kind === 'script' ? 'Path' : 'Name'}
        help={HELP[naming.kind]}
        error={name === '' ? undefined : wrong}
      >
        {(ids) => (
          <Input
            {...ids}
            value={name}
            placeholder={
              naming.kind === 'script' ? 'score.ts' : naming.kind === 'environment' ? 'staging' : 'Order intake'
            }
            onChange={(event) => setName(event.target.value)}
            onKeyDown={(event) => event.key === 'Enter' && keep()}
          />
        )}
      </Field>
    </Dialog>
  );
}

function problemOf(naming: Naming, typed: string): string | undefined {
  const name = typed.trim();
  const tree = now().doc?.tree;
  if (name === '') return 'It needs a name.';
  if (naming.kind === 'workflow') return name.length > 120 ? 'At most 120 letters.' : undefined;
  if (naming.kind === 'script') {
    if (!ScriptPath.safeParse(name).success)
      return 'It must end in .ts or .js and hold only letters, digits, "-", "_" and "/".';
    return tree?.scripts[name] === undefined ? undefined : `There is a script ${name} already.`;
  }
  if (!Slug.safeParse(name).success) return 'It must hold only a-z, 0-9 and "-".';
  return tree?.environments[name] ? `There is an environment ${name} already.` : undefined;
}
