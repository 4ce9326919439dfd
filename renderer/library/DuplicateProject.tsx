import { useState } from 'react';
import type { ProjectInfo } from '#shared/contract/host/common.ts';
import { SluiceError } from '#shared/error.ts';
import { Button } from '../look/Button.tsx';
import { Dialog } from '../look/Dialog.tsx';
import { Field, Input } from '../look/Input.tsx';
import { Note } from '../look/Note.tsx';
import { editor, now } from '../state/store.ts';

const LONGEST_NAME = 120;

/** Makes a project of its own of another one, and opens it. */
export function DuplicateProject({ project, onClose }: { project: ProjectInfo; onClose: () => void }) {
  const [name, setName] = useState(`${project.name} copy`.slice(0, LONGEST_NAME));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<SluiceError>();
  const blocked = name.trim() === '' && 'Give it a name first.';

  async function duplicate() {
    if (blocked || busy) return;
    setBusy(true);
    setError(undefined);
    try {
      const { id } = await editor().client.projects.copy({ projectId: project.id, name: name.trim() });
      await now().loadProjects();
      await now().closeProject();
      await now().openProject(id);
    } catch (thrown) {
      setError(SluiceError.from(thrown));
      setBusy(false);
    }
  }

  return (
    <Dialog
      open
      onClose={onClose}
      title={`Duplicate ${project.name}`}
      consequence="The first one stays as it is."
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" busy={busy && 'Duplicating'} blocked={blocked} onClick={() => void duplicate()}>
            Duplicate
          </Button>
        </>
      }
    >
      <Field label="Name" help="It is on this computer only, in a folder of its own, and its history begins anew.">
        {(ids) => (
          <Input
            {...ids}
            value={name}
            maxLength={LONGEST_NAME}
            onFocus={(event) => event.currentTarget.select()}
            onChange={(event) => setName(event.target.value)}
            onKeyDown={(event) => event.key === 'Enter' && void duplicate()}
          />
        )}
      </Field>
      {error && (
        <Note kind="bad" title={error.message}>
          {error.advice}
        </Note>
      )}
    </Dialog>
  );
}
