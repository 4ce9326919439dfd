import { Radio, RefreshCw, Search } from 'lucide-react';
import { useEffect, useMemo, useRef, useState } from 'react';
import type { RunSummary } from '#shared/contract/cloud/common.ts';
import { Button } from '../look/Button.tsx';
import { formatCount, plural } from '../look/format.ts';
import { Input } from '../look/Input.tsx';
import { Kbd } from '../look/Kbd.tsx';
import { Screen } from '../look/Screen.tsx';
import { Segmented } from '../look/Segmented.tsx';
import { TabRow } from '../look/Tabs.tsx';
import { hasComputer } from '../state/hostFacts.ts';
import type { RetryWish } from '../state/runListSlice.ts';
import { isOver } from '../state/runView.ts';
import { editor, now, useEditor } from '../state/store.ts';
import { timeOfId } from './picking.ts';
import { RetryButton } from './RetryButton.tsx';
import { type Retried, RetryResults, retriedWords } from './RetryResults.tsx';
import { RunDetail, TRIGGERS, type Where } from './RunDetail.tsx';
import { RunTable } from './RunTable.tsx';

const LIST = 'runs-list';

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
  const computer = useEditor(hasComputer);
  const chosen = useEditor((state) => state.runsWhere);
  const where: Where = computer ? (chosen ?? (bound && signedIn ? 'hosted' : 'local')) : 'hosted';
  const runs = useEditor((state) => (where === 'local' ? state.localRuns : state.hostedRuns));
  const [filter, setFilter] = useState<Filter>('all');
  const [search, setSearch] = useState('');
  const lookedAt = useEditor((state) => state.lookedAt);
  /** The run whose detail takes the focus: the one opened by key. */
  const [focused, setFocused] = useState<string>();
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const [retrying, setRetrying] = useState(false);
  const [retried, setRetried] = useState<Retried[]>();
  const [cursor, setCursor] = useState<string>();
  const box = useRef<HTMLDivElement>(null);
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
        store.setState(({ localRuns, hostedRuns, lookedAt }) => {
          // The one that was led to may be older than what is listed at first.
          const before = where === 'local' ? localRuns : hostedRuns;
          const kept = before.filter(({ id }) => id === lookedAt && !data.some((run) => run.id === id));
          return where === 'local' ? { localRuns: [...data, ...kept] } : { hostedRuns: [...data, ...kept] };
        });
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
  // One that was led to is shown, whatever the list is filtered by.
  const open = runs.find((run) => run.id === lookedAt);
  // What the filter hides is not done again unseen.
  const pickedShown = shown.filter((run) => picked.has(run.id)).map((run) => run.id);
  /** From the failed step where there may be one; a single run that succeeded only has a start. */
  const wishFor = (ids: readonly string[]): RetryWish => {
    const only = ids.length === 1 ? runs.find((run) => run.id === ids[0]) : undefined;
    return { from: only?.status === 'succeeded' ? 'start' : 'failed', version: 'same' };
  };

  async function retry(ids: readonly string[], wish: RetryWish) {
    if (ids.length === 0 || retrying) return;
    setRetrying(true);
    const about = new Map(runs.map((run) => [run.id, run]));
    const answers = await now().retryRuns(ids, where, wish);
    const results = answers.map((answer): Retried => {
      const run = about.get(answer.runId);
      const startedAt = run?.startedAt ?? run?.queuedAt ?? timeOfId(answer.runId);
      return { ...answer, workflowName: run?.workflowName ?? '', startedAt };
    });
    setRetrying(false);
    setRetried(results);
    setPicked(new Set());
    now().announce(`${retriedWords(results)}.`);
  }

  function openRun(run: RunSummary | undefined, byKey = false) {
    editor().store.setState({ lookedAt: run?.id });
    setFocused(byKey ? run?.id : undefined);
  }

  function close() {
    const row = box.current?.querySelector<HTMLElement>(`[data-run="${lookedAt}"]`);
    openRun(undefined);
    row?.focus();
  }

  /** Escape closes the innermost only. */
  function onKeyDown(event: React.KeyboardEvent) {
    if (event.key !== 'Escape' || event.defaultPrevented || (event.target as HTMLElement).closest('input, textarea'))
      return;
    if (picked.size > 0) setPicked(new Set());
    else if (open) close();
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
        computer && (
          <Segmented
            label="Where"
            value={where}
            onChange={(next) => {
              editor().store.setState({ runsWhere: next, lookedAt: undefined });
              setPicked(new Set());
              setRetried(undefined);
            }}
            options={[
              { value: 'local', label: 'On this computer' },
              { value: 'hosted', label: 'Hosted' },
            ]}
          />
        )
      }
    >
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the button that closes does the same. */}
      <div className="relative flex min-h-0 flex-1 bg-panel" onKeyDown={onKeyDown}>
        <div ref={box} className="flex min-w-0 flex-1 flex-col">
          <div className="flex h-13 flex-none items-center gap-2 px-6 max-sm:px-4">
            {pickedShown.length > 0 ? (
              <>
                <span className="mr-1 text-body font-name tabular-nums">{formatCount(pickedShown.length)} picked</span>
                <RetryButton where={where} failed busy={retrying} onRetry={(wish) => void retry(pickedShown, wish)} />
                <Button look="ghost" onClick={() => setPicked(new Set())}>
                  Pick none
                </Button>
              </>
            ) : (
              <Input
                className="w-56"
                icon={<Search className="icon-s text-ink-3" aria-hidden />}
                aria-label="Search runs"
                placeholder="Run, workflow or error"
                value={search}
                onChange={(event) => setSearch(event.target.value)}
              />
            )}
            <span className="ml-auto text-small tabular-nums text-ink-3">{plural(shown.length, 'run')}</span>
          </div>
          {retried && <RetryResults results={retried} where={where} onClose={() => setRetried(undefined)} />}
          <TabRow<Filter>
            label="State"
            panel={LIST}
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
          <div id={LIST} role="tabpanel" aria-label="Runs" className="min-h-0 flex-1 overflow-auto">
            <RunTable
              runs={shown}
              open={open?.id}
              picked={new Set(pickedShown)}
              onPick={setPicked}
              onOpen={openRun}
              onShow={(run) => void now().showRun(run, where)}
              onRetry={(ids) => void retry(ids, wishFor(ids))}
            />
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
          <footer className="flex h-9 flex-none items-center gap-4 border-t border-line px-6 text-small text-ink-3 max-md:hidden">
            <Hint keys="J K" word="move" />
            <Hint keys="Enter" word="open" />
            <Hint keys="X" word="pick" />
            <Hint keys="R" word="retry" />
          </footer>
        </div>
        {open && <RunDetail key={open.id} run={open} where={where} focus={focused === open.id} onClose={close} />}
      </div>
    </Screen>
  );
}

function Hint({ keys, word }: { keys: string; word: string }) {
  return (
    <span className="flex items-center gap-1.5">
      <Kbd keys={keys} /> {word}
    </span>
  );
}
