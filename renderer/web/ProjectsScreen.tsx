import { ChevronRight, FolderPlus } from 'lucide-react';
import { useState } from 'react';
import { NewProjectForm, NotCreated, TemplateCards, useCreateProject } from '../library/newProject.tsx';
import { Button } from '../look/Button.tsx';
import { Dialog } from '../look/Dialog.tsx';
import { formatAgo } from '../look/format.ts';
import { Field, Input } from '../look/Input.tsx';
import { Note } from '../look/Note.tsx';
import { useNow } from '../look/useNow.ts';
import { useEditor } from '../state/store.ts';
import { Link } from './Link.tsx';
import { Page } from './Page.tsx';
import { pathOfProject } from './route.ts';
import { useWorkspace } from './workspace.ts';

/** The projects of the workspace; for a newcomer, what one may begin with. */
export function ProjectsScreen() {
  const workspace = useWorkspace();
  const all = useEditor((state) => state.projects);
  const unverified = useEditor((state) => state.account?.user?.emailVerified === false);
  const [creating, setCreating] = useState(false);
  const time = useNow(30_000);
  const projects = all.filter(({ sync }) => sync.workspaceId === workspace.id);
  const mayWrite = workspace.role !== 'viewer';
  return (
    <Page
      title="Projects"
      actions={
        projects.length > 0 && (
          <Button
            look="primary"
            icon={<FolderPlus className="icon-s" />}
            blocked={!mayWrite && 'As viewer you may look at projects, not make them.'}
            onClick={() => setCreating(true)}
          >
            New project
          </Button>
        )
      }
    >
      {unverified && (
        <Note kind="wait" title="Your e-mail address is not confirmed yet">
          Build as you like. Publishing waits until you open the link in the letter we sent you.
        </Note>
      )}
      {projects.length === 0 ? (
        <Start mayWrite={mayWrite} />
      ) : (
        <ul aria-label="Projects" className="overflow-hidden rounded-panel bg-panel shadow-card">
          {projects.map((project) => (
            <li key={project.id} className="border-b border-line last:border-b-0">
              <Link
                to={pathOfProject(project.id)}
                className="flex min-h-13 items-center gap-3 px-4 py-2 text-ink no-underline hover:bg-hover focus-visible:-outline-offset-2"
              >
                <span className="min-w-0 flex-1">
                  <span className="block truncate font-name">{project.name}</span>
                  <span className="block text-small text-ink-3">Revision {project.sync.revision}</span>
                </span>
                <span className="flex-none text-small text-ink-3" title={project.openedAt}>
                  {formatAgo(project.openedAt, time)}
                </span>
                <ChevronRight className="icon-s text-ink-3" aria-hidden />
              </Link>
            </li>
          ))}
        </ul>
      )}
      {creating && <NewProject onClose={() => setCreating(false)} />}
    </Page>
  );
}

/** Nothing is here yet: working examples first. */
function Start({ mayWrite }: { mayWrite: boolean }) {
  const templates = useEditor((state) => state.templates);
  const { create, creating, error } = useCreateProject(useWorkspace().id);
  if (!mayWrite) return <p className="py-12 text-center text-ink-2">The workspace has no project yet.</p>;
  return (
    <section className="mx-auto w-full max-w-200 py-6">
      <h2 className="text-page font-heading tracking-[-.018em]">What do you want to build?</h2>
      <p className="mb-5 text-ink-2">Begin with one that works, change it, and publish it when you like it.</p>
      <TemplateCards
        templates={templates}
        creating={creating}
        onChoose={({ title, name }) => void create(title, name)}
      />
      <h3 className="mt-6 mb-2 font-heading">Or from nothing</h3>
      <NewProjectForm creating={creating === ''} onCreate={(name) => void create(name)} />
      <div className="mt-3">
        <NotCreated error={error} />
      </div>
    </section>
  );
}

function NewProject({ onClose }: { onClose: () => void }) {
  const templates = useEditor((state) => state.templates);
  const { create, creating, error } = useCreateProject(useWorkspace().id);
  const [name, setName] = useState('');
  return (
    <Dialog
      open
      onClose={onClose}
      onSubmit={() => name.trim() !== '' && creating === undefined && void create(name.trim())}
      size="form"
      title="New project"
      consequence="Everybody in the workspace sees it."
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            type="submit"
            look="primary"
            busy={creating === '' && 'Creating'}
            blocked={name.trim() === '' && 'Give it a name, or choose one below.'}
          >
            Create project
          </Button>
        </>
      }
    >
      <Field label="Name">
        {(ids) => <Input {...ids} value={name} maxLength={120} onChange={(event) => setName(event.target.value)} />}
      </Field>
      <div>
        <h3 className="mb-2 text-small font-control text-ink-2">Or begin with one that works</h3>
        <TemplateCards
          templates={templates}
          creating={creating}
          onChoose={(template) => void create(name.trim() || template.title, template.name)}
        />
      </div>
      <NotCreated error={error} />
    </Dialog>
  );
}
