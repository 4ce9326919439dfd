import { Radio, RefreshCw, Search } from 'lucide-react';
import { useEffect, useMemo, useRef, useState } from 'react';
import type { RunSummary } from '#shared/contract/cloud/common.ts';
import { StateBadge } from '../look/Badge.tsx';
import { Button } from '../look/Button.tsx';
import { cx } from '../look/cx.ts';
import { formatDuration, formatTime, plural } from '../look/format.ts';
import { Input } from '../look/Input.tsx';
import { Screen } from '../look/Screen.tsx';
import { Segmented } from '../look/Segmented.tsx';
import { TabRow } from '../look/Tabs.tsx';
import { useNow } from '../look/useNow.ts';
import { isOver } from '../state/runView.ts';
import { editor, now, useEditor } from '../state/store.ts';
import { HOLDS, WAITS } from '../state/waitWords.ts';
import { RunDetail, TRIGGERS, type Where } from './RunDetail.tsx';

type Filter = 'all' | 'running' | 'waiting' | 'failed' | 'succeeded';
const groupOf = (run: RunSummary): Filter =>
  run.status === 'failed' || run.status === 'timed_out'
    ? 'failed'
    : run.status === 'waiting'
      ? 'waiting'
      : run.status === 'succeeded'
        ? 'succeeded'
        : isOver(run.status)
          ? 'all'
          : 'running';

/** Every run of the project, here or hosted, with one of them beside the list. */
export function RunsScreen() {
  const bound = useEditor((state) => state.doc?.info.sync.workspaceId !== undefined);
  const signedIn = useEditor((state) => state.account?.status === 'signed_in');
  const [where, setWhere] = useState<Where>(bound && signedIn ? 'hosted' : 'local');
  const runs = useEditor((state) => (where === 'local' ? state.localRuns : state.hostedRuns));
  const [filter, setFilter] = useState<Filter>('all');
  const [search, setSearch] = useState('');
  const [selected, setSelected] = useState<string>();
  /** The run whose detail takes the focus: the one opened by key. */
  const [enter, setEnter] = useState<string>();
  const [cursor, setCursor] = useState<string>();
  const list = useRef<HTMLTableSectionElement>(null);
  const projectId = useEditor((state) => state.doc?.info.id);

  useEffect(() => {
    if (!projectId) return;
    let gone = false;
    const { client, store } = editor();
    const ask =
      where === 'local'
        ? client.runs.list({ projectId, limit: 50 })
        : signedIn && bound
          ? client.hosted.runs({ projectId, limit: 50 })
          : undefined;
    ask?.then(
      ({ data, nextCursor }) => {
        if (gone) return;
        store.setState(where === 'local' ? { localRuns: data } : { hostedRuns: data });
        setCursor(nextCursor);
      },
      (thrown: unknown) => !gone && now().fail(thrown, 'The runs could not be read'),
    );
    return () => {
      gone = true;
    };
  }, [projectId, where, signedIn, bound]);

  async function more() {
    if (!projectId || !cursor) return;
    const { client, store } = editor();
    try {
      const input = { projectId, limit: 50, cursor };
      const { data, nextCursor } = await (where === 'local' ? client.runs.list(input) : client.hosted.runs(input));
      store.setState((state) =>
        where === 'local'
          ? { localRuns: [...state.localRuns, ...data] }
          : { hostedRuns: [...state.hostedRuns, ...data] },
      );
      setCursor(nextCursor);
    } catch (thrown) {
      now().fail(thrown, 'Older runs could not be read');
    }
  }

  const found = useMemo(() => {
    const wanted = search.trim().toLowerCase();
    return wanted === ''
      ? runs
      : runs.filter((run) =>
          `${run.id} ${run.workflowName} ${run.environment} ${run.error?.message ?? ''} ${TRIGGERS[run.trigger]}`
            .toLowerCase()
            .includes(wanted),
        );
  }, [runs, search]);
  const shown = filter === 'all' ? found : found.filter((run) => groupOf(run) === filter);
  const count = (group: Filter) => found.filter((run) => groupOf(run) === group).length;
  const open = shown.find((run) => run.id === selected);

  function walk(event: React.KeyboardEvent) {
    const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
    if (step === undefined || (event.target as HTMLElement).closest('input')) return;
    event.preventDefault();
    const next = shown[Math.max(0, shown.findIndex((run) => run.id === selected) + step)];
    if (!next) return;
    setSelected(next.id);
    setEnter(undefined);
    list.current?.querySelector<HTMLElement>(`[data-run="${next.id}"]`)?.focus();
  }

  function close() {
    const row = list.current?.querySelector<HTMLElement>(`[data-run="${selected}"]`);
    setSelected(undefined);
    setEnter(undefined);
    row?.focus();
  }

  function onKeyDown(event: React.KeyboardEvent) {
    if (event.key === 'Escape' && open && !event.defaultPrevented) close();
  }

  return (
    <Screen
      title="Runs"
      word={
        <span className="flex items-center gap-1.5 text-small text-run-ink">
          <Radio className="icon-s" aria-hidden /> Live
        </span>
      }
      actions={
        <Segmented
          label="Where"
          value={where}
          onChange={(next) => {
            setWhere(next);
            setSelected(undefined);
          }}
          options={[
            { value: 'local', label: 'On this computer' },
            { value: 'hosted', label: 'Hosted' },
          ]}
        />
      }
    >
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the button that closes does the same. */}
      <div className="relative flex min-h-0 flex-1 bg-panel" onKeyDown={onKeyDown}>
        {/* biome-ignore lint/a11y/noStaticElementInteractions: the keys of the list below. */}
        <div className="flex min-w-0 flex-1 flex-col" onKeyDown={walk}>
          <div className="flex h-13 flex-none items-center gap-2 px-6">
            <Input
              className="w-56"
              icon={<Search className="icon-s text-ink-3" aria-hidden />}
              aria-label="Search runs"
              placeholder="Run, workflow or error"
              value={search}
              onChange={(event) => setSearch(event.target.value)}
            />
            <span className="ml-auto text-small tabular-nums text-ink-3">{plural(shown.length, 'run')}</span>
          </div>
          <TabRow<Filter>
            label="State"
            value={filter}
            onChange={setFilter}
            tabs={[
              { value: 'all', label: 'All', count: found.length },
              { value: 'running', label: 'Running', count: count('running') },
              { value: 'waiting', label: 'Waiting', count: count('waiting') },
              { value: 'failed', label: 'Failed', count: count('failed') },
              { value: 'succeeded', label: 'Succeeded', count: count('succeeded') },
            ]}
          />
          <div className="min-h-0 flex-1 overflow-auto">
            <table className="w-full border-separate border-spacing-0 text-list">
              <thead>
                <tr className="text-left text-micro font-control text-ink-3">
                  <Head>Workflow</Head>
                  <Head>State</Head>
                  <Head hide>Environment</Head>
                  <Head hide>Started by</Head>
                  <Head right>Started</Head>
                  <Head right>Took</Head>
                </tr>
              </thead>
              <tbody ref={list}>
                {shown.map((run, index) => (
                  <RunRow
                    key={run.id}
                    run={run}
                    on={run.id === selected}
                    first={index === 0}
                    onSelect={() => setSelected(run.id)}
                    onEnter={() => {
                      setSelected(run.id);
                      setEnter(run.id);
                    }}
                    onOpen={() => void now().showRun(run, where)}
                  />
                ))}
              </tbody>
            </table>
            {shown.length === 0 && (
              <p className="p-6 text-small text-ink-3">
                {where === 'hosted' && !bound
                  ? 'The project is on this computer only. Publish it to see hosted runs.'
                  : where === 'hosted' && !signedIn
                    ? 'Sign in to see hosted runs.'
                    : 'No runs yet.'}
              </p>
            )}
            {cursor && (
              <Button look="ghost" className="m-3" icon={<RefreshCw className="icon-s" />} onClick={() => void more()}>
                Older runs
              </Button>
            )}
          </div>
        </div>
        {open && <RunDetail key={open.id} run={open} where={where} focus={enter === open.id} onClose={close} />}
      </div>
    </Screen>
  );
}

