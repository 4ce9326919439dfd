import { CloudDownload, LoaderCircle, RefreshCw } from 'lucide-react';
import { useCallback, useEffect, useState } from 'react';
import type { z } from 'zod';
import type { HostApi } from '#shared/contract/hostApi.ts';
import { SluiceError } from '#shared/error.ts';
import { AskFailed, Skeleton } from '../look/Asked.tsx';
import { Button } from '../look/Button.tsx';
import { formatAgo } from '../look/format.ts';
import { Note } from '../look/Note.tsx';
import { Select } from '../look/Select.tsx';
import { useNow } from '../look/useNow.ts';
import { editor, now, useEditor } from '../state/store.ts';

type Page = z.output<HostApi['sync']['remote']['output']>;
type Remote = Page['data'][number];

const PAGE = 50;

/** Projects of the person's workspaces that this computer does not have. Opening one brings it here. */
export function WorkspaceProjects() {
  const account = useEditor((state) => state.account);
  const [chosen, setChosen] = useState<string>();
  const workspaces = account?.workspaces ?? [];
  const workspace = workspaces.find(({ id }) => id === chosen) ?? workspaces[0];
  const signedIn = account?.status === 'signed_in';
  return (
    <section aria-labelledby="workspace-projects">
      <header className="mb-2.5 flex min-h-6 flex-wrap items-center gap-2">
        <h2 id="workspace-projects" className="font-heading">
          In your workspaces
        </h2>
        {signedIn && workspaces.length > 1 && (
          <span className="ml-auto">
            <Select
              look="button"
              aria-label="Workspace"
              value={workspace?.id}
              options={workspaces.map(({ id, name, role }) => ({ value: id, label: name, hint: role }))}
              onChange={setChosen}
            />
          </span>
        )}
      </header>
      {signedIn && workspace ? (
        <ProjectsOf key={workspace.id} workspaceId={workspace.id} name={workspace.name} />
      ) : (
        <WhyNone />
      )}
    </section>
  );
}

/** Nobody is signed in, or nobody answers: what can be done about it. */
function WhyNone() {
  const status = useEditor((state) => state.account?.status);
  if (status === 'unreachable') {
    return (
      <Note
        title="The control plane does not answer"
        actions={
          <Button size="sm" onClick={() => void readAccount()}>
            Try again
          </Button>
        }
      >
        What is on this computer opens and runs all the same.
      </Note>
    );
  }
  const waits = status === 'signing_in';
  return (
    <div className="flex flex-wrap items-center gap-3 rounded-panel bg-panel px-4 py-3 shadow-card">
      <p className="min-w-50 flex-1 text-ink-2">
        {status === 'expired'
          ? 'The sign-in of this computer has ended.'
          : 'Projects that you or others sent to a workspace can be opened here too.'}
      </p>
      <Button busy={waits && 'Waiting'} onClick={() => void now().signIn()}>
        {status === 'expired' ? 'Sign in again' : 'Sign in'}
      </Button>
    </div>
  );
}

async function readAccount(): Promise<void> {
  try {
    now().accountChanged(await editor().client.account.state({}));
  } catch (thrown) {
    now().fail(thrown, 'The sign-in could not be read');
  }
}

function ProjectsOf({ workspaceId, name }: { workspaceId: string; name: string }) {
  const mine = useEditor((state) => state.projects);
  const [page, setPage] = useState<Page>();
  const [error, setError] = useState<SluiceError>();
  const [opening, setOpening] = useState<string>();
  const time = useNow(30_000);

  const ask = useCallback(
    async (before?: Page) => {
      try {
        const cursor = before?.nextCursor;
        const more = await editor().client.sync.remote({ workspaceId, limit: PAGE, ...(cursor ? { cursor } : {}) });
        setPage({ ...more, data: [...(before?.data ?? []), ...more.data] });
        setError(undefined);
      } catch (thrown) {
        setError(SluiceError.from(thrown));
      }
    },
    [workspaceId],
  );
  useEffect(() => void ask(), [ask]);

  async function open({ id }: Remote) {
    if (opening !== undefined) return;
    setOpening(id);
    setError(undefined);
    try {
      await bring(workspaceId, id);
      await now().loadProjects();
      await now().openProject(id);
    } catch (thrown) {
      setError(SluiceError.from(thrown));
    } finally {
      setOpening(undefined);
    }
  }

  const missing = page?.data.filter(({ id }) => !mine.some((one) => one.id === id)) ?? [];
  return (
    <div className="flex flex-col gap-2">
      {error && <AskFailed error={error} onAgain={() => void ask()} />}
      {!page && !error && <Skeleton rows={2} />}
      {page && missing.length === 0 && (
        <p className="rounded-panel bg-panel px-4 py-3 text-ink-2 shadow-card">
          {page.data.length === 0
            ? `${name} has no project yet. Publishing one of yours sends it there.`
            : `${page.nextCursor ? 'These' : 'All'} projects of ${name} are on this computer.`}
        </p>
      )}
      {missing.length > 0 && (
        <ul aria-label={`Projects of ${name}`} className="overflow-hidden rounded-panel bg-panel shadow-card">
          {missing.map((project) => (
            <li key={project.id} className="border-b border-line last:border-b-0">
              <button
                type="button"
                aria-disabled={opening !== undefined || undefined}
                onClick={() => void open(project)}
                className="flex w-full items-center gap-3 px-4 py-2.5 text-left hover:bg-hover focus-visible:-outline-offset-2"
              >
                <span className="min-w-0 flex-1">
                  <span className="block truncate font-name">{project.name}</span>
                  <span className="block text-small text-ink-3">
                    Revision {project.revision}, {formatAgo(project.updatedAt, time)}
                  </span>
                </span>
                <span className="flex flex-none items-center gap-1.25 text-small font-control text-accent-ink">
                  {opening === project.id ? (
                    <LoaderCircle className="icon-s spin" aria-hidden />
                  ) : (
                    <CloudDownload className="icon-s" aria-hidden />
                  )}
                  {opening === project.id ? 'Opening' : 'Open here'}
                </span>
              </button>
            </li>
          ))}
        </ul>
      )}
      {page?.nextCursor && (
        <Button
          look="ghost"
          className="self-start"
          icon={<RefreshCw className="icon-s" />}
          onClick={() => void ask(page)}
        >
          More projects
        </Button>
      )}
    </div>
  );
}

/** Puts it into a folder of its own; where it is on the list meanwhile, that one is opened. */
async function bring(workspaceId: string, projectId: string): Promise<void> {
  try {
    await editor().client.sync.clone({ workspaceId, projectId });
  } catch (thrown) {
    if (SluiceError.from(thrown).code !== 'project.exists') throw thrown;
  }
}
