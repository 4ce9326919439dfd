import { GitMerge, type LucideIcon, Rocket, TriangleAlert } from 'lucide-react';
import { type ReactNode, useEffect } from 'react';
import { useShallow } from 'zustand/react/shallow';
import type { ConflictEntry } from '#shared/contract/host/conflicts.ts';
import { needsPerson } from '#shared/merge/conflict.ts';
import { Count } from '../look/Badge.tsx';
import { cx } from '../look/cx.ts';
import { isOpen } from '../state/conflictsSlice.ts';
import { now, useEditor } from '../state/store.ts';
import { KINDS, placeOfConflict } from './conflictWords.ts';
import { HistoryList } from './HistoryList.tsx';

/** Everything that differs: what waits for an answer, what is not sent or not deployed yet, and what there was before. */
export function ChangesPanel() {
  const supports = useEditor((state) => state.host?.supports ?? []);
  const revision = useEditor((state) => state.doc?.info.sync.revision);
  const local = useEditor((state) => state.doc?.base.revision);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new revision, here or there, is a reason to ask again.
  useEffect(() => {
    const timer = setTimeout(() => void now().loadHistory(), 150);
    return () => clearTimeout(timer);
  }, [revision, local]);
  return (
    <div className="flex min-h-0 flex-1 flex-col">
      <h1 className="flex h-8.5 flex-none items-center px-4 font-heading">Changes</h1>
      <div className="flex min-h-0 flex-1 flex-col gap-4 overflow-auto px-2 pb-4">
        <Conflicts />
        <Told />
        {supports.includes('changes') && <CompareWith />}
        {supports.includes('history') && <HistoryList />}
      </div>
    </div>
  );
}

/** A part of the panel with its name and how many there are. */
export function Section({
  icon: Icon,
  title,
  count,
  ink = 'text-ink-3',
  children,
}: {
  icon: LucideIcon;
  title: string;
  count?: number;
  ink?: string;
  children: ReactNode;
}) {
  return (
    <section aria-label={title}>
      <h2 className="flex h-6.5 items-center gap-1.75 px-2 text-list font-name">
        <Icon className={cx('icon-s', ink)} aria-hidden />
        {title}
        {count !== undefined && (
          <span className="ml-auto">
            <Count>{count}</Count>
          </span>
        )}
      </h2>
      {children}
    </section>
  );
}

const ROW =
  'flex min-h-6.5 w-full items-center gap-2 rounded-control py-0.75 pr-2 pl-7.5 text-left text-list hover:bg-hover aria-[current]:bg-selected';

function Conflicts() {
  const open = useEditor(useShallow((state) => state.conflicts.filter(isOpen)));
  const tree = useEditor((state) => state.doc?.tree);
  const chosen = useEditor((state) => (state.looking ? undefined : state.conflictId));
  if (open.length === 0 || !tree) return null;
  return (
    <Section icon={TriangleAlert} title="Conflicts" count={open.length} ink="text-wait-ink">
      <ul>
        {open.map((record) => (
          <li key={record.id}>
            <button
              type="button"
              aria-current={record.id === chosen ? 'true' : undefined}
              onClick={() => now().openConflict(record.id)}
              className={ROW}
            >
              <span className="min-w-0 flex-1 truncate">{placeOfConflict(record, tree).title}</span>
              <span className="flex-none text-micro text-wait-ink">{KINDS[record.kind].word}</span>
            </button>
          </li>
        ))}
      </ul>
    </Section>
  );
}

const MOST_TOLD = 20;

/** What a merge decided by itself where both sides had touched something: told, nobody has to do anything. */
function Told() {
  const tree = useEditor((state) => state.doc?.tree);
  const told = useEditor(useShallow((state) => state.conflicts.filter((one: ConflictEntry) => !needsPerson(one.kind))));
  if (!tree || told.length === 0) return null;
  return (
    <Section icon={GitMerge} title="Merged by itself" count={told.length} ink="text-ok-ink">
      <ul>
        {told.slice(0, MOST_TOLD).map((record) => (
          <li key={record.id} className={cx(ROW, 'hover:bg-transparent')} title={KINDS[record.kind].told}>
            <span className="min-w-0 flex-1 truncate text-ink-2">{placeOfConflict(record, tree).title}</span>
            <span className="flex-none text-micro text-ink-3">{KINDS[record.kind].word}</span>
          </li>
        ))}
      </ul>
    </Section>
  );
}

/** What is here and not there: sent to the workspace, or running in an environment. */
function CompareWith() {
  const sync = useEditor((state) => state.doc?.info.sync);
  const against = useEditor((state) => state.looking?.against);
  const live = useEditor(useShallow((state) => state.deployments.filter((one) => one.status === 'active')));
  const versions = useEditor((state) => state.versions);
  if (!sync || sync.state === 'local_only') return null;
  const isHere = (environment: string) => {
    const versionId = live.find((one) => one.environment === environment)?.versionId;
    return sync.state === 'synced' && versions.find((one) => one.id === versionId)?.revision === sync.revision;
  };
  return (
    <Section icon={Rocket} title="What is not there yet">
      <ul>
        <li>
          <button
            type="button"
            aria-current={against?.kind === 'head' ? 'true' : undefined}
            onClick={() => void now().compareWith({ kind: 'head' })}
            className={ROW}
          >
            <span className="min-w-0 flex-1 truncate">In the workspace</span>
            <span className="flex-none text-micro tabular-nums text-ink-3">
              {sync.pending > 0 ? `${sync.pending} to send` : `all, r${sync.revision ?? 0}`}
            </span>
          </button>
        </li>
        {live.map((one) => (
          <li key={one.id}>
            <button
              type="button"
              aria-current={
                against?.kind === 'deployed' && against.environment === one.environment ? 'true' : undefined
              }
              onClick={() => void now().compareWith({ kind: 'deployed', environment: one.environment })}
              className={ROW}
            >
              <span className="min-w-0 flex-1 truncate">In {one.environment}</span>
              <span className="flex-none text-micro tabular-nums text-ink-3">
                v{one.versionNumber}
                {isHere(one.environment) ? ', the same' : ''}
              </span>
            </button>
          </li>
        ))}
      </ul>
    </Section>
  );
}