function Head({ children, right, hide }: { children: string; right?: boolean; hide?: boolean }) {
  return (
    <th
      scope="col"
      className={cx(
        'sticky top-0 z-1 h-7.5 border-b border-line bg-panel px-3 first:pl-6 last:pr-6',
        right && 'text-right',
        hide && 'max-lg:hidden',
      )}
    >
      {children}
    </th>
  );
}

type RunRowProps = {
  run: RunSummary;
  on: boolean;
  first: boolean;
  onSelect: () => void;
  onEnter: () => void;
  onOpen: () => void;
};

function RunRow({ run, on, first, onSelect, onEnter, onOpen }: RunRowProps) {
  const over = isOver(run.status);
  const time = useNow(1_000, !over && run.startedAt !== undefined);
  const took =
    run.durationMs ??
    (run.startedAt
      ? Math.max(0, (run.finishedAt ? Date.parse(run.finishedAt) : time) - Date.parse(run.startedAt))
      : undefined);
  const cell = 'h-9 border-b border-line px-3 whitespace-nowrap';
  return (
    <tr
      data-run={run.id}
      tabIndex={on || first ? 0 : -1}
      aria-selected={on}
      onClick={onSelect}
      onDoubleClick={onOpen}
      onKeyDown={(event) => {
        if (event.key === 'Enter') onEnter();
      }}
      className={cx('focus-visible:shadow-none', on ? 'bg-selected' : 'hover:bg-hover')}
    >
      <td className={cx(cell, 'max-w-60 truncate pl-6 font-name', on && 'shadow-[inset_2px_0_0_var(--accent)]')}>
        {run.workflowName}
        {run.versionNumber !== undefined && <span className="ml-1.5 font-normal text-ink-3">v{run.versionNumber}</span>}
      </td>
      <td className={cx(cell, 'w-[45%] max-w-0')}>
        <span className="flex items-center gap-2">
          <StateBadge state={run.status} />
          <span className="min-w-0 truncate text-small text-ink-3">{whyOf(run)}</span>
        </span>
      </td>
      <td className={cx(cell, 'max-lg:hidden')}>{run.environment}</td>
      <td className={cx(cell, 'max-lg:hidden')}>{TRIGGERS[run.trigger]}</td>
      <td className={cx(cell, 'text-right tabular-nums')} title={run.queuedAt}>
        {formatTime(run.startedAt ?? run.queuedAt)}
      </td>
      <td className={cx(cell, 'pr-6 text-right tabular-nums')}>{took === undefined ? '' : formatDuration(took)}</td>
    </tr>
  );
}

/** Every wait and failure says why in the same line. */
function whyOf({ status, wait, heldBy, error }: RunSummary): string | undefined {
  if (status === 'waiting') return wait && WAITS[wait.reason];
  if (status === 'queued') return heldBy && HOLDS[heldBy];
  return status === 'failed' || status === 'timed_out' ? error?.message : undefined;
}
