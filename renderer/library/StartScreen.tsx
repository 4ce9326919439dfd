import { Copy, Ellipsis, FolderOpen, Trash2 } from 'lucide-react';
import { Suspense, useState } from 'react';
import type { ProjectInfo } from '#shared/contract/host/common.ts';
import { AccountMenu } from '../account/AccountMenu.tsx';
import { syncWords } from '../changes/syncWords.ts';
import { Button } from '../look/Button.tsx';
import { formatAgo, plural } from '../look/format.ts';
import { Input } from '../look/Input.tsx';
import { Mark } from '../look/Mark.tsx';
import { Menu, type MenuEntry, RowMenu } from '../look/Menu.tsx';
import { part } from '../look/part.ts';
import { useNow } from '../look/useNow.ts';
import { editor, now, useEditor } from '../state/store.ts';
import { DuplicateProject } from './DuplicateProject.tsx';
import { NewProjectForm, NotCreated, TemplateCards, useCreateProject } from './newProject.tsx';
import { WorkspaceProjects } from './WorkspaceProjects.tsx';

const SignInDialog = part(() => import('../account/SignInDialog.tsx').then((file) => file.SignInDialog));

/** Before a project is open: the ones there are, templates, and a folder to open. */
export function StartScreen() {
  const projects = useEditor((state) => state.projects);
  const templates = useEditor((state) => state.templates);
  const { create, creating, error } = useCreateProject();
  const dialog = useEditor((state) => state.dialog);
  return (
    <main className="h-full overflow-auto bg-canvas">
      <div className="mx-auto flex max-w-200 flex-col gap-8 px-6 py-12 max-sm:py-6">
        <header className="flex items-center gap-3">
          <Mark size={32} />
          <div>
            <h1 className="text-page font-heading tracking-[-.018em]">What do you want to build?</h1>
            <p className="text-ink-2">Everything here runs on your computer and costs nothing.</p>
          </div>
          <span className="ml-auto">
            <AccountMenu />
          </span>
        </header>

        <section>
          <h2 className="mb-2.5 font-heading">Start from a working one</h2>
          <TemplateCards
            templates={templates}
            creating={creating}
            onChoose={({ title, name }) => void create(title, name)}
          />
        </section>

        <div className="grid grid-cols-2 gap-6 max-md:grid-cols-1">
          <section>
            <h2 className="mb-2.5 font-heading">Or from nothing</h2>
            <NewProjectForm creating={creating === ''} onCreate={(name) => void create(name)} />
          </section>
          <OpenFolder />
        </div>

        <NotCreated error={error} />

        {projects.length > 0 && (
          <section>
            <h2 className="mb-2.5 font-heading">Your projects</h2>
            <ul aria-label="Your projects" className="overflow-hidden rounded-panel bg-panel shadow-card">
              {projects.map((project) => (
                <ProjectRow key={project.id} project={project} />
              ))}
            </ul>
          </section>
        )}

        <WorkspaceProjects />
      </div>
      {dialog === 'sign-in' && (
        <Suspense fallback={null}>
          <SignInDialog />
        </Suspense>
      )}
    </main>
  );
}

function ProjectRow({ project }: { project: ProjectInfo }) {
  const [duplicating, setDuplicating] = useState(false);
  const time = useNow(30_000);
  const reachable = useEditor((state) => state.account?.status !== 'unreachable');
  const { icon: SyncIcon, word, waits } = syncWords(project.sync, reachable, time);
  const open = () =>
    void now()
      .openProject(project.id)
      .catch((thrown: unknown) => now().fail(thrown, `${project.name} could not be opened`));
  const entries: MenuEntry[] = [
    { label: 'Open', icon: <FolderOpen className="icon-s" />, onSelect: open },
    { label: 'Duplicate', icon: <Copy className="icon-s" />, onSelect: () => setDuplicating(true) },
    'line',
    {
      label: 'Take off the list',
      hint: 'its folder stays',
      icon: <Trash2 className="icon-s" />,
      onSelect: () => void forget(project.id),
    },
  ];
  return (
    <li className="flex items-center border-b border-line last:border-b-0 hover:bg-hover">
      <RowMenu entries={entries}>
        <button
          type="button"
          onClick={open}
          className="flex min-w-0 flex-1 items-center gap-3 py-2.5 pr-2 pl-4 text-left focus-visible:-outline-offset-2"
        >
          <span className="min-w-0 flex-1">
            <span className="block truncate font-name">{project.name}</span>
            <span className="block truncate font-mono text-[11px] text-ink-3">{project.dir}</span>
          </span>
          <span className="flex-none text-small text-ink-3 max-sm:hidden">
            {plural(project.workflowCount, 'workflow')}
          </span>
          <span
            className={`flex flex-none items-center gap-1.25 text-small max-md:hidden ${waits ? 'text-wait-ink' : 'text-ink-3'}`}
          >
            <SyncIcon className="icon-s" aria-hidden />
            {word}
          </span>
          <span className="w-20 flex-none text-right text-small text-ink-3" title={project.openedAt}>
            {formatAgo(project.openedAt, time)}
          </span>
        </button>
      </RowMenu>
      <Menu
        trigger={
          <Button
            look="ghost"
            className="mr-2"
            aria-label={`What can be done with ${project.name}`}
            icon={<Ellipsis className="icon-s" />}
          />
        }
        entries={entries}
      />
      {duplicating && <DuplicateProject project={project} onClose={() => setDuplicating(false)} />}
    </li>
  );
}

async function forget(projectId: string) {
  try {
    await editor().client.projects.forget({ projectId });
    await now().loadProjects();
  } catch (thrown) {
    now().fail(thrown, 'The project is still on the list');
  }
}

function OpenFolder() {
  const canChoose = useEditor((state) => state.host?.can.chooseFolder ?? false);
  const projectsDir = useEditor((state) => state.host?.projectsDir ?? '');
  const [dir, setDir] = useState('');
  const [opening, setOpening] = useState(false);

  async function open(folder: string) {
    if (!folder) return;
    setOpening(true);
    try {
      const info = await editor().client.projects.openFolder({ dir: folder });
      await now().loadProjects();
      await now().openProject(info.id);
    } catch (thrown) {
      now().fail(thrown, 'The folder could not be opened');
    } finally {
      setOpening(false);
    }
  }

  async function choose() {
    const chosen = await editor()
      .client.host.chooseFolder({})
      .catch((thrown: unknown) => {
        now().fail(thrown, 'No folder was chosen');
        return { dir: undefined };
      });
    if (chosen.dir) await open(chosen.dir);
  }

  return (
    <section>
      <h2 className="mb-2.5 font-heading">Open a folder</h2>
      {canChoose ? (
        <Button icon={<FolderOpen className="icon-s" />} busy={opening && 'Opening'} onClick={() => void choose()}>
          Choose a folder
        </Button>
      ) : (
        <form
          className="flex gap-2"
          onSubmit={(event) => {
            event.preventDefault();
            void open(dir.trim());
          }}
        >
          <Input
            className="flex-1 font-mono"
            aria-label="Path of the folder"
            placeholder={projectsDir}
            value={dir}
            onChange={(event) => setDir(event.target.value)}
          />
          <Button
            type="submit"
            icon={<FolderOpen className="icon-s" />}
            busy={opening && 'Opening'}
            blocked={dir.trim() === '' && 'Type the path of a project folder.'}
          >
            Open
          </Button>
        </form>
      )}
    </section>
  );
}
