import { useState } from 'react';
import type { Version } from '#shared/contract/cloud/common.ts';
import { listChanges } from '#shared/workflow/listChanges.ts';
import { AskFailed, Skeleton } from '../look/Asked.tsx';
import { StateBadge } from '../look/Badge.tsx';
import { Button } from '../look/Button.tsx';
import { cx } from '../look/cx.ts';
import { formatAgo } from '../look/format.ts';
import { Select } from '../look/Select.tsx';
import { useNow } from '../look/useNow.ts';
import { ChangeCounts, Changes } from '../publish/Changes.tsx';
import { now, useEditor } from '../state/store.ts';
import { Empty, Page, Panel } from './Page.tsx';
import { useAsk } from './useAsk.ts';
import { useWorkspace } from './workspace.ts';

const PAGE = 100;

/** What was published of a project, and what each version changed of the one before. */
export function VersionsScreen() {
  const { id: workspaceId } = useWorkspace();
  const projects = useEditor((state) => state.projects).filter(({ sync }) => sync.workspaceId === workspaceId);
  const [chosen, setChosen] = useState<string>();
  const projectId = projects.find(({ id }) => id === chosen)?.id ?? projects[0]?.id;
  return (
    <Page
      title="Versions"
      actions={
        projects.length > 0 && (
          <Select
            look="button"
            aria-label="Project"
            value={projectId}
            options={projects.map(({ id, name }) => ({ value: id, label: name }))}
            onChange={setChosen}
          />
        )
      }
    >
      {projectId ? (
        <VersionsOf key={projectId} projectId={projectId} />
      ) : (
        <Empty title="There is no project yet">A version is made when a project is published.</Empty>
      )}
    </Page>
  );
}

function VersionsOf({ projectId }: { projectId: string }) {
  const asked = useAsk(`versions ${projectId}`, async (cloud) => {
    const [versions, deployments] = await Promise.all([
      cloud.versions.list({ projectId, limit: PAGE }),
      cloud.deployments.list({ projectId, limit: PAGE }),
    ]);
    return { versions: versions.data, live: deployments.data.filter(({ status }) => status === 'active') };
  });
  const [selected, setSelected] = useState<string>();
  const time = useNow(30_000);
  const { data, error } = asked;
  if (error && !data) return <AskFailed error={error} onAgain={() => void asked.again()} />;
  if (!data) return <Skeleton />;
  if (data.versions.length === 0) {
    return (
      <Empty
        title="Nothing of this project is published yet"
        action={<Button onClick={() => void openProject(projectId)}>Open the project</Button>}
      >
        Publishing freezes a version, which never changes again.
      </Empty>
    );
  }
  const shown = data.versions.find(({ id }) => id === selected) ?? data.versions[0];
  const before = shown && data.versions.find(({ number }) => number < shown.number);
  return (
    <div className="grid grid-cols-[minmax(0,320px)_minmax(0,1fr)] items-start gap-4 max-md:grid-cols-1">
      <Panel title="Published">
        <ul aria-label="Versions">
          {data.versions.map((version) => (
            <li key={version.id} className="border-b border-line last:border-b-0">
              <button
                type="button"
                aria-pressed={version.id === shown?.id}
                onClick={() => setSelected(version.id)}
                className={cx(
                  'flex min-h-13 w-full items-center gap-2.5 px-4 py-2 text-left focus-visible:-outline-offset-2',
                  version.id === shown?.id ? 'bg-selected shadow-[inset_2px_0_0_var(--accent)]' : 'hover:bg-hover',
                )}
              >
                <span className="min-w-0 flex-1">
                  <span className="block truncate">
                    <span className="font-name tabular-nums">v{version.number}</span>
                    {version.note && <span className="ml-2 text-ink-2">{version.note}</span>}
                  </span>
                  <span className="block truncate text-small text-ink-2">
                    {version.createdByName}, {formatAgo(version.createdAt, time)}
                  </span>
                </span>
                {data.live
                  .filter(({ versionId }) => versionId === version.id)
                  .map(({ id, environment }) => (
                    <StateBadge key={id} state="succeeded" word={`Live in ${environment}`} />
                  ))}
              </button>
            </li>
          ))}
        </ul>
      </Panel>
      {shown && <Diff key={shown.id} projectId={projectId} version={shown} before={before} />}
    </div>
  );
}

function Diff({ projectId, version, before }: { projectId: string; version: Version; before: Version | undefined }) {
  const asked = useAsk(`diff ${version.id}`, async (cloud) => {
    const treeOf = (versionId: string) => cloud.versions.tree({ projectId, versionId });
    const [is, was] = await Promise.all([treeOf(version.id), before ? treeOf(before.id) : undefined]);
    return listChanges(was, is, []);
  });
  const { data, error } = asked;
  return (
    <Panel
      title={before ? `What v${version.number} changed of v${before.number}` : `What v${version.number} began with`}
      extra={data && <ChangeCounts changes={data} />}
    >
      <div className="p-3">
        {error && <AskFailed error={error} onAgain={() => void asked.again()} />}
        {data?.length === 0 && <p className="px-1 text-small text-ink-2">Nothing that is listed here differs.</p>}
        {data && data.length > 0 && <Changes changes={data} />}
      </div>
    </Panel>
  );
}

async function openProject(projectId: string): Promise<void> {
  await now()
    .openProject(projectId)
    .catch((thrown: unknown) => now().fail(thrown, 'The project could not be opened'));
}
