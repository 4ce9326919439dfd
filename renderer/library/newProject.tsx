import { FolderPlus, LoaderCircle } from 'lucide-react';
import { useState } from 'react';
import type { Template } from '#shared/contract/host/projects.ts';
import { SluiceError } from '#shared/error.ts';
import { Button } from '../look/Button.tsx';
import { plural } from '../look/format.ts';
import { Input } from '../look/Input.tsx';
import { Note } from '../look/Note.tsx';
import { StepIcon } from '../look/stepIcon.tsx';
import { editor, now } from '../state/store.ts';

/** A template's main line as a picture, its title and what it does. */
function TemplateCard({ template, busy, onChoose }: { template: Template; busy: boolean; onChoose: () => void }) {
  return (
    <button
      type="button"
      onClick={onChoose}
      className="flex flex-col rounded-card bg-panel p-3.5 text-left shadow-card transition-shadow hover:shadow-[0_0_0_2px_var(--accent)]"
    >
      <span className="flex h-8 w-full items-center overflow-hidden rounded-control bg-sunken px-2">
        {template.uses.slice(0, 4).map((uses, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a template may use a type twice, and the line never changes.
          <span key={index} className="flex items-center">
            {index > 0 && <span className="h-0.5 w-4 bg-line-control" />}
            <span
              className={`flex size-6 items-center justify-center bg-raised shadow-card ${index === 0 ? 'rounded-full' : 'rounded-control'}`}
            >
              <StepIcon uses={uses} className="icon-s" />
            </span>
          </span>
        ))}
        {busy && <LoaderCircle className="icon-s spin ml-auto text-ink-3" aria-label="Creating" />}
      </span>
      <span className="mt-3 font-name">{template.title}</span>
      <span className="text-small text-ink-3">
        {template.description} · {plural(template.stepCount, 'step')}
      </span>
    </button>
  );
}

/**
 * Creates a project and opens it. `creating` names the template under way, with an empty text for none.
 *
 * @param workspaceId where it is made in the cloud
 */
export function useCreateProject(workspaceId?: string) {
  const [creating, setCreating] = useState<string>();
  const [error, setError] = useState<SluiceError>();
  async function create(name: string, template?: string) {
    if (creating !== undefined) return;
    setCreating(template ?? '');
    setError(undefined);
    try {
      const info = await editor().client.projects.create({ name, template, workspaceId });
      await now().loadProjects();
      await now().closeProject();
      await now().openProject(info.id);
    } catch (thrown) {
      setError(SluiceError.from(thrown));
    } finally {
      setCreating(undefined);
    }
  }
  return { create, creating, error };
}

type CardsProps = {
  templates: readonly Template[];
  creating: string | undefined;
  onChoose: (template: Template) => void;
};

/** The templates side by side, as many as there is room for. */
export function TemplateCards({ templates, creating, onChoose }: CardsProps) {
  return (
    <div className="grid grid-cols-[repeat(auto-fill,minmax(min(190px,100%),1fr))] gap-2">
      {templates.map((template) => (
        <TemplateCard
          key={template.name}
          template={template}
          busy={creating === template.name}
          onChoose={() => onChoose(template)}
        />
      ))}
    </div>
  );
}

/** A project of which only the name is known. */
export function NewProjectForm({ creating, onCreate }: { creating: boolean; onCreate: (name: string) => void }) {
  const [name, setName] = useState('');
  return (
    <form
      className="flex flex-wrap gap-2"
      onSubmit={(event) => {
        event.preventDefault();
        if (name.trim()) onCreate(name.trim());
      }}
    >
      <Input
        className="min-w-40 flex-1"
        aria-label="Name of the project"
        placeholder="Name of the project"
        value={name}
        maxLength={120}
        onChange={(event) => setName(event.target.value)}
      />
      <Button
        type="submit"
        look="primary"
        icon={<FolderPlus className="icon-s" />}
        busy={creating && 'Creating'}
        blocked={name.trim() === '' && 'Give it a name first.'}
      >
        Create project
      </Button>
    </form>
  );
}

/** Why the project was not created. */
export function NotCreated({ error }: { error: SluiceError | undefined }) {
  if (!error) return null;
  return (
    <Note kind="bad" title={error.message}>
      {error.advice}
    </Note>
  );
}
