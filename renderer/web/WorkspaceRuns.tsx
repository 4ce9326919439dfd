import { RefreshCw } from 'lucide-react';
import { useState } from 'react';
import type { RunSummary } from '#shared/contract/cloud/common.ts';
import { cloudClient } from '../host/webLink.ts';
import { AskFailed, Skeleton } from '../look/Asked.tsx';
import { STATES, StateBadge } from '../look/Badge.tsx';
import { Button } from '../look/Button.tsx';
import { formatAgo, formatDuration, formatTime } from '../look/format.ts';
import { Select } from '../look/Select.tsx';
import { Table } from '../look/Table.tsx';
import { useNow } from '../look/useNow.ts';
import { TRIGGERS } from '../runs/RunDetail.tsx';
import { now, useEditor } from '../state/store.ts';
import { HOLDS, WAITS } from '../state/waitWords.ts';
import { openRun } from './openRun.ts';
import { Empty, Page, Panel } from './Page.tsx';
import { useAsk } from './useAsk.ts';
import { useRefresh } from './useRefresh.ts';
import { useWorkspace } from './workspace.ts';

const CHOICES = ['all', 'running', 'waiting', 'failed', 'succeeded', 'cancelled', 'timed_out', 'queued'] as const;
type State = (typeof CHOICES)[number];
const wordOf = (state: State) => (state === 'all' ? 'Every state' : STATES[state].word);
const PAGE = 50;
const REFRESH_MS = 5_000;

/** The hosted runs of all projects, newest first. One opens in its project, with its data on the canvas. */
export function WorkspaceRuns() {
  const { id: workspaceId } = useWorkspace();
  const [state, setState] = useState<State>('all');
  const asked = useAsk(`runs ${state}`, (cloud) => cloud.runs.list({ limit: PAGE, ...filterOf(state) }));
  const projects = useEditor((editor) => editor.projects);
  const time = useNow(5_000);
  const { data, error } = asked;
  useRefresh(asked.again, REFRESH_MS);
  const nameOf = (run: RunSummary) => projects.find(({ id }) => id === run.projectId)?.name ?? '';

  async function older() {
    if (!data?.nextCursor) return;
    try {
      const cloud = await cloudClient(workspaceId);
      const more = await cloud.runs.list({ limit: PAGE, cursor: data.nextCursor, ...filterOf(state) });
      asked.put({ ...more, data: [...data.data, ...more.data] });
    } catch (thrown) {
      now().fail(thrown, 'Older runs could not be read');
    }
  }

  return (
    <Page
      title="Runs"
      word="of everything that is published"
      actions={
        <Select
          look="button"
          aria-label="State"
          value={state}
          options={CHOICES.map((value) => ({ value, label: wordOf(value) }))}
          onChange={(next) => setState(next as State)}
        />
      }
    >
      {error && <AskFailed error={error} onAgain={() => void asked.again()} />}
      {!data && !error && <Skeleton />}
      {data?.data.length === 0 && (
        <Empty title={state === 'all' ? 'Nothing has run yet' : `No run is ${wordOf(state).toLowerCase()}`}>
          A published workflow runs when its schedule fires, its webhook is called, or somebody starts it.
        </Empty>
      )}
      {data && data.data.length > 0 && (
        <Panel>
          <Table
            label="Runs"
            rows={data.data}
            keyOf={(run) => run.id}
            columns={[
              {
                head: 'Workflow',
                cell: (run) => (
                  <button
                    type="button"
                    className="line-clamp-2 text-left font-name after:absolute after:inset-0 group-hover:underline max-sm:min-h-0!"
                    onClick={() => void openRun(run)}
                  >
                    {run.workflowName}
                  </button>
                ),
              },
              {
                head: 'Project',
                cell: (run) => <span className="line-clamp-2 text-ink-2">{nameOf(run)}</span>,
                wide: true,
              },
              { head: 'State', whole: true, cell: (run) => <RunState run={run} /> },
              {
                head: 'Version',
                cell: (run) => (run.versionNumber === undefined ? '' : `v${run.versionNumber}`),
                wide: 'lg',
              },
              { head: 'Started by', cell: (run) => TRIGGERS[run.trigger], wide: 'lg', whole: true },
              {
                head: 'Started',
                right: true,
                wide: true,
                cell: (run) => (
                  <span className="text-ink-2" title={run.startedAt ?? run.queuedAt}>
                    {formatTime(run.startedAt ?? run.queuedAt)}
                  </span>
                ),
              },
              {
                head: 'Took',
                right: true,
                wide: true,
                cell: (run) => (run.durationMs === undefined ? '' : formatDuration(run.durationMs)),
              },
            ]}
            below={(run) => (
              <span className="block truncate">
                {formatAgo(run.startedAt ?? run.queuedAt, time)}, {nameOf(run)}
              </span>
            )}
          />
          {data.nextCursor && (
            <Button look="ghost" className="m-3" icon={<RefreshCw className="icon-s" />} onClick={() => void older()}>
              Older runs
            </Button>
          )}
        </Panel>
      )}
    </Page>
  );
}

const filterOf = (state: State) => (state === 'all' ? {} : { status: state });

/** The state, and for one that waits or is held back why. */
function RunState({ run }: { run: RunSummary }) {
  const why = run.wait ? WAITS[run.wait.reason] : run.heldBy ? HOLDS[run.heldBy] : undefined;
  return (
    <span className="flex items-center gap-x-2">
      <StateBadge state={run.status} />
      {why && <span className="text-small text-ink-3 max-sm:hidden">{why}</span>}
    </span>
  );
}
