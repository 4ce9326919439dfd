import { useState } from 'react';
import type { ProjectInfo } from '#shared/contract/host/common.ts';
import { ActDialog } from '../look/ActDialog.tsx';
import { Field, Input } from '../look/Input.tsx';
import { editor, now } from '../state/store.ts';

const LONGEST_NAME = 120;

/** Makes a project of its own of another one, and opens it. */
export function DuplicateProject({ project, onClose }: { project: ProjectInfo; onClose: () => void }) {
  const [name, setName] = useState(`${project.name} copy`.slice(0, LONGEST_NAME));
  async function duplicate() {
    const { id } = await editor().client.projects.copy({ projectId: project.id, name: name.trim() });
    await now().loadProjects();
    await now().closeProject();
    await now().openProject(id);
  }

  return (
    <ActDialog
      title={`Duplicate ${project.name}`}
      consequence="The first one stays as it is."
      act="Duplicate"
      busy="Duplicating"
      blocked={name.trim() === '' && 'Give it a name first.'}
      onAct={duplicate}
      onClose={onClose}
    >
      <Field label="Name" help="It is on this computer only, in a folder of its own, and its history begins anew.">
        {(ids) => (
          <Input
            {...ids}
            value={name}
            maxLength={LONGEST_NAME}
            onFocus={(event) => event.currentTarget.select()}
            onChange={(event) => setName(event.target.value)}
          />
        )}
      </Field>
    </ActDialog>
  );
}
