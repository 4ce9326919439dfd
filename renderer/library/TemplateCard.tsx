import { LoaderCircle } from 'lucide-react';
import { useState } from 'react';
import type { Template } from '#shared/contract/hostApi.ts';
import { plural } from '../look/format.ts';
import { StepIcon } from '../look/stepIcon.tsx';
import { editor, now } from '../state/store.ts';

/** A template's main line as a picture, its title and what it does. */
export function TemplateCard({
  template,
  busy,
  onChoose,
}: {
  template: Template;
  busy: boolean;
  onChoose: () => void;
}) {
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

/** Creates a project and opens it. `creating` names the template under way. */
export function useCreateProject() {
  const [creating, setCreating] = useState<string>();
  async function create(name: string, template?: string) {
    setCreating(template ?? '');
    try {
      const info = await editor().client.projects.create({ name, template });
      await now().loadProjects();
      await now().closeProject();
      await now().openProject(info.id);
    } catch (thrown) {
      now().fail(thrown, 'The project was not created');
    } finally {
      setCreating(undefined);
    }
  }
  return { create, creating };
}
