import { FolderOpen, FolderPlus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { AccountMenu } from '../account/AccountMenu.tsx';
import { syncWords } from '../changes/syncWords.ts';
import { Button } from '../look/Button.tsx';
import { formatAgo, plural } from '../look/format.ts';
import { Input } from '../look/Input.tsx';
import { Mark } from '../look/Mark.tsx';
import { useNow } from '../look/useNow.ts';
import { editor, now, useEditor } from '../state/store.ts';
import { TemplateCard, useCreateProject } from './TemplateCard.tsx';

/** Before a project is open: the ones there are, templates, and a folder to open. */
export function StartScreen() {
  const projects = useEditor((state) => state.projects);
  const templates = useEditor((state) => state.templates);
  const { create, creating } = useCreateProject();
  const [name, setName] = useState('');
  const time = useNow(30_000);
  const reachable = useEditor((state) => state.account?.status !== 'unreachable');
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
          <div className="grid grid-cols-[repeat(auto-fill,minmax(220px,1fr))] gap-2">
            {templates.map((template) => (
              <TemplateCard
                key={template.name}
                template={template}
                busy={creating === template.name}
                onChoose={() => void create(template.title, template.name)}
              />
            ))}
          </div>
        </section>

        <div className="grid grid-cols-2 gap-6 max-md:grid-cols-1">
          <section>
            <h2 className="mb-2.5 font-heading">Or from nothing</h2>
            <form
              className="flex gap-2"
              onSubmit={(event) => {
                event.preventDefault();
                if (name.trim()) void create(name.trim());
              }}
            >
              <Input
                className="flex-1"
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
                busy={creating === '' && 'Creating'}
                blocked={name.trim() === '' && 'Give it a name first.'}
              >
                Create project
              </Button>
            </form>
          </section>
          <OpenFolder />
        </div>

        {projects.length > 0 && (
          <section>
            <h2 className="mb-2.5 font-heading">Your projects</h2>
            <ul className="overflow-hidden rounded-panel bg-panel shadow-card">
              {projects.map((project) => {
                const { icon: SyncIcon, word, waits } = syncWords(project.sync, reachable, time);
                return (
                  <li
                    key={project.id}
                    className="group flex items-center border-b border-line last:border-b-0 hover:bg-hover"
                  >
                    <button
                      type="button"
                      onClick={() =>
                        void now()
                          .openProject(project.id)
                          .catch((thrown: unknown) => now().fail(thrown, `${project.name} could not be opened`))
                      }
                      className="flex min-w-0 flex-1 items-center gap-3 px-4 py-2.5 text-left focus-visible:-outline-offset-2"
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
                      <span className="w-20 flex-none text-right text-small text-ink-3">
                        {formatAgo(project.openedAt, time)}
                      </span>
                    </button>
                    <Button
                      look="ghost"
                      size="sm"
                      className="mr-2 opacity-0 group-focus-within:opacity-100 group-hover:opacity-100"
                      aria-label={`Take ${project.name} off the list; its folder stays`}
                      icon={<Trash2 className="icon-s" />}
                      onClick={() => void forget(project.id)}
                    />
                  </li>
                );
              })}
            </ul>
          </section>
        )}
      </div>
    </main>
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
